/// Efficiency and kappa that best explain measured speed-ups of FarSkip over the ordinary block.
///
/// The two are not identifiable apart: less efficiency means a smaller share of communication, which explains a smaller
/// speed-up as well as a larger kappa does. Along a whole valley of pairs the two training rows of the paper's
/// Table 3 are met almost equally well, and with kappa throughout there are two pairs that meet both exactly
/// (near 33 % and near 61 % of the peak). The search is therefore confined to `efficiencies`, which
/// training of mixtures of experts reaches in practice.
public struct Calibration: Sendable {
  /// A published measurement.
  public struct Point: Sendable {
    /// What was measured.
    public var workload: Workload
    /// FarSkip's over the ordinary block: a ratio of times per step.
    public var speedup: Double

    init(_ workload: Workload, speedup: Double) {
      self.workload = workload
      self.speedup = speedup
    }
  }

  /// When kappa applies.
  public enum Form: String, CaseIterable, Sendable {
    /// To all computation of a schedule that overlaps.
    case throughout
    /// To what runs while a collective is in flight.
    case whileInFlight = "in-flight"

    /// This form with a kappa.
    public func slowdown(_ kappa: Double) -> Slowdown {
      self == .throughout ? .throughout(kappa) : .whileInFlight(kappa)
    }
  }

  /// Given, not fitted.
  public let form: Form
  /// Share of the accelerator's peak.
  public let efficiency: Double
  /// At least 1.
  public let kappa: Double
  /// Root mean square of predicted minus published speed-up over the fitted points.
  public let residual: Double

  /// Form and kappa together.
  public var slowdown: Slowdown { form.slowdown(kappa) }

  /// Where the search looks by default.
  public static let efficiencies = 0.2...0.5

  /// The EP8 rows of the paper's Table 3: DeepSeek-V2-Lite with micro-batch 8 (1.11), DeepSeek-V3 with six layers and
  /// micro-batch 1 (1.04), sequences of 4096, one node.
  public static let table3: [Point] = [
    Point(
      Workload(.published("deepseek-v2-lite"), gpus: 8, tokens: 8 * 4096, sequence: 4096), speedup: 1.11),
    Point(Workload(.published("deepseek-v3-l6"), gpus: 8, tokens: 4096, sequence: 4096), speedup: 1.04),
  ]

  /// Least squares over `points` by formula.
  /// - Parameters:
  ///   - accelerator: everything but the efficiency
  ///   - countsOther: dense layers and head belong to the measured step
  public init(
    _ form: Form, to points: [Point] = Calibration.table3, on accelerator: Accelerator = Accelerator(efficiency: 1),
    countsOther: Bool = false, efficiencies: ClosedRange<Double> = Calibration.efficiencies
  ) {
    func best(at efficiency: Double) -> (kappa: Double, error: Double) {
      var accelerator = accelerator
      accelerator.efficiency = efficiency
      func error(_ kappa: Double) -> Double {
        points.reduce(0) { sum, point in
          let found = Self.speedup(
            point.workload, on: accelerator, slowdown: form.slowdown(kappa), countsOther: countsOther)
          return sum + (found - point.speedup) * (found - point.speedup)
        }
      }
      let kappa = minimum(of: error, in: 1...8)
      return (kappa, error(kappa))
    }
    // The valley may have two lowest points: look everywhere, then closely around the lowest.
    let step = (efficiencies.upperBound - efficiencies.lowerBound) / 30
    let grid = (0...30).map { efficiencies.lowerBound + step * Double($0) }
    let centre = grid.min { best(at: $0).error < best(at: $1).error }!
    let around = max(efficiencies.lowerBound, centre - step)...min(efficiencies.upperBound, centre + step)
    efficiency = around.lowerBound < around.upperBound ? minimum(of: { best(at: $0).error }, in: around) : centre
    let found = best(at: efficiency)
    kappa = found.kappa
    residual = (found.error / Double(points.count)).squareRoot()
    self.form = form
  }

  /// FarSkip's speed-up over the ordinary block, by formula: `T_standard / T_farskip`.
  public static func speedup(
    _ workload: Workload, on accelerator: Accelerator, slowdown: Slowdown, countsOther: Bool = false
  ) -> Double {
    let model = workload.model(on: accelerator, slowdown: slowdown)
    let passes: [Pass] = workload.mode == .training ? [.forward, .backward] : [.prefill]
    let other = countsOther && workload.mode == .training ? workload.otherMilliseconds(on: accelerator) : 0
    func total(_ method: OverlapMethod) -> Double { passes.reduce(other) { $0 + model.closedForm(method, $1)! } }
    return total(.standard) / total(.farskip)
  }
}

/// Where a function with one minimum has it, by golden sections, to 1e-9 of the interval.
private func minimum(of function: (Double) -> Double, in interval: ClosedRange<Double>) -> Double {
  let golden = (5.0.squareRoot() - 1) / 2
  var (low, high) = (interval.lowerBound, interval.upperBound)
  var (left, right) = (high - golden * (high - low), low + golden * (high - low))
  var (valueLeft, valueRight) = (function(left), function(right))
  for _ in 0..<44 {
    if valueLeft <= valueRight {
      (high, right, valueRight) = (right, left, valueLeft)
      left = high - golden * (high - low)
      valueLeft = function(left)
    } else {
      (low, left, valueLeft) = (left, right, valueRight)
      right = low + golden * (high - low)
      valueRight = function(right)
    }
  }
  return (low + high) / 2
}
