import Collectives
import Groundwork
import LabKit

/// A stack of blocks of given durations.
struct SimulateDurationsParameters: StageParameters {
  /// Forward milliseconds, `A=2,B=3,...`.
  var durations: String
  var layers: Int
  @OneOf var method: OverlapMethod
  /// Slow-down of computation while a collective flies.
  var kappa: Double

  enum CodingKeys: String, CodingKey, CaseIterable { case durations, layers, method, kappa }
}

/// `simulate_durations`: a stack of blocks under one method. Metrics `forward_standard`, `forward`, `backward_standard`,
/// `backward`, `overlap_forward`, `overlap`, `speedup`, and by formula `formula_difference`: the largest distance in
/// milliseconds of an event time from its closed form.
let simulateDurationsStage = Stage(
  name: "simulate_durations", version: 1, parameters: SimulateDurationsParameters.self, seeded: false,
  run: { _, parameters in
    let model = OverlapModel(
      durations: try LayerDurations(parsing: parameters.durations), layers: parameters.layers,
      slowdown: .whileInFlight(parameters.kappa))
    let method = parameters.method
    let (standard, times) = (model.training(.standard), model.training(method))
    var metrics = [
      "forward_standard": standard.forward.milliseconds, "backward_standard": standard.backward!.milliseconds,
      "forward": times.forward.milliseconds, "backward": times.backward!.milliseconds,
      "overlap_forward": times.forward.overlap, "overlap": times.overlap,
      "speedup": standard.milliseconds / times.milliseconds,
    ]
    if let forward = model.closedForm(method, .forward), let backward = model.closedForm(method, .backward) {
      let differences = [times.forward.milliseconds - forward, times.backward!.milliseconds - backward]
      metrics["formula_difference"] = differences.map(\.magnitude).max()
    }
    return StageResult(metrics: metrics.mapValues { Metric($0) })
  })
