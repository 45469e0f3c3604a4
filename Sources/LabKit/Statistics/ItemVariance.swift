/// The part of a quantity's variance that comes from the choice of items: all models answer the same items, so a
/// difference of models is taken item by item (paired) before its variance is.
///
/// One task: seeds and items are crossed, y[s, i] = m + a[s] + b[i] + e[s, i]. The variance of the mean over S seeds
/// and I items is Var a / S + Var b / I + Var e / (S I) (two-way random effects; Cornfield and Tukey 1956). The seeds'
/// part already holds Var e / (S I); here it is taken off the variance over items, so that it counts once.
/// - Parameter models: what each model enters with: its scores [repeat][item] times its coefficient in the quantity.
/// - Returns: Var b / I, at least 0.
func itemVariance(_ models: [[[Double]]]) -> Double {
  let items = models.first?.first?.count ?? 0
  if items < 2 { return 0 }
  var total = [Double](repeating: 0, count: items)
  var crossed = 0.0  // Var e / S, summed over the models
  for scores in models {
    let repeats = Double(scores.count)
    var means = [Double](repeating: 0, count: items)
    for row in scores { for item in 0..<items { means[item] += row[item] / repeats } }
    for item in 0..<items { total[item] += means[item] }
    if scores.count < 2 { continue }
    let centre = Sample(values: means).mean
    let squares = scores.reduce(0.0) { sum, row in
      let offset = Sample(values: row).mean - centre
      return sum + row.indices.reduce(0) { $0 + square(row[$1] - means[$1] - offset) }
    }
    crossed += squares / ((repeats - 1) * Double(items - 1)) / repeats
  }
  return max(0, (Sample(values: total).variance! - crossed) / Double(items))
}

private func square(_ value: Double) -> Double { value * value }
