import Foundation
import Groundwork
import LabKit

/// A file that a reader brings along and that is not committed: a checkpoint, a tokenizer, a text. Experiments name it
/// with its hash, so that keys do not depend on whether it is there and another file under its name is refused.
struct GivenFile {
  /// Below the folder `data` of UPCYCLE_SHARED (default: the folder `shared` beside the checkout).
  let path: String
  /// Hexadecimal SHA-256 of its bytes.
  let sha256: String

  /// Where it is.
  /// - Throws: `InputAbsent` where it is not; a clear error where its bytes are others.
  func located() throws -> URL {
    let shared =
      try ProcessInfo.processInfo.environment["UPCYCLE_SHARED"].map { URL(fileURLWithPath: $0) }
      ?? Places().root.deletingLastPathComponent().appendingPathComponent("shared")
    let url = shared.appendingPathComponent("data").appendingPathComponent(path)
    guard FileManager.default.fileExists(atPath: url.path) else {
      throw InputAbsent("data/\(path) in the folder that UPCYCLE_SHARED names")
    }
    let found = try Groundwork.sha256(fileAt: url)
    guard found == sha256 else {
      throw UpcycleError(
        "is another file than the experiment was written for", at: url.path, expected: "SHA-256 \(sha256)",
        found: found)
    }
    return url
  }
}
