import Collectives
import Groundwork
import LabKit

/// Which assumption is moved, and to what, in words.
struct SimulateSensitivityParameters: StageParameters {
  var assumption: String
  var low: String
  /// nil: one setting only.
  var high: String?

  enum CodingKeys: String, CodingKey, CaseIterable { case assumption, low, high }
}

/// `simulate_sensitivity`: the prediction for DeepSeek-V3 with six layers on 32 GPUs with one assumption moved, and
/// efficiency and kappa fitted anew to the two EP8 rows. Metrics `base`, `low`, `high`, `low_efficiency`, `low_kappa`,
/// `low_residual` and the same of `high`, `reach` (largest distance from base).
let simulateSensitivityStage = Stage(
  name: "simulate_sensitivity", version: 1, parameters: SimulateSensitivityParameters.self, seeded: false,
  run: { _, parameters in
    let bars = Sensitivity.tornado()
    let name = parameters.assumption
    guard let bar = bars.first(where: { $0.assumption == name }) else {
      throw UpcycleError.usage(
        "no such assumption", field: "assumption", expected: bars.map(\.assumption).joined(separator: ", "), found: name
      )
    }
    let settings = [parameters.low] + (parameters.high.map { [$0] } ?? [])
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
