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

  /// The probability that the 95 % interval excludes a bound `distance` away.
  func probability(of distance: Double, seeds: Int) -> Double {
    let error = (perSeed / Double(seeds) + items).squareRoot()
    if error == 0 { return distance > 0 ? 1 : 0 }
    let freedom = max(freedom, Double(cells * (seeds - 1)))
    if freedom < 1 { return 0 }
    return noncentralStudentTail(
      studentQuantile(0.975, freedom: freedom), freedom: freedom, shift: distance / error)
  }

  /// The fewest seeds (three or more) that find an effect `distance` from the bound four times in five; nil when a
  /// thousand do not, because the items alone are too few or there is no such effect.
  func seeds(for distance: Double) -> Int? {
    if distance <= 0 || probability(of: distance, seeds: 1000) < Self.wanted { return nil }
    // The probability grows with the seeds: halve the range.
    var (low, high) = (2, 1000)
    while high - low > 1 {
      let middle = (low + high) / 2
      if probability(of: distance, seeds: middle) >= Self.wanted { high = middle } else { low = middle }
    }
    return high
  }
}
