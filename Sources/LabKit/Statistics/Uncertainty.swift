/// An estimate with the two sources of its error: repeats (seeds) and items. They are independent; their variances
/// add.
struct Uncertainty: Equatable, Sendable {
  /// A part of the variance over seeds, with the degrees of freedom of its estimate.
  struct Part: Equatable, Sendable {
    var variance: Double
    var freedom: Double
  }

  let value: Double
  let seeds: [Part]
  /// Variance over items; hundreds of items stand behind it, so its own error is neglected.
  let items: Double

  var variance: Double { seeds.reduce(items) { $0 + $1.variance } }
  var standardError: Double { variance.squareRoot() }

  /// Degrees of freedom of the whole variance (Satterthwaite 1946): V^2 / sum of V_i^2 / f_i. Parts that are exact
  /// count as infinitely many.
  var freedom: Double {
    let below = seeds.reduce(0) { $0 + $1.variance * $1.variance / $1.freedom }
    return below > 0 ? variance * variance / below : .infinity
  }

  /// Half the width of `interval(_:)`.
  func halfWidth(_ coverage: Double = 0.95) -> Double {
    variance == 0 ? 0 : studentQuantile(0.5 + coverage / 2, freedom: freedom) * standardError
  }

  /// The two-sided interval that covers the truth with probability `coverage`.
  func interval(_ coverage: Double = 0.95) -> ClosedRange<Double> {
    let half = halfWidth(coverage)
    return (value - half)...(value + half)
  }

  /// The probability, both sides together, of an estimate at least as far beyond `bound` if the truth were there.
  func probability(of bound: Double) -> Double {
    if variance == 0 { return value == bound ? 1 : 0 }
    return 2 * studentProbability(-(value - bound).magnitude / standardError, freedom: freedom)
  }
}
