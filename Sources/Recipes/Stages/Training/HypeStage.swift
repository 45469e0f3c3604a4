import Foundation
import LabKit
import ModelCore
import TokenData
import Upcycling

/// How HypeNet's attention layers are chosen.
struct SwapSearchParameters: StageParameters {
  /// Layers that keep attention.
  var count: Int
  /// Of 256 tokens, that losses are measured on.
  var windows: Int

  enum CodingKeys: String, CodingKey, CaseIterable { case count, windows }
}

/// `swap_search`: the layers of `base` that are missed most when those of `linear` take their places, on training text that
/// evaluation never sees; what it leaves is HypeNet's hybrid of them. Metrics `s0`, `s1`, … (KL without a layer), `layer1`, …;
/// series `attention`: the layers.
let swapSearchStage = Stage(
  name: "swap_search", version: 1, parents: ["base", "linear"], parameters: SwapSearchParameters.self, seeded: false,
  run: { context, parameters in
    let made = context.folder.appendingPathComponent("model")
    let (losses, layers) = try SwapSearching(
      base: context.parent("base").folder, linear: context.parent("linear").folder, count: parameters.count,
      windows: scoredWindows(parameters.windows, context)
    ).run(to: made, report: { context.progress($0, of: $1, "layers") }, shouldStop: { context.isInterrupted })
    try moveContents(of: made, to: context.folder)
    var metrics = Dictionary(uniqueKeysWithValues: losses.enumerated().map { ("s\($0)", Metric($1)) })
    metrics.merge(layerMetrics(layers)) { $1 }
    return StageResult(metrics: metrics, series: ["attention": layerSeries(layers)])
  })
