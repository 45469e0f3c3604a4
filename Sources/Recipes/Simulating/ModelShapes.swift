import Collectives
import Foundation
import Groundwork
import ModelCore
import Published

/// The shape that a name stands for: a published model, another preset with experts, or the folder of a checkpoint.
/// - Throws: usage errors of `model` for an unknown name (with the known ones) and for a dense model
public func modelShape(_ name: String) throws -> ModelShape {
  if let shape = ModelShape.published.first(where: { $0.name == name }) { return shape }
  let folder = URL(fileURLWithPath: name, isDirectory: true)
  let config: ModelConfig
  if ModelConfig.presetNames.contains(name) {
    config = try .preset(name)
  } else if FileManager.default.fileExists(atPath: folder.appendingPathComponent("config.json").path) {
    config = try ModelConfig(contentsOf: folder)
  } else {
    throw UpcycleError.usage(
      "no such model", field: "model",
      expected: ModelShape.published.map(\.name).joined(separator: ", ") + ", or the folder of a checkpoint",
      found: name)
  }
  guard let shape = ModelShape(config, named: folder.lastPathComponent) else {
    throw UpcycleError.usage(
      "is a dense model: it has no experts, and so no communication to hide", field: "model", found: name)
  }
  return shape
}
