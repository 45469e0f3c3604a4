/// Whether seeds move cells alike. A seed stands for the same batches in every cell; where some batches teach more than others,
/// cells of one seed are no independent repeats: differences of cells know more than each cell's variance says, means over cells
/// less. Two-way analysis of variance, one value a cell and seed, cells may lack seeds: y_cs = m_c + b_s + e_cs.
struct SeedEffect: Sendable {
  /// Of the seeds, and of the residual.
  let freedom: (seeds: Double, residual: Double)
  /// Of seeds this far apart if there were no such effect (Fisher's test).
  let probability: Double

  /// Fisher's level below which cells of one seed belong together.
  static let level = 0.01

  var isPresent: Bool { probability < Self.level }

  /// - Parameter cells: values by seed; cells with fewer than two say nothing and are left out
  /// - Returns: nil where fewer than two cells share two seeds, and where nothing is left that tells the residual
  init?(_ cells: [[Int: Double]]) {
    let cells = cells.filter { $0.count > 1 }.map { $0.sorted { $0.key < $1.key } }
    let seeds = Set(cells.flatMap { $0.map(\.key) }).sorted()
    let place = Dictionary(uniqueKeysWithValues: seeds.enumerated().map { ($1, $0) })
    // Seeds that no cell connects have levels of their own.
    var group = Array(seeds.indices)
    for cell in cells {
      let joined = Set(cell.map { group[place[$0.key]!] })
      for index in group.indices where joined.contains(group[index]) { group[index] = joined.min()! }
    }
    let count = Double(cells.reduce(0) { $0 + $1.count })
    let between = Double(seeds.count - Set(group).count)
    freedom = (between, count - Double(cells.count) - between)
    guard cells.count > 1, freedom.seeds > 0, freedom.residual > 0 else { return nil }
    let within = cells.reduce(0) { $0 + Sample(values: $1.map(\.value)).squares }
    // Least squares, cells and seeds by turns.
    var effects = [Double](repeating: 0, count: seeds.count)
    var left = within
    for _ in 0..<10_000 {
      let levels = cells.map { cell in Sample(values: cell.map { $0.value - effects[place[$0.key]!] }).mean }
      var (sums, counts) = (effects.map { _ in 0.0 }, effects.map { _ in 0.0 })
      for (cell, level) in zip(cells, levels) {
        for (seed, value) in cell {
          sums[place[seed]!] += value - level
          counts[place[seed]!] += 1
        }
      }
      effects = zip(sums, counts).map { $0 / $1 }
      let squares = zip(cells, levels).reduce(0) { total, item in
        item.0.reduce(total) { sum, entry in
          let rest = entry.value - item.1 - effects[place[entry.key]!]
          return sum + rest * rest
        }
      }
      let isSettled = left - squares <= 1e-12 * within
      left = squares
      if isSettled { break }
    }
    if left <= 1e-12 * within { return nil }
    probability = fisherTail(
      (within - left) / freedom.seeds / (left / freedom.residual), numerator: freedom.seeds,
      denominator: freedom.residual)
  }
}
