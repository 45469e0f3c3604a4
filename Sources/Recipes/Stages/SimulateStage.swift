import Collectives
import Groundwork
import LabKit

/// What stages of one scenario take: `model` as `farskip simulate --model` names it, `mode`, `batch`, `sequence`,
/// `peak`,
/// `efficiency`, `kappa` (each null for the mode's or the fitted one), `intra` and `inter` in GB/s.
private let scenarioParameters = [
  "model", "mode", "batch", "sequence", "method", "peak", "efficiency", "kappa", "intra", "inter",
]

private func scenario(_ parameters: StageParameters) throws -> Scenario {
  var scenario = Scenario(
    try modelShape(parameters.string("model")),
    mode: try parameters.choice("mode", Workload.Mode.self),
    batch: try parameters.optional("batch", \.int), sequence: try parameters.optional("sequence", \.int),
    fit: Calibration(.throughout), efficiency: try parameters.optional("efficiency", \.double),
    kappa: try parameters.optional("kappa", \.double))
  if let peak = try parameters.optional("peak", \.double) { scenario.accelerator.peak = peak }
  scenario.accelerator.intraBandwidth = try parameters.double("intra")
  scenario.accelerator.interBandwidth = try parameters.double("inter")
  return scenario
}

private func method(_ parameters: StageParameters, in scenario: Scenario) throws -> OverlapMethod {
  let method = try parameters.choice("method", OverlapMethod.self)
  guard scenario.methods.contains(method) else {
    throw UpcycleError.usage(
      "has no schedule for \(scenario.mode.rawValue)", at: "method",
      expected: scenario.methods.map(\.rawValue).joined(separator: ", "), found: method.rawValue)
  }
  return method
}

/// `simulate`: one method at full scale on `gpus`, by events; nothing is measured.
///
/// Metrics `speedup` over the ordinary block, `ms` and `standard_ms` of a step's blocks with experts, `overlap`,
/// `overlap_forward`, `overlap_backward` (training; both 1 - exposed / isolated), `share` of communication in the
/// ordinary step, `gpus`, and what it rests on: `efficiency`, `kappa`.
let simulateStage = Stage(
  name: "simulate", version: 1, parameters: scenarioParameters + ["gpus"], seeded: false,
  run: { context in
    let parameters = StageParameters(context.config)
    let scenario = try scenario(parameters)
    let gpus = try parameters.int("gpus")
    try scenario.require(gpus: gpus)
    let times = scenario.times(try method(parameters, in: scenario), gpus: gpus)
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

/// `simulate_shares`: one method against how much there is to hide. The collectives of the scenario are stretched until
/// they take each of `percents` of the ordinary step. Series `speedup` [[percent, speed-up]]; metrics `best_speedup`
/// and
/// `best_percent`, where it is.
let simulateSharesStage = Stage(
  name: "simulate_shares", version: 1, parameters: scenarioParameters + ["gpus", "percents"], seeded: false,
  run: { context in
    let parameters = StageParameters(context.config)
    var scenario = try scenario(parameters)
    let gpus = try parameters.int("gpus")
    try scenario.require(gpus: gpus)
    let percents = try parameters.optional("percents") { $0.array?.compactMap(\.double) } ?? []
    guard !percents.isEmpty, percents.allSatisfy({ $0 > 0 && $0 < 100 }) else {
      throw UpcycleError.usage("are no shares", at: "percents", expected: "a list of numbers between 0 and 100")
    }
    let method = try method(parameters, in: scenario)
    let curve = percents.map { percent in
      scenario.share = percent / 100
      let standard = scenario.times(.standard, gpus: gpus).milliseconds
      return [percent, standard / scenario.times(method, gpus: gpus).milliseconds]
    }
    let best = curve.max { $0[1] < $1[1] }!
    return StageResult(
      metrics: ["best_percent": Metric(best[0]), "best_speedup": Metric(best[1])], series: ["speedup": curve])
  })
