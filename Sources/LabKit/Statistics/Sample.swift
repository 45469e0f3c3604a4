import Foundation

/// What a few seeds say about a quantity.
struct Sample: Equatable, Sendable {
  let values: [Double]

  var count: Int { values.count }
  var mean: Double { values.reduce(0, +) / Double(max(count, 1)) }

  /// Sample standard deviation (n - 1); nil below two values.
  var deviation: Double? {
    if count < 2 { return nil }
    let centre = mean
    return (values.reduce(0) { $0 + ($1 - centre) * ($1 - centre) } / Double(count - 1)).squareRoot()
  }

  /// The 95 % interval of the mean by Student's t; nil below two values.
  var interval: ClosedRange<Double>? {
    guard let deviation else { return nil }
    let half = Self.t975(count - 1) * deviation / Double(count).squareRoot()
    return (mean - half)...(mean + half)
  }

  /// The 97.5 % quantile of Student's t for `freedom` degrees of freedom: the table up to 30, beyond it
  /// the Cornish-Fisher expansion around 1.959964 (error below 1e-3).
  static func t975(_ freedom: Int) -> Double {
    let table = [
      12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
      2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
    ]
    if freedom <= table.count { return table[max(freedom, 1) - 1] }
    let z = 1.959964
    return z + (z * z * z + z) / (4 * Double(freedom))
  }
}
