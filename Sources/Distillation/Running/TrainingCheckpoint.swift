import Autograd
import Foundation
import Groundwork
import ModelCore
import TensorCore

/// The state of a run between two steps: parameters and both moments in float32, and the step. Batches and
/// random draws are functions of the step, so this is all that a bit-exact resume needs.
///
/// One file under a name that holds the step (`state-120.safetensors`); a new one is complete before the old
/// is removed, so kill -9 at any moment leaves a whole checkpoint.
public enum TrainingCheckpoint {
  private static let tensors = ["parameters", "moment1", "moment2"]

  /// Writes a state beside those that are there: the old one goes when every rank has its new one.
  static func write(_ folder: URL, step: Int, _ model: LanguageModel, _ optimizer: AdamW) throws {
    try makeDirectory(folder)
    let count = model.parameters.count
    let url = url(folder, step)
    let writer = try SafetensorsWriter(
      url, tensors: tensors.map { TensorSpec($0, [count]) }, type: .float32,
      metadata: ["step": String(step), "optimizer_step": String(optimizer.step)])
    for (name, values) in zip(tensors, [model.parameters.values, optimizer.first, optimizer.second]) {
      try writer.write(name, UnsafeBufferPointer(start: values.pointer, count: count))
    }
    try writer.commit()
  }

  /// Removes all states but one.
  static func remove(_ folder: URL, but step: Int) throws {
    for old in try states(folder) where old.step != step { try? FileManager.default.removeItem(at: old.url) }
  }

  /// Steps of the states that are there.
  public static func steps(_ folder: URL) throws -> [Int] { try states(folder).map(\.step) }

  /// Loads the state of a step into model and optimizer.
  static func load(_ folder: URL, step: Int, into model: LanguageModel, _ optimizer: AdamW) throws {
    let url = Self.url(folder, step)
    let file = try SafetensorsFile(url)
    let count = model.parameters.count
    for (name, values) in zip(tensors, [model.parameters.values, optimizer.first, optimizer.second]) {
      guard file.info(name)?.shape == [count] else {
        throw UpcycleError(
          "checkpoint does not fit the model", at: "\(url.path): \(name)", expected: "[\(count)]",
          found: file.info(name).map { "\($0.shape)" } ?? "nothing")
      }
      try file.readFloats(name, into: values.pointer)
    }
    optimizer.step = file.metadata["optimizer_step"].flatMap(Int.init) ?? step
  }

  /// Removes what a killed process was writing.
  static func removeLeftovers(_ folder: URL) {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    for name in names where name.hasPrefix(".state-") && name.hasSuffix(".tmp") {
      try? FileManager.default.removeItem(at: folder.appendingPathComponent(name))
    }
  }

  /// The newest state's file.
  static func newest(_ folder: URL) throws -> URL? { try states(folder).max { $0.step < $1.step }?.url }

  private static func url(_ folder: URL, _ step: Int) -> URL {
    folder.appendingPathComponent("state-\(step).safetensors")
  }

  private static func states(_ folder: URL) throws -> [(step: Int, url: URL)] {
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder.path) else { return [] }
    return names.compactMap { name in
      guard name.hasPrefix("state-"), name.hasSuffix(".safetensors"),
        let step = Int(name.dropFirst(6).dropLast(12))
      else { return nil }
      return (step, folder.appendingPathComponent(name))
    }
  }
}
