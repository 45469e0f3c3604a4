import Foundation
import LabKit
import ModelCore
import Upcycling

/// Which layers are latent: a list, or the `count` that a strategy finds in measured scores.
enum ComposeParameters: StageParameters {
  case list([Int])
  case strategy(LayerPlacement.Strategy, count: Int, windows: Int)

  enum CodingKeys: String, CodingKey, CaseIterable { case layers, strategy, count, windows }

  static func names(buildingOn roles: Set<String>) -> [String] {
    let keys: [CodingKeys] = roles.contains("scores") ? [.strategy, .count, .windows] : [.layers]
    return keys.map(\.stringValue)
  }

  init(from decoder: any Decoder) throws {
    let box = try decoder.container(keyedBy: CodingKeys.self)
    if box.contains(.strategy) {
      self = .strategy(
        try box.decode(OneOf<LayerPlacement.Strategy>.self, forKey: .strategy).wrappedValue,
        count: try box.decode(Int.self, forKey: .count), windows: try box.decode(Int.self, forKey: .windows))
    } else {
      self = .list(try box.decode([Int].self, forKey: .layers))
    }
  }
}

/// `compose`: the hybrid of two `ild` outputs; latent layers are named, or chosen by the scores of a `sensitivity`
/// or `guided` parent, by `greedy` measured anew. Series `latent`: the layers; metrics of a choice `total`: their summed scores, and
/// `layer1`, `layer2`, …: the layers.
let composeStage = Stage(
  name: "compose", version: 1, parents: ["base", "latent", "linear", "scores?"], parameters: ComposeParameters.self,
  seeded: false,
  run: { context, parameters in
    var metrics: [String: Metric] = [:]
    let layers: [Int]
    switch parameters {
    case .list(let list): layers = list
    case .strategy(let strategy, let count, let windows):
      let placement = try chosenLayers(strategy, count: count, windows: windows, context)
      layers = placement.layers
      metrics["total"] = Metric(placement.total)
      metrics.merge(layerMetrics(layers)) { $1 }
    }
    let folder = context.folder
    let made = folder.appendingPathComponent("model")
    _ = try Composition(latentLayers: layers).write(
      base: context.parent("base").folder, latent: context.parent("latent").folder,
      linear: context.parent("linear").folder, to: made)
    try moveContents(of: made, to: folder)
    return StageResult(metrics: metrics, series: ["latent": layerSeries(layers)])
  })

/// Chosen layers as metrics `layer1`, `layer2`, ….
func layerMetrics(_ layers: [Int]) -> [String: Metric] {
  Dictionary(uniqueKeysWithValues: layers.enumerated().map { ("layer\($0 + 1)", Metric(Double($1))) })
}

/// The same as points.
func layerSeries(_ layers: [Int]) -> [[Double]] { layers.enumerated().map { [Double($0), Double($1)] } }

/// Moves a folder's files into another one, over those of the same names, and removes it.
func moveContents(of made: URL, to folder: URL) throws {
  for name in try FileManager.default.contentsOfDirectory(atPath: made.path) {
    let target = folder.appendingPathComponent(name)
    try? FileManager.default.removeItem(at: target)
    try FileManager.default.moveItem(at: made.appendingPathComponent(name), to: target)
  }
  try FileManager.default.removeItem(at: made)
}

private func chosenLayers(
  _ strategy: LayerPlacement.Strategy, count: Int, windows: Int, _ context: StageContext
) throws -> LayerPlacement {
  let scores = try LayerScores(contentsOf: scoreFile(in: context.parent("scores").folder)).values
  let placement = try LayerPlacement(strategy, count: count, scores: scores)
  guard strategy == .greedy else { return placement }
  let choices = try greedyLayers(
    base: LanguageModel(folder: context.parent("base").folder),
    latent: LanguageModel(folder: context.parent("latent").folder),
    linear: LanguageModel(folder: context.parent("linear").folder), windows: scoredWindows(windows, context),
    count: count
  ) { done, total in
    context.progress(done, of: total, "batches")
    try context.checkInterrupt()
  }
  return LayerPlacement(.greedy, layers: choices.map(\.layer), scores: scores)
}
