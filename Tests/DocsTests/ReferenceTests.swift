import Foundation
import Groundwork
import TestKit
import XCTest

/// The reference of the main modules builds, and its pages link to symbols that exist.
final class ReferenceTests: XCTestCase {
  func testTheReferenceBuildsWithoutADeadLink() throws {
    let search = try launch("/bin/bash", ["-c", "ls \"$(dirname \"$(readlink -f \"$(command -v swift)\")\")/docc\""])
    guard search.status == 0 else { throw XCTSkip("skipped: docc absent") }
    let out = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: out) }
    let result = try launch(
      repositoryRoot().appendingPathComponent("Scripts/documentation.sh").path, [],
      environment: ["BUILD": builtProducts().path, "OUT": out.path])
    XCTAssertEqual(result.status, 0, result.error)
  }
}
