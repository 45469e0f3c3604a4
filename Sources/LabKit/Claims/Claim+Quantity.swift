extension Claim.Quantity {
  func value(_ terms: [String: Double]) throws -> Double {
    switch self {
    case .expression(let expression): try expression.evaluate { terms[$0]! }
    case .slope(_, let weights): weights.sorted { $0.key < $1.key }.reduce(0) { $0 + $1.value * terms[$1.key]! }
    }
  }

  /// How the quantity answers to each term, at `terms` (an expression is linear, or nearly so over an error's width).
  func gradient(_ terms: [String: Double]) throws -> [String: Double] {
    switch self {
    case .slope(_, let weights): return weights
    case .expression(let expression):
      return try terms.reduce(into: [:]) { gradient, term in
        gradient[term.key] = try expression.derivative(by: term.key) { terms[$0]! }
      }
    }
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
