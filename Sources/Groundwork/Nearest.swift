/// The candidate that a user who typed `word` may have meant: at most a third of its letters are other ones, and none is
/// nearer. Nil where nothing is near.
public func nearest(to word: String, among candidates: [String]) -> String? {
  let ranked = candidates.map { (name: $0, distance: editDistance(word, $0)) }
  guard let best = ranked.min(by: { $0.distance < $1.distance }), best.distance <= max(1, word.count / 3) else {
    // What was only begun.
    let begun = candidates.filter { word.count > 1 && $0.hasPrefix(word) }
    return begun.count == 1 ? begun[0] : nil
  }
  return best.name
}

/// Letters to insert, remove, replace or swap with their neighbour until one word is the other.
func editDistance(_ a: String, _ b: String) -> Int {
  let (a, b) = (Array(a), Array(b))
  var rows = [Array(0...b.count)]
  for i in 0..<a.count {
    var row = [i + 1]
    for j in 0..<b.count {
      var best = min(rows[i][j + 1] + 1, row[j] + 1, rows[i][j] + (a[i] == b[j] ? 0 : 1))
      if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { best = min(best, rows[i - 1][j - 1] + 1) }
      row.append(best)
    }
    rows.append(row)
  }
  return rows[a.count][b.count]
}
