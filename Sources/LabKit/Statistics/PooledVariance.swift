import Foundation

/// The variance that several groups of repeats share: sum of squares within the groups over their degrees of freedom.
/// Three seeds a cell give two degrees of freedom each; ten cells pooled give twenty.
struct PooledVariance: Equatable, Sendable {
  let variance: Double
  /// Degrees of freedom: values minus groups.
  let freedom: Double
  /// Bartlett's test of equal variances (Bartlett 1937; Snedecor and Cochran, section 13.10): the probability of
  /// groups this unequal if they share one variance; 1 for a single group.
  let bartlett: Double

  /// Bartlett's level below which the groups do not share a variance and each keeps its own.
  static let level = 0.01

  /// Whether the groups may be pooled.
  var isShared: Bool { bartlett >= Self.level }
  var deviation: Double { variance.squareRoot() }

  /// - Parameter groups: repeats by cell; those with fewer than two values say nothing and are left out.
  /// - Returns: nil when no group has two values.
  init?(_ groups: [[Double]]) {
    let samples = groups.filter { $0.count > 1 }.map { Sample(values: $0) }
    if samples.isEmpty { return nil }
    let freedoms = samples.map { Double($0.count - 1) }
    freedom = freedoms.reduce(0, +)
    variance = samples.reduce(0) { $0 + $1.squares } / freedom
    bartlett = Self.bartlett(samples.map { $0.variance! }, freedoms, pooled: variance)
  }

  private static func bartlett(_ variances: [Double], _ freedoms: [Double], pooled: Double) -> Double {
    if variances.count < 2 || pooled == 0 { return 1 }
    if variances.contains(0) { return 0 }
    let (groups, total) = (Double(variances.count), freedoms.reduce(0, +))
    let statistic = total * log(pooled) - zip(freedoms, variances).reduce(0) { $0 + $1.0 * log($1.1) }
    let correction = 1 + (freedoms.reduce(0) { $0 + 1 / $1 } - 1 / total) / (3 * (groups - 1))
    return chiSquareTail(statistic / correction, freedom: groups - 1)
  }
}
