import Foundation
import Groundwork
import ModelCore
import TestKit

/// Configurations of small models of every kind, and what transformers computes of them.
let exportGoldens = repositoryRoot().appendingPathComponent("Tests/ExportTests/Goldens")

/// A model folder of random weights that are large enough for attention to look somewhere.
/// - Parameter name: of the configuration among the goldens
func goldenModel(_ name: String, in folder: URL, change: (inout ModelConfig) -> Void = { _ in }) throws -> URL {
  let url = folder.appendingPathComponent("model-\(name)", isDirectory: true)
  var config = try ModelConfig(contentsOf: exportGoldens.appendingPathComponent("\(name).config.json"))
  change(&config)
  try makeDirectory(url)
  try writeModelFolder(
    config, from: RandomWeights(seed: 1, deviation: 16 * 0.02, layers: config.layerCount), to: url)
  return url
}
