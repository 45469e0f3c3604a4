/// Counter-based random numbers: value = f(seed, stream name, index).
///
/// Draws do not depend on order, threads or resume, so a checkpoint needs no generator state.
/// `bits(at:)` is SplitMix64's finaliser over a keyed counter. The `next…` methods walk the same
/// sequence with an internal counter for sequential code such as text generation.
public struct RandomStream: Sendable {
  private let key: UInt64
  /// The index of the next sequential draw.
  public var counter: UInt64 = 0

  /// The stream that a seed and a name stand for; other names give independent streams.
  public init(seed: UInt64, _ name: String) {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325  // FNV-1a over the name's bytes
    for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    key = Self.mix(Self.mix(seed &+ 0x9e37_79b9_7f4a_7c15) ^ hash)
  }

  /// An independent stream derived from this one.
  public func substream(_ index: UInt64) -> RandomStream {
    RandomStream(key: Self.mix(key ^ Self.mix(index &+ 0x6a09_e667_f3bc_c909)))
  }

  private init(key: UInt64) { self.key = key }

  @inlinable static func mix(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }

  // MARK: Random access

  /// 64 random bits.
  public func bits(at index: UInt64) -> UInt64 {
    Self.mix(key &+ (index &+ 1) &* 0x9e37_79b9_7f4a_7c15)
  }

  /// Uniform in [0, 1), 53 bits.
  public func uniform(at index: UInt64) -> Double { Double(bits(at: index) >> 11) * 0x1p-53 }

  /// Standard normal (Box-Muller over draws 2i and 2i + 1).
  public func normal(at index: UInt64) -> Double {
    let u = Double((bits(at: 2 &* index) >> 11) &+ 1) * 0x1p-53
    let v = uniform(at: 2 &* index &+ 1)
    return (-2 * u.logarithm).squareRoot() * (2 * Double.pi * v).cosine
  }

  /// Uniform in 0..<count (multiply-shift; the bias is below 2^-40 for counts below 2^24).
  public func below(_ count: Int, at index: UInt64) -> Int {
    Int(bits(at: index).multipliedFullWidth(by: UInt64(count)).high)
  }

  // MARK: Sequential access

  /// 64 random bits.
  public mutating func nextBits() -> UInt64 {
    defer { counter &+= 1 }
    return bits(at: counter)
  }
  /// Uniform in 0..<1.
  public mutating func nextUniform() -> Double { Double(nextBits() >> 11) * 0x1p-53 }
  /// Uniform in 0..<count.
  public mutating func next(below count: Int) -> Int {
    Int(nextBits().multipliedFullWidth(by: UInt64(count)).high)
  }
  /// One of the items, all equally likely; there must be one.
  public mutating func pick<T>(_ items: [T]) -> T { items[next(below: items.count)] }
  /// True with the given probability.
  public mutating func chance(_ probability: Double) -> Bool { nextUniform() < probability }
  /// Fisher-Yates.
  public mutating func shuffle<T>(_ items: inout [T]) {
    var i = items.count - 1
    while i > 0 {
      items.swapAt(i, next(below: i + 1))
      i -= 1
    }
  }
}
