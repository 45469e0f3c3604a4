import Foundation
import TestKit
import XCTest

/// A finished run of one of our executables.
struct CommandResult {
  var status: Int32
  var output: String
  var error: String

  /// The error lines that a user sees (progress lines aside).
  var errorLines: [String] { error.split(separator: "\n").map(String.init).filter { $0.hasPrefix("error:") } }
}

/// Runs a built executable (beside the test bundle), or one of the system by its path, in the repository root and
/// waits.
/// - Parameter killAfter: kill -9 after so many seconds.
func launch(_ tool: String, _ arguments: [String], killAfter seconds: Double? = nil) throws -> CommandResult {
  let folder = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
  let process = Process()
  process.executableURL = tool.hasPrefix("/") ? URL(fileURLWithPath: tool) : folder.appendingPathComponent(tool)
  process.arguments = arguments
  process.currentDirectoryURL = repositoryRoot()
  let scratch = try temporaryFolder()
  defer { try? FileManager.default.removeItem(at: scratch) }
  // Files, not pipes: nothing blocks however much is printed.
  let outputs = try ["out", "err"].map { name -> FileHandle in
    let url = scratch.appendingPathComponent(name)
    _ = FileManager.default.createFile(atPath: url.path, contents: nil)
    return try FileHandle(forUpdating: url)
  }
  process.standardOutput = outputs[0]
  process.standardError = outputs[1]
  process.standardInput = FileHandle.nullDevice
  try process.run()
  if let seconds {
    Thread.sleep(forTimeInterval: seconds)
    kill(process.processIdentifier, SIGKILL)
  }
  process.waitUntilExit()
  let texts = ["out", "err"].map { name in
    (try? String(decoding: Data(contentsOf: scratch.appendingPathComponent(name)), as: UTF8.self)) ?? ""
  }
  return CommandResult(status: process.terminationStatus, output: texts[0], error: texts[1])
}

/// Runs a built executable on ranks of Open MPI; skips the test where there is no mpirun.
func launchRanks(_ count: Int, _ tool: String, _ arguments: [String]) throws -> CommandResult {
  try launchJob(tool, Array(repeating: arguments, count: count))
}

/// The same with arguments for each rank, which mpirun gets as ": -np 1 TOOL ARGUMENTS".
func launchJob(_ tool: String, _ arguments: [[String]]) throws -> CommandResult {
  let mpirun = "/usr/bin/mpirun"
  guard FileManager.default.isExecutableFile(atPath: mpirun) else { throw XCTSkip("skipped: mpirun absent") }
  let path = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent().appendingPathComponent(tool)
    .path
  let ranks = arguments.map { ["-np", "1", path] + $0 }.joined(separator: [":"])
  return try launch(
    mpirun, ["--allow-run-as-root", "--oversubscribe", "--mca", "btl_vader_single_copy_mechanism", "none"] + ranks)
}

/// Fails unless the command ends with `status` and exactly one error line that contains `words`.
func assertRefused(
  _ tool: String, _ arguments: [String], status: Int32, saying words: [String], file: StaticString = #filePath,
  line: UInt = #line
) throws {
  let result = try launch(tool, arguments)
  let command = "\(tool) \(arguments.joined(separator: " "))"
  XCTAssertEqual(result.status, status, "\(command)\n\(result.error)", file: file, line: line)
  XCTAssertEqual(result.errorLines.count, 1, "\(command)\n\(result.error)", file: file, line: line)
  for word in words {
    XCTAssertTrue(
      result.errorLines.first?.contains(word) == true, "\(command)\nexpected \"\(word)\" in: \(result.error)",
      file: file, line: line)
  }
}
