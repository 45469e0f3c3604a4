/// Python's `random.Random`, for what depends on its draws: which solved examples stand before a question.
///
/// The generator is MT19937 (Matsumoto and Nishimura 1998) seeded by array; `sample` and the draws below a bound follow
/// the standard library's algorithms, which have not changed since Python 3.2.
struct PythonRandom {
  private static let size = 624
  private var state = [UInt32](repeating: 0, count: size)
  private var index = size

  /// - Parameter seed: at least 0
  init(seed: Int) {
    var key: [UInt32] = []
    var rest = UInt64(seed)
    repeat {
      key.append(UInt32(truncatingIfNeeded: rest))
      rest >>= 32
    } while rest > 0
    let n = Self.size
    state[0] = 19_650_218
    for i in 1..<n { state[i] = 1_812_433_253 &* (state[i - 1] ^ (state[i - 1] >> 30)) &+ UInt32(i) }
    var (i, j) = (1, 0)
    func mixed(_ i: Int, _ factor: UInt32) -> UInt32 {
      state[i] ^ ((state[i - 1] ^ (state[i - 1] >> 30)) &* factor)
    }
    for _ in 0..<max(n, key.count) {
      state[i] = mixed(i, 1_664_525) &+ key[j] &+ UInt32(j)
      (i, j) = (i + 1, (j + 1) % key.count)
      if i == n { (state[0], i) = (state[n - 1], 1) }
    }
    for _ in 1..<n {
      state[i] = mixed(i, 1_566_083_941) &- UInt32(i)
      i += 1
      if i == n { (state[0], i) = (state[n - 1], 1) }
    }
    state[0] = 0x8000_0000
  }

  private mutating func next() -> UInt32 {
    let n = Self.size
    if index == n {
      for i in 0..<n {
        let y = (state[i] & 0x8000_0000) | (state[(i + 1) % n] & 0x7FFF_FFFF)
        state[i] = state[(i + 397) % n] ^ (y >> 1) ^ (y & 1 == 0 ? 0 : 0x9908_B0DF)
      }
      index = 0
    }
    var y = state[index]
    index += 1
    y ^= y >> 11
    y ^= (y << 7) & 0x9D2C_5680
    y ^= (y << 15) & 0xEFC6_0000
    return y ^ (y >> 18)
  }

  /// A number below `bound`, 1 to 2^31.
  private mutating func below(_ bound: Int) -> Int {
    let bits = Int.bitWidth - bound.leadingZeroBitCount
    while true {
      let number = Int(next() >> UInt32(32 - bits))
      if number < bound { return number }
    }
  }

  /// `sample(range(population), count)`.
  mutating func sample(_ count: Int, of population: Int) -> [Int] {
    // Above this size Python keeps a set of what is chosen instead of a list of what is left.
    var limit = 21
    if count > 5 {
      var power = 1
      while power < 3 * count { power *= 4 }
      limit += power
    }
    var chosen: [Int] = []
    if population <= limit {
      var pool = Array(0..<population)
      for taken in 0..<count {
        let place = below(population - taken)
        chosen.append(pool[place])
        pool[place] = pool[population - taken - 1]
      }
      return chosen
    }
    var known: Set<Int> = []
    for _ in 0..<count {
      var place = below(population)
      while !known.insert(place).inserted { place = below(population) }
      chosen.append(place)
    }
    return chosen
  }
}
