import Foundation
import Groundwork

/// Where a checkout keeps things: the folder with `experiments/`, found from the working folder upwards
/// (or named by UPCYCLE_ROOT).
public struct Places: Sendable {
  public let root: URL

  public init() throws {
    if let named = ProcessInfo.processInfo.environment["UPCYCLE_ROOT"] {
      root = URL(fileURLWithPath: named)
      return
    }
    var url = URL(fileURLWithPath: FileManager.default.currentDirectoryPath)
    while !FileManager.default.fileExists(atPath: url.appendingPathComponent("experiments/teachers").path) {
      if url.path == "/" {
        throw UpcycleError(
          "not inside a checkout: no experiments/teachers here or above",
          at: FileManager.default.currentDirectoryPath, hint: "run this in the repository, or set UPCYCLE_ROOT")
      }
      url.deleteLastPathComponent()
    }
    root = url
  }

  /// Committed pretrained models and their tokenizer.
  public var teachers: URL { root.appendingPathComponent("experiments/teachers") }
  public var tokenizer: URL { teachers.appendingPathComponent("tokenizer") }
  /// Token shards of generated text; rebuilt when absent.
  public var microworld: URL { root.appendingPathComponent("runs/microworld") }

  public func teacher(_ preset: String, seed: Int) -> URL { teachers.appendingPathComponent("\(preset)-seed\(seed)") }
}
