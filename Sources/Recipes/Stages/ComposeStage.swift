import Foundation
import Groundwork
import LabKit
import ModelCore
import TokenData
import Upcycling

/// `sensitivity`: SMART's scores, measured on training text that evaluation never sees. Metrics `divergence` (all
/// linear) and `s0`, `s1`, …; series `scores` by layer; `scores.csv` for `compose`.
let sensitivityStage = Stage(
  name: "sensitivity", version: 1, parents: ["base", "latent", "linear"], parameters: ["windows"], seeded: false,
  run: { context in
    let (divergence, scores) = try layerSensitivities(
      base: LanguageModel(folder: context.parent("base").folder),
      latent: LanguageModel(folder: context.parent("latent").folder),
      linear: LanguageModel(folder: context.parent("linear").folder), windows: scoredWindows(context)
    ) { done, total in
      context.progress(done, of: total, "batches")
      try context.checkInterrupt()
    }
    try LayerScores(scores).save(to: context.folder.appendingPathComponent("scores.csv"))
    var metrics = Dictionary(uniqueKeysWithValues: scores.enumerated().map { ("s\($0)", Metric($1)) })
    metrics["divergence"] = Metric(divergence)
    return StageResult(metrics: metrics, series: ["scores": scores.enumerated().map { [Double($0), $1] }])
  })

/// `windows` windows of 256 tokens from the end of the corpus, which short trainings do not reach.
private func scoredWindows(_ context: StageContext) throws -> [[Int32]] {
  let tokenizer = try Tokenizer.load(from: try context.parent("base").folder)
  let shards = try MicroworldText(try Places().microworld).shards(
    .instruction, tokens: corpusTokens, tokenizer: tokenizer)
  return try (1...(try StageParameters(context.config).int("windows"))).map {
    try shards.read(shards.count - $0 * 256..<shards.count - ($0 - 1) * 256)
  }
}

/// `layer_score`: one `layer`'s score of a `sensitivity` parent, as metric `sensitivity`.
let layerScoreStage = Stage(
  name: "layer_score", version: 1, parents: ["scores"], parameters: ["layer"], seeded: false,
  run: { context in
    let scores = try LayerScores(contentsOf: context.parent("scores").folder.appendingPathComponent("scores.csv"))
      .values
    let layer = try StageParameters(context.config).int("layer")
    guard scores.indices.contains(layer) else {
      throw UpcycleError.usage(
        "layer out of range", at: "layer", expected: "0...\(scores.count - 1)", found: "\(layer)")
    }
    return StageResult(metrics: ["sensitivity": Metric(scores[layer])])
  })

/// `compose`: the hybrid of two `ild` outputs; latent layers are named (`layers`) or chosen (`strategy`, `count`) by
/// the scores of a `sensitivity` parent, by `greedy` measured anew on `windows` windows. Series `latent`: the layers;
/// metrics `total`: their summed scores, and `layer1`, `layer2`, …: the layers.
let composeStage = Stage(
  name: "compose", version: 1, parents: ["base", "latent", "linear", "scores"],
  parameters: ["layers", "strategy", "count", "windows"],
  seeded: false,
  run: { context in
    let parameters = StageParameters(context.config)
    var metrics: [String: Metric] = [:]
    var layers = try parameters.optional("layers") { $0.array?.compactMap(\.int) }
    if layers == nil {
      let scores = try LayerScores(contentsOf: context.parent("scores").folder.appendingPathComponent("scores.csv"))
        .values
      let (strategy, count) = (
        try parameters.choice("strategy", LayerPlacement.Strategy.self), try parameters.int("count")
      )
      var placement = try LayerPlacement(strategy, count: count, scores: scores)
      if strategy == .greedy {
        let choices = try greedyLayers(
          base: LanguageModel(folder: context.parent("base").folder),
          latent: LanguageModel(folder: context.parent("latent").folder),
          linear: LanguageModel(folder: context.parent("linear").folder), windows: scoredWindows(context), count: count
        ) { done, total in
          context.progress(done, of: total, "batches")
          try context.checkInterrupt()
        }
        placement = LayerPlacement(.greedy, layers: choices.map(\.layer), scores: scores)
      }
      layers = placement.layers
      metrics["total"] = Metric(placement.total)
      for (place, layer) in placement.layers.enumerated() { metrics["layer\(place + 1)"] = Metric(Double(layer)) }
    }
    let folder = context.folder
    let made = folder.appendingPathComponent("model")
    _ = try Composition(latentLayers: layers!).write(
      base: context.parent("base").folder, latent: context.parent("latent").folder,
      linear: context.parent("linear").folder, to: made)
    for name in try FileManager.default.contentsOfDirectory(atPath: made.path) {
      let target = folder.appendingPathComponent(name)
      try? FileManager.default.removeItem(at: target)
      try FileManager.default.moveItem(at: made.appendingPathComponent(name), to: target)
    }
    try FileManager.default.removeItem(at: made)
    return StageResult(metrics: metrics, series: ["latent": layers!.enumerated().map { [Double($0), Double($1)] }])
  })
