extension Claim.Quantity {
  func value(_ terms: [String: Double]) throws -> Double {
    switch self {
    case .expression(let expression): try expression.evaluate { terms[$0]! }
    case .slope(_, let weights): weights.sorted { $0.key < $1.key }.reduce(0) { $0 + $1.value * terms[$1.key]! }
    }
  }

  /// How the quantity answers to each term, at `terms`: exact for a slope, by central differences for an expression
  /// (which is linear, or nearly so over an error's width).
  func gradient(_ terms: [String: Double]) throws -> [String: Double] {
    if case .slope(_, let weights) = self { return weights }
    var gradient: [String: Double] = [:]
    for (name, value) in terms {
      let step = 1e-4 * max(1, value.magnitude)
      var (more, less) = (terms, terms)
      more[name] = value + step
      less[name] = value - step
      gradient[name] = try (self.value(more) - self.value(less)) / (2 * step)
    }
    return gradient
  }

  /// The quantity with `name` of its terms in it.
  func described(_ name: (String) -> String) -> String {
    switch self {
    case .expression(let expression): expression.described(name)
    case .slope(let ladders, _):
      "slope through " + ladders.map { $0.map(name).joined(separator: ", ") }.joined(separator: " and ")
    }
  }
}
