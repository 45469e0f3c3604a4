import Collectives
import Groundwork
import LabKit

/// A method at full scale. `model` is a published one's name or the folder of a checkpoint.
struct ScenarioParameters: StageParameters {
  var model: String
  @OneOf var mode: Workload.Mode
  /// nil: the mode's.
  var batch: Int?
  /// nil: the mode's.
  var sequence: Int?
  @OneOf var method: OverlapMethod
  /// TFLOP/s; nil: an MI300X's.
  var peak: Double?
  /// nil: fitted.
  var efficiency: Double?
  /// nil: fitted.
  var kappa: Double?
  /// GB/s inside a node.
  var intra: Double
  /// GB/s between nodes.
  var inter: Double
  var gpus: Int

  enum CodingKeys: String, CodingKey, CaseIterable {
    case model, mode, batch, sequence, method, peak, efficiency, kappa, intra, inter, gpus
  }

  /// - Throws: usage errors for methods and numbers of GPUs that the scenario does not have
  func scenario() throws -> Scenario {
    var scenario = Scenario(
      try modelShape(model), mode: mode, batch: batch, sequence: sequence, fit: Calibration(.throughout),
      efficiency: efficiency, kappa: kappa)
    if let peak { scenario.accelerator.peak = peak }
    scenario.accelerator.intraBandwidth = intra
    scenario.accelerator.interBandwidth = inter
    guard scenario.methods.contains(method) else {
      throw UpcycleError.usage(
        "has no schedule for \(mode.rawValue)", field: "method",
        expected: scenario.methods.map(\.rawValue).joined(separator: ", "), found: method.rawValue)
    }
    try scenario.require(gpus: gpus)
    return scenario
  }
}

/// `simulate`: one method at full scale on `gpus`, by events; nothing is measured.
///
/// Metrics `speedup` over the ordinary block, `ms` and `standard_ms` of a step's blocks with experts, `overlap`,
/// `overlap_forward`, `overlap_backward` (training; both 1 - exposed / isolated), `share` of communication in the
/// ordinary step, `gpus`, and what it rests on: `efficiency`, `kappa`.
let simulateStage = Stage(
  name: "simulate", version: 1, parameters: ScenarioParameters.self, seeded: false,
  run: { _, parameters in
    let scenario = try parameters.scenario()
    let gpus = parameters.gpus
    let times = scenario.times(parameters.method, gpus: gpus)
    let standard = scenario.times(.standard, gpus: gpus).milliseconds
    var metrics = [
      "speedup": standard / times.milliseconds, "ms": times.milliseconds, "standard_ms": standard,
      "overlap": times.overlap,
      "share": scenario.communicationShare(gpus: gpus), "gpus": Double(gpus), "batch": Double(scenario.batch),
      "sequence": Double(scenario.sequence), "efficiency": scenario.accelerator.efficiency,
      "kappa": scenario.slowdown.factor,
    ]
    if let backward = times.backward {
      metrics["overlap_forward"] = times.forward.overlap
      metrics["overlap_backward"] = backward.overlap
    }
    return StageResult(metrics: metrics.mapValues { Metric($0) })
  })
