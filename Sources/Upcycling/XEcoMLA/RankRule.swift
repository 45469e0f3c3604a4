/// How many singular triplets a layer keeps (X-EcoMLA, section 3.3 and its repository).
public enum RankRule: String, Codable, CaseIterable, Sendable {
  /// The rank that was asked for.
  case fixed
  /// The paper: the smallest R whose squared singular values hold at least the share delta of their sum.
  case dynamic
  /// The official code: the number of prefixes that hold at most delta, at least 1. That is the paper's R - 1
  /// unless a prefix holds exactly delta; the code then rounds up to a multiple of 8.
  case code

  /// - Parameters:
  ///   - singularValues: descending
  ///   - energy: sum of all squared singular values
  ///   - share: delta
  ///   - fixed: the rank under `fixed`
  public func rank(singularValues: [Double], energy: Double, share: Double, fixed: Int, granule: Int) -> Int {
    let limit = singularValues.count
    var rank = fixed
    if self != .fixed {
      // Prefix sums below (paper) or not above (code) delta; rounding in the sum must not cost a rank.
      var sum = 0.0
      var below = 0
      for value in singularValues {
        sum += value * value
        if self == .dynamic ? sum < share * energy * (1 - 1e-12) : sum <= share * energy { below += 1 } else { break }
      }
      rank = self == .dynamic ? below + 1 : max(1, below)
    }
    return min(limit, (rank + granule - 1) / granule * granule)
  }
}
