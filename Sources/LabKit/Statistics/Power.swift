/// What it takes to see an effect: the design of a comparison as far as its noise goes.
struct Power: Equatable, Sendable {
  /// Variance of the quantity with one seed a cell.
  let perSeed: Double
  /// Variance over items, which more seeds do not shrink.
  let items: Double
  /// Cells that are repeated, and degrees of freedom of the variance that other cells already give.
  let cells: Int
  let freedom: Double

  /// A test is planned to find a true effect this often.
  static let wanted = 0.8
  /// Beyond so many seeds an effect is out of reach.
  static let mostSeeds = 12

  /// The probability that the 95 % interval excludes two bounds, at these distances below and above the truth; an infinite one
  /// is none. Of two, at least (Bonferroni).
  func probability(of distances: (Double, Double), seeds: Int) -> Double {
    max(0, probability(of: distances.0, seeds: seeds) + probability(of: distances.1, seeds: seeds) - 1)
  }

  private func probability(of distance: Double, seeds: Int) -> Double {
    if distance == .infinity { return 1 }
    let error = (perSeed / Double(seeds) + items).squareRoot()
    if error == 0 { return distance > 0 ? 1 : 0 }
    let freedom = max(freedom, Double(cells * (seeds - 1)))
    if freedom < 1 { return 0 }
    return noncentralStudentTail(
      studentQuantile(0.975, freedom: freedom), freedom: freedom, shift: distance / error)
  }

  /// The fewest seeds (three or more) that find a truth at these distances from its bounds four times in five; nil when a
  /// thousand do not, because the items alone are too few or there is no such effect.
  func seeds(for distances: (Double, Double)) -> Int? {
    if min(distances.0, distances.1) <= 0 || probability(of: distances, seeds: 1000) < Self.wanted { return nil }
    // The probability grows with the seeds: halve the range.
    var (low, high) = (2, 1000)
    while high - low > 1 {
      let middle = (low + high) / 2
      if probability(of: distances, seeds: middle) >= Self.wanted { high = middle } else { low = middle }
    }
    return high
  }
}
