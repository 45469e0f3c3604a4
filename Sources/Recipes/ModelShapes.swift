import Collectives
import Foundation
import Groundwork
import ModelCore
import Published

/// The shape that a name stands for: a published model, another preset with experts, or the folder of a checkpoint.
/// - Throws: usage errors at `option` for an unknown name (with the known ones) and for a dense model
public func modelShape(_ name: String, option: String) throws -> ModelShape {
  let folder = URL(fileURLWithPath: name, isDirectory: true)
  let config: ModelConfig
  if ModelConfig.presetNames.contains(name) {
    config = try .preset(name)
  } else if FileManager.default.fileExists(atPath: folder.appendingPathComponent("config.json").path) {
    config = try ModelConfig(contentsOf: folder)
  } else {
    throw UpcycleError.usage(
      "no such model", at: option,
      expected: ModelConfig.publishedWithExperts.joined(separator: ", ") + ", or the folder of a checkpoint",
      found: name)
  }
  guard let shape = ModelShape(config, named: folder.lastPathComponent) else {
    throw UpcycleError.usage(
      "is a dense model: it has no experts, and so no communication to hide", at: option, found: name)
  }
  return shape
}
