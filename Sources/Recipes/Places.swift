import Foundation
import Groundwork
import LabKit

/// Where a checkout keeps things: the folder with `experiments/`, found from the working folder upwards
/// (or named by UPCYCLE_ROOT).
public struct Places: Sendable {
  public let root: URL

  public init() throws {
    let named = ProcessInfo.processInfo.environment["UPCYCLE_ROOT"].map { URL(fileURLWithPath: $0) }
    root =
      try named ?? Laboratory.containing(URL(fileURLWithPath: FileManager.default.currentDirectoryPath)).root
  }

  /// Committed pretrained models and their tokenizer.
  public var teachers: URL { root.appendingPathComponent("experiments/teachers") }
  public var tokenizer: URL { teachers.appendingPathComponent("tokenizer") }
  /// Token shards of generated text; rebuilt when absent.
  public var microworld: URL { root.appendingPathComponent("runs/microworld") }

  public func teacher(_ preset: String, seed: Int) -> URL { teachers.appendingPathComponent("\(preset)-seed\(seed)") }
}
