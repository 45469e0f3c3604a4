/// How the prediction for EP32 moves when one assumption moves and efficiency and kappa are fitted anew to the two EP8
/// rows (a tornado's bars), or when the efficiency is given and kappa alone is fitted.
public struct Sensitivity: Sendable {
  /// What moves, in words.
  public let assumption: String
  /// What it was set to, low and high.
  public let settings: [String]
  /// Predicted speed-up at EP32 for each setting.
  public let predictions: [Double]
  /// One for each setting.
  public let fits: [Calibration]

  /// Largest distance of a prediction from `base`.
  public func reach(from base: Double) -> Double { predictions.map { ($0 - base).magnitude }.max() ?? 0 }

  /// The paper's Figure 5 at its right end: DeepSeek-V3 with six layers on 32 GPUs.
  public static let ep32 = Workload(.published("deepseek-v3-l6"), gpus: 32, tokens: 4096, sequence: 4096)

  /// The prediction for `workload` of a fit.
  public static func prediction(
    _ workload: Workload = ep32, by fit: Calibration, on accelerator: Accelerator, countsOther: Bool = false
  ) -> Double {
    var accelerator = accelerator
    accelerator.efficiency = fit.efficiency
    return Calibration.speedup(workload, on: accelerator, slowdown: fit.slowdown, countsOther: countsOther)
  }

  /// One bar per assumption.
  public static func tornado() -> [Sensitivity] {
    func bar(_ assumption: String, _ settings: [(String, (inout Setting) -> Void)]) -> Sensitivity {
      let results = settings.map { _, change in
        var setting = Setting()
        change(&setting)
        return setting.result
      }
      return Sensitivity(
        assumption: assumption, settings: settings.map(\.0), predictions: results.map(\.0), fits: results.map(\.1))
    }
    return [
      bar(
        "GB/s between nodes",
        [("40", { $0.accelerator.interBandwidth = 40 }), ("62.5", { $0.accelerator.interBandwidth = 62.5 })]),
      bar(
        "GB/s inside a node",
        [("280", { $0.accelerator.intraBandwidth = 280 }), ("336", { $0.accelerator.intraBandwidth = 336 })]),
      bar("efficiency given", [("0.2", { $0.efficiencies = 0.2...0.2 }), ("0.5", { $0.efficiencies = 0.5...0.5 })]),
      bar("kappa in flight only", [("in flight", { $0.form = .whileInFlight })]),
      bar("dense layers and head", [("counted", { $0.countsOther = true })]),
      bar("latency", [("20 and 40 us", { ($0.accelerator.intraLatency, $0.accelerator.interLatency) = (0.02, 0.04) })]),
      bar("attention", [("whole square", { $0.wholeSquare = true })]),
      bar(
        "published rows",
        [
          ("-0.005", { $0.shift = -0.005 }), ("+0.005", { $0.shift = 0.005 }),
        ]),
    ]
  }

  /// A fit and a prediction under changed assumptions.
  private struct Setting {
    var form = Calibration.Form.throughout
    var accelerator = Accelerator(efficiency: 1)
    var efficiencies = Calibration.efficiencies
    var countsOther = false
    /// Core attention without a causal kernel works on the whole square ("no fused MLA attention", Table 3): that is
    /// causal attention over twice the sequence.
    var wholeSquare = false
    /// Rounding of the published speed-ups.
    var shift = 0.0

    var result: (Double, Calibration) {
      func adapted(_ workload: Workload) -> Workload {
        var workload = workload
        if wholeSquare { workload.sequence *= 2 }
        return workload
      }
      let points = Calibration.table3.map { Calibration.Point(adapted($0.workload), speedup: $0.speedup + shift) }
      let fit = Calibration(form, to: points, on: accelerator, countsOther: countsOther, efficiencies: efficiencies)
      return (
        Sensitivity.prediction(adapted(Sensitivity.ep32), by: fit, on: accelerator, countsOther: countsOther), fit
      )
    }
  }
}
