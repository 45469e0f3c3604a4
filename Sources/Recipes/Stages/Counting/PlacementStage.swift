import Foundation
import Groundwork
import LabKit
import Upcycling

/// What is chosen or judged.
struct PlacementParameters: StageParameters {
  /// A score file below `experiments/`, such as `zebra/published/table10.csv`.
  var scores: String?
  var layerCount: Int?
  var strategy: OneOf<LayerPlacement.Strategy>?
  var count: Int
  /// A printed list.
  var layers: [Int]?
  var layer: Int?

  enum CodingKeys: String, CodingKey, CaseIterable {
    case scores
    case layerCount = "layer_count"
    case strategy, count, layers, layer
  }

  func scoreFile() throws -> URL? {
    try scores.map { name in
      let experiments = try Places().root.appendingPathComponent("experiments")
      let file = experiments.appendingPathComponent(name)
      guard
        resolvedPath(file).hasPrefix(
          resolvedPath(experiments) + "/")
      else {
        throw UpcycleError.usage("names a file outside the experiments folder", field: "scores", found: "\"\(name)\"")
      }
      return file
    }
  }
}

/// `placement`: chooses latent layers from a published score file (`strategy`, `count`), judges a printed list
/// (`layers`) by SMART's rule, or both. Exact: nothing is measured.
///
/// Metrics: `total` of the chosen list (or of the printed one), `violations` of the rule by the printed list (or the
/// chosen one), `differing` layers that are in one of the two only, and, for one `layer`, whether it is `chosen` (0 or
/// 1). Without `scores` the rule needs `layer_count`, and the ends are only asked to lie in their windows.
let placementStage = Stage(
  name: "placement", version: 1, parameters: PlacementParameters.self, seeded: false,
  inputs: { parameters in
    guard let file = try parameters.scoreFile() else { return [:] }
    return ["scores": sha256(String(decoding: try readFile(file), as: UTF8.self))]
  },
  run: { _, parameters in
    let scores = try parameters.scoreFile().map { try LayerScores(contentsOf: $0).values }
    let (count, printed) = (parameters.count, parameters.layers)
    var metrics: [String: Metric] = [:]
    var chosen: LayerPlacement?
    if let scores, let strategy = parameters.strategy?.wrappedValue {
      chosen = try LayerPlacement(strategy, count: count, scores: scores)
    }
    guard let list = printed ?? chosen?.layers else {
      throw UpcycleError("neither `layers` nor `strategy` with `scores` is given", at: "placement")
    }
    guard let layerCount = scores?.count ?? parameters.layerCount else {
      throw UpcycleError.usage("is missing", field: "layer_count")
    }
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
    if let layer = parameters.layer {
      metrics["chosen"] = Metric(list.contains(layer) ? 1 : 0)
    }
    return StageResult(metrics: metrics)
  })
