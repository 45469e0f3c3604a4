import Groundwork

/// What two neighbouring pieces become: (left, right) -> (priority, merged piece); a lower priority merges
/// first. Open addressing, fixed after construction.
struct MergeTable: Sendable {
  struct Merge: Equatable, Sendable {
    var left: Int32
    var right: Int32
    var priority: UInt32
    var merged: Int32
  }

  static let absent = UInt32.max

  /// `merged == -1` marks an empty slot.
  private var slots: [Merge]
  private let mask: Int

  /// The first of two merges of one pair wins.
  init(_ merges: [Merge]) {
    var count = 16
    while count < 2 * merges.count { count *= 2 }
    mask = count - 1
    slots = [Merge](repeating: Merge(left: -1, right: -1, priority: Self.absent, merged: -1), count: count)
    for merge in merges {
      let slot = find(merge.left, merge.right)
      if slots[slot].merged < 0 { slots[slot] = merge }
    }
  }

  @inline(__always)
  private func find(_ left: Int32, _ right: Int32) -> Int {
    let key = UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    var slot = Int(truncatingIfNeeded: (key &* 0x9e37_79b9_7f4a_7c15) >> 31) & mask
    while slots[slot].merged >= 0, slots[slot].left != left || slots[slot].right != right {
      slot = (slot + 1) & mask
    }
    return slot
  }

  @inline(__always)
  func priority(_ left: Int32, _ right: Int32) -> UInt32 { slots[find(left, right)].priority }

  /// The merged piece, -1 when the pair does not merge.
  @inline(__always)
  func merged(_ left: Int32, _ right: Int32) -> Int32 { slots[find(left, right)].merged }

  // MARK: Merging a word

  /// A word up to this many symbols is merged by repeated scans, a longer one with a heap.
  private static let shortWord = 48

  /// Merges `symbols` in place: always the pair of lowest priority, the leftmost of equals.
  func mergeAll(_ symbols: inout [Int32]) {
    if symbols.count < 2 { return }
    if symbols.count <= Self.shortWord { mergeByScan(&symbols) } else { mergeByHeap(&symbols) }
  }

  private func mergeByScan(_ symbols: inout [Int32]) {
    let kept = withUnsafeTemporaryAllocation(of: UInt32.self, capacity: symbols.count) { priorities in
      symbols.withUnsafeMutableBufferPointer { word in
        var count = word.count
        for index in 0..<count - 1 { priorities[index] = priority(word[index], word[index + 1]) }
        while count > 1 {
          var best = 0
          for index in 1..<max(count - 1, 1) where priorities[index] < priorities[best] { best = index }
          if priorities[best] == Self.absent { break }
          word[best] = merged(word[best], word[best + 1])
          for index in best + 1..<count - 1 {
            word[index] = word[index + 1]
            priorities[index - 1] = priorities[index]
          }
          count -= 1
          if best > 0 { priorities[best - 1] = priority(word[best - 1], word[best]) }
          if best < count - 1 { priorities[best] = priority(word[best], word[best + 1]) }
        }
        return count
      }
    }
    symbols.removeSubrange(kept...)
  }

  /// O(n log n): a heap of (priority, position); an entry whose pair changed meanwhile is stale and dropped.
  private func mergeByHeap(_ symbols: inout [Int32]) {
    let count = symbols.count
    var next = (0..<count).map { $0 + 1 }
    var previous = (0..<count).map { $0 - 1 }
    var current = [UInt32](repeating: Self.absent, count: count)
    var heap = MinHeap<UInt64>()
    func consider(_ position: Int) {
      let right = next[position]
      current[position] = right < count ? priority(symbols[position], symbols[right]) : Self.absent
      if current[position] != Self.absent { heap.push(UInt64(current[position]) << 32 | UInt64(position)) }
    }
    for position in 0..<count - 1 { consider(position) }
    while let entry = heap.pop() {
      let position = Int(entry & 0xFFFF_FFFF)
      if current[position] != UInt32(entry >> 32) { continue }
      let right = next[position]
      symbols[position] = merged(symbols[position], symbols[right])
      symbols[right] = -1
      current[right] = Self.absent
      next[position] = next[right]
      if next[right] < count { previous[next[right]] = position }
      consider(position)
      if previous[position] >= 0 { consider(previous[position]) }
    }
    symbols.removeAll { $0 < 0 }
  }
}
