import Collectives
import Foundation
import Groundwork
import ModelCore
import Published

/// The shape that a name stands for: a published model, another preset with experts, or the folder of a checkpoint.
/// - Throws: usage errors of `model` for an unknown name (with the known ones) and for a dense model
public func modelShape(_ name: String) throws -> ModelShape {
  if let shape = ModelShape.published.first(where: { $0.name == name }) { return shape }
  let config = try presetOrFolder(name, known: ModelShape.published.map(\.name))
  guard let shape = ModelShape(config, named: URL(fileURLWithPath: name).lastPathComponent) else {
    throw UpcycleError.usage(
      "is a dense model: it has no experts, and so no communication to hide", field: "model", found: name)
  }
  return shape
}

/// The configuration that a name stands for: a preset, or the folder of a checkpoint.
/// - Parameter known: names that a refusal lists
/// - Throws: usage errors of `model` for an unknown name
public func presetOrFolder(_ name: String, known: [String] = ModelConfig.presetNames) throws -> ModelConfig {
  if ModelConfig.presetNames.contains(name) { return try .preset(name) }
  let folder = URL(fileURLWithPath: name, isDirectory: true)
  if FileManager.default.fileExists(atPath: folder.appendingPathComponent("config.json").path) {
    return try ModelConfig(contentsOf: folder)
  }
  throw UpcycleError.usage(
    "no such model", field: "model", expected: known.joined(separator: ", ") + ", or the folder of a checkpoint",
    found: name)
}
