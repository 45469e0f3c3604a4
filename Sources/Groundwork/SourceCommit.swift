import Foundation

/// The abbreviated commit of a checkout, `-dirty` when its sources differ from it; `unknown` outside git.
public func sourceCommit(of root: URL) -> String {
  guard let head = git(["rev-parse", "--short=10", "HEAD"], in: root) else { return "unknown" }
  let changes = git(["status", "--porcelain", "--", "Sources", "Package.swift"], in: root)
  return changes?.isEmpty == false ? "\(head)-dirty" : head
}

private func git(_ arguments: [String], in folder: URL) -> String? {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
  process.arguments = ["git"] + arguments
  process.currentDirectoryURL = folder
  let output = Pipe()
  process.standardOutput = output
  process.standardError = FileHandle.nullDevice
  guard (try? process.run()) != nil else { return nil }
  let data = output.fileHandleForReading.readDataToEndOfFile()
  process.waitUntilExit()
  if process.terminationStatus != 0 { return nil }
  return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
}
