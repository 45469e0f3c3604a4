import Foundation
import Groundwork
import LabKit
import Upcycling

/// `placement`: chooses latent layers from a published score file (`strategy`, `count`), judges a printed list
/// (`layers`) by SMART's rule, or both. Exact: nothing is measured.
///
/// Metrics: `total` of the chosen list (or of the printed one), `violations` of the rule by the printed list (or the
/// chosen one), `differing` layers that are in one of the two only, and, for one `layer`, whether it is `chosen` (0 or
/// 1). Without `scores` the rule needs `layer_count`, and the ends are only asked to lie in their windows.
let placementStage = Stage(
  name: "placement", version: 1, parameters: ["scores", "layer_count", "strategy", "count", "layers", "layer"],
  seeded: false,
  inputs: { config in
    guard let file = try scoreFile(StageParameters(config)) else { return [:] }
    return ["scores": sha256(String(decoding: try readFile(file), as: UTF8.self))]
  },
  run: { context in
    let parameters = StageParameters(context.config)
    let scores = try scoreFile(parameters).map { try LayerScores(contentsOf: $0).values }
    let count = try parameters.int("count")
    let printed = try parameters.optional("layers") { $0.array?.compactMap(\.int) }
    var metrics: [String: Metric] = [:]
    var chosen: LayerPlacement?
    if let scores, context.config["strategy"] != nil {
      chosen = try LayerPlacement(
        try parameters.choice("strategy", LayerPlacement.Strategy.self), count: count, scores: scores)
    }
    guard let list = printed ?? chosen?.layers else {
      throw UpcycleError("neither \"layers\" nor \"strategy\" with \"scores\" is given", at: "placement")
    }
    let layerCount = try scores?.count ?? parameters.int("layer_count")
    guard (1...max(1, layerCount)).contains(count), list.allSatisfy((0..<layerCount).contains) else {
      throw UpcycleError.usage(
        "has no such layers", at: "placement", expected: "at most \(layerCount)", found: "\(count) of \(list)")
    }
    let rule = PlacementRule(layerCount: layerCount, count: count)
    metrics["violations"] = Metric(Double(rule.violations(of: list, scores: scores).count))
    if let scores { metrics["total"] = Metric((chosen?.layers ?? list).reduce(0) { $0 + scores[$1] }) }
    if let printed, let chosen {
      metrics["differing"] = Metric(Double(Set(printed).symmetricDifference(chosen.layers).count))
    }
    if let layer = try parameters.optional("layer", { $0.int }) {
      metrics["chosen"] = Metric(list.contains(layer) ? 1 : 0)
    }
    return StageResult(metrics: metrics)
  })

/// A score file is named from `experiments/`, such as `zebra/published/table10.csv`.
private func scoreFile(_ parameters: StageParameters) throws -> URL? {
  try parameters.optional("scores") { $0.string }.map { name in
    let experiments = try Places().root.appendingPathComponent("experiments")
    let file = experiments.appendingPathComponent(name)
    guard
      file.standardizedFileURL.resolvingSymlinksInPath().path.hasPrefix(
        experiments.standardizedFileURL.resolvingSymlinksInPath().path + "/")
    else {
      throw UpcycleError("names a file outside the experiments folder", at: "scores", found: "\"\(name)\"")
    }
    return file
  }
}
