import Groundwork

/// A permutation of 0..<count that needs no memory: a four-round Feistel network over the next even number
/// of bits, walked until it falls inside the range (at most four steps on average).
public struct Permutation: Sendable {
  private let count: Int
  private let halfBits: Int
  private let stream: RandomStream

  /// - Parameter stream: decides the permutation.
  public init(count: Int, stream: RandomStream) {
    self.count = count
    self.stream = stream
    var bits = 1
    while 1 << (2 * bits) < count { bits += 1 }
    halfBits = bits
  }

  /// Where `index`, in 0..<count, goes.
  public subscript(index: Int) -> Int {
    var value = index
    repeat { value = shuffle(value) } while value >= count
    return value
  }

  private func shuffle(_ value: Int) -> Int {
    let mask = 1 << halfBits - 1
    var left = value >> halfBits
    var right = value & mask
    for round in 0..<4 {
      let mixed = Int(truncatingIfNeeded: stream.bits(at: UInt64(round) << 32 | UInt64(right))) & mask
      (left, right) = (right, left ^ mixed)
    }
    return left << halfBits | right
  }
}
