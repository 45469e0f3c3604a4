import Foundation
import XCTest

/// The folder of parity oracles, vectors and real data beside the repository, when it is there:
/// `UPCYCLE_SHARED`, else `../shared`. Tests that need it skip with "skipped: ../shared absent" without it.
public func sharedFolder(_ path: String, file: StaticString = #filePath) throws -> URL {
  let root =
    ProcessInfo.processInfo.environment["UPCYCLE_SHARED"].map { URL(fileURLWithPath: $0) }
    ?? repositoryRoot().deletingLastPathComponent().appendingPathComponent("shared")
  let url = root.appendingPathComponent(path)
  guard FileManager.default.fileExists(atPath: url.path) else { throw XCTSkip("skipped: ../shared absent (\(path))") }
  return url
}

/// The folder that holds Package.swift.
public func repositoryRoot() -> URL {
  var url = URL(fileURLWithPath: #filePath)
  repeat {
    url.deleteLastPathComponent()
  } while url.path != "/"
    && !FileManager.default.fileExists(atPath: url.appendingPathComponent("Package.swift").path)
  return url
}

/// A fresh folder under the system's temporary folder, removed by the caller's `defer` or left to the system.
public func temporaryFolder() throws -> URL {
  let url = FileManager.default.temporaryDirectory.appendingPathComponent("upcycle-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  return url
}
