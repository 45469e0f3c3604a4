import TensorCore

/// The tokens that H2O keeps of one sequence in one layer (`HeavyHitters`): as many slots as the budget allows, in each
/// of which every head has a token of its own.
///
/// Legend: G heads with keys and values of their own, K their width.
final class KeptTokens {
  let budget: HeavyHitters.Budget
  private let heads: Int
  /// [slots, 2 G K]: of a slot the keys of all heads, then the values.
  let rows: Tensor
  /// Slots in use, of every head.
  private(set) var count = 0
  /// Where a slot's token stood, [G, slots].
  private var positions: [Int]
  /// A, the attention that was paid to it, [G, slots].
  private var attention: [Double]

  /// - Parameters:
  ///   - heads: G
  ///   - width: 2 G K
  init(_ budget: HeavyHitters.Budget, heads: Int, width: Int) {
    self.budget = budget
    self.heads = heads
    rows = Tensor([budget.tokens, width])
    positions = [Int](repeating: 0, count: heads * budget.tokens)
    attention = [Double](repeating: 0, count: heads * budget.tokens)
  }

  private init(copying other: KeptTokens) {
    (budget, heads, count) = (other.budget, other.heads, other.count)
    rows = other.rows.copy()
    (positions, attention) = (other.positions, other.attention)
  }

  /// An independent copy.
  func copy() -> KeptTokens { KeptTokens(copying: self) }

  /// Takes the token at `position` in, after all before it; where the budget is spent, every head gives up the token
  /// that least attention was paid to among those that are recent no more.
  /// - Parameter keys, values: of all heads, [G, K] each
  func take(_ position: Int, keys: UnsafePointer<Float>, values: UnsafePointer<Float>) {
    let isFull = count == budget.tokens
    if !isFull { count += 1 }
    let half = rows.width / 2
    let width = half / heads
    for head in 0..<heads {
      let slot = isFull ? leastAttended(head, before: position - budget.recent + 1) : count - 1
      let row = rows.pointer + slot * rows.width + head * width
      row.update(from: keys + head * width, count: width)
      (row + half).update(from: values + head * width, count: width)
      positions[head * budget.tokens + slot] = position
      attention[head * budget.tokens + slot] = 0
    }
  }

  private func leastAttended(_ head: Int, before position: Int) -> Int {
    let own = head * budget.tokens
    var least = -1
    for slot in 0..<budget.tokens where positions[own + slot] < position {
      if least < 0 || attention[own + slot] < attention[own + least]
        || attention[own + slot] == attention[own + least] && positions[own + slot] < positions[own + least]
      {
        least = slot
      }
    }
    return least
  }

  /// A query of a head paid `probability` to the token in `slot`.
  func credit(_ head: Int, _ slot: Int, _ probability: Double) { attention[head * budget.tokens + slot] += probability }

  /// The positions that a head keeps, ascending.
  func kept(by head: Int) -> [Int] {
    let own = head * budget.tokens
    return positions[own..<own + count].sorted()
  }
}
