import Collectives
import Groundwork
import LabKit

/// `simulate_durations`: a stack of `layers` blocks of given `durations` (`A=2,B=3,...`, milliseconds forward) under
/// one
/// `method`, with `kappa` while a collective flies. Metrics `forward_standard`, `forward`, `backward_standard`,
/// `backward`,
/// `overlap_forward`, `overlap`, `speedup`, and by formula `formula_difference`: the largest distance in milliseconds
/// of an event time from its closed form.
let simulateDurationsStage = Stage(
  name: "simulate_durations", version: 1, parameters: ["durations", "layers", "method", "kappa"], seeded: false,
  run: { context in
    let parameters = StageParameters(context.config)
    let model = OverlapModel(
      durations: try LayerDurations(parsing: parameters.string("durations")),
      layers: try parameters.int("layers"), slowdown: .whileInFlight(try parameters.double("kappa")))
    let method = try parameters.choice("method", OverlapMethod.self)
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

/// `simulate_sensitivity`: the prediction for DeepSeek-V3 with six layers on 32 GPUs with one `assumption` moved to
/// `low` and
/// `high` (null: one setting only) and efficiency and kappa fitted anew to the two EP8 rows. Metrics `base`, `low`,
/// `high`, `low_efficiency`, `low_kappa`, `low_residual` and the same of `high`, `reach` (largest distance from base).
let simulateSensitivityStage = Stage(
  name: "simulate_sensitivity", version: 1, parameters: ["assumption", "low", "high"], seeded: false,
  run: { context in
    let parameters = StageParameters(context.config)
    let bars = Sensitivity.tornado()
    let name = try parameters.string("assumption")
    guard let bar = bars.first(where: { $0.assumption == name }) else {
      throw UpcycleError.usage(
        "no such assumption", at: "assumption", expected: bars.map(\.assumption).joined(separator: ", "), found: name)
    }
    let settings = [try parameters.string("low")] + (try parameters.optional("high", \.string).map { [$0] } ?? [])
    guard settings == bar.settings else {
      throw UpcycleError.usage(
        "is set otherwise", at: name, expected: bar.settings.joined(separator: "; "),
        found: settings.joined(separator: "; "))
    }
    let base = Sensitivity.prediction(by: Calibration(.throughout), on: Accelerator(efficiency: 1))
    var metrics = ["base": base, "reach": bar.reach(from: base)]
    for (index, side) in ["low", "high"].prefix(bar.predictions.count).enumerated() {
      metrics[side] = bar.predictions[index]
      metrics["\(side)_efficiency"] = bar.fits[index].efficiency
      metrics["\(side)_kappa"] = bar.fits[index].kappa
      metrics["\(side)_residual"] = bar.fits[index].residual
    }
    return StageResult(metrics: metrics.mapValues { Metric($0) })
  })
