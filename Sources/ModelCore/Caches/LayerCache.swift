import Groundwork
import TensorCore

/// What one layer remembers of one sequence: a growing table of rows, one per token, or a state of one size.
///
/// What stands in a row and in the state is the mixer's own affair; how many numbers each has is its
/// `CacheNeeds`.
///
/// Rows never move. They lie in runs: a cache grows by taking memory for another one, or is given pages of a
/// `CachePool`. A cache of the last tokens alone (`mostRows`) grows to that size and then writes over what is oldest.
/// (Attention joins the softmaxes of runs, so that results depend on where they end, in their last bits.)
public final class LayerCache {
  /// The mixer whose rows or state these are.
  public let kind: MixerKind
  /// Numbers of a row; 0: no rows.
  public let width: Int
  /// Numbers of the state; 0: none.
  public let stateNumbers: Int
  /// Rows it keeps at most, of the last tokens; nil: of all.
  public let mostRows: Int?
  /// Tokens seen.
  public private(set) var length = 0
  private var memory: [Memory] = []
  private var room = 0
  /// Takes more memory when it is full; otherwise its pages are all it has.
  private let growing: Bool
  private var isClosed = false
  /// What H2O keeps instead of a row for every token; nil: all rows.
  let kept: KeptTokens?
  /// nil: none.
  private let stateValues: Tensor?
  /// Where the state of layers without one lies.
  private nonisolated(unsafe) static let noState = UnsafeMutablePointer<Float>.allocate(capacity: 1)

  /// Memory of consecutive rows.
  private struct Memory {
    var first: Int
    var rows: Int
    var values: Tensor
  }

  /// Rows that a cache takes at once when it grows, and the most of one run.
  public static let runRows = 1 << 16

  /// A cache with memory of its own, for `capacity` tokens at first.
  /// - Parameter mostRows: rows it keeps at most, of the last tokens; nil: of all
  public convenience init(
    _ kind: MixerKind, width: Int, stateNumbers: Int = 0, mostRows: Int? = nil, capacity: Int = 0
  ) {
    self.init(kind, width: width, stateNumbers: stateNumbers, mostRows: mostRows, capacity: capacity, kept: nil)
  }

  /// The same, where `kept` holds the rows that are not evicted.
  init(_ kind: MixerKind, width: Int, stateNumbers: Int, mostRows: Int?, capacity: Int, kept: KeptTokens?) {
    self.kind = kind
    self.width = width
    self.stateNumbers = stateNumbers
    self.mostRows = mostRows
    self.kept = kept
    growing = true
    stateValues = stateNumbers > 0 ? Tensor.zeros([stateNumbers]) : nil
    reserve(capacity)
  }

  /// A cache in pages, each memory for `pageTokens` rows, and in a state [stateNumbers], which becomes zeros.
  /// - Parameter length: tokens whose rows stand in the first pages already
  init(_ kind: MixerKind, width: Int, pages: [Tensor], pageTokens: Int, state: Tensor, length: Int = 0) {
    self.kind = kind
    self.width = width
    stateNumbers = state.count
    mostRows = nil
    kept = nil
    growing = false
    stateValues = state
    state.fill(0)
    self.length = length
    if width > 0 { for page in pages { add(page, rows: pageTokens) } }
  }

  private func add(_ values: Tensor, rows: Int) {
    memory.append(Memory(first: room, rows: rows, values: values))
    room += rows
  }

  /// Rows in use.
  private var rowCount: Int { kept?.count ?? min(length, mostRows ?? .max) }
  /// Bytes of the rows in use (`width * 4` each), what tokens cost, and of the state.
  public var bytes: Int { (rowCount * width + stateNumbers) * MemoryLayout<Float>.stride }
  /// Bytes reserved.
  public var reservedBytes: Int { ((kept?.budget.tokens ?? room) * width + stateNumbers) * MemoryLayout<Float>.stride }
  /// Tokens it can hold at most; `Int.max` when it grows or has no rows.
  var capacity: Int { isClosed ? 0 : growing || width == 0 ? .max : room }

  /// The state, all zeros before the first token.
  public var state: UnsafeMutablePointer<Float> { stateValues?.pointer ?? Self.noState }

  /// Memory for `capacity` tokens in all. What is there stays where it is.
  public func reserve(_ capacity: Int) {
    let capacity = min(capacity, mostRows ?? .max)
    while width > 0 && kept == nil && room < capacity {
      let rows = Self.nextRun(width, from: room, to: capacity)
      add(Tensor([rows, width]), rows: rows)
    }
  }

  /// Rows of the run that follows `room` rows on the way to `capacity`: as many as its buffer has room for.
  private static func nextRun(_ width: Int, from room: Int, to capacity: Int) -> Int {
    StoragePool.sizeClass(for: min(max(capacity - room, 16), runRows) * width) / width
  }

  /// Bytes that a cache made for `capacity` tokens takes: exactly what `reserve` asks for, and the state.
  static func reservedBytes(width: Int, stateNumbers: Int, mostRows: Int? = nil, capacity: Int) -> Int {
    let capacity = min(capacity, mostRows ?? .max)
    var (bytes, room) = (stateNumbers > 0 ? StoragePool.reservedBytes(count: stateNumbers) : 0, 0)
    while width > 0 && room < capacity {
      let rows = nextRun(width, from: room, to: capacity)
      bytes += StoragePool.reservedBytes(count: rows * width)
      room += rows
    }
    return bytes
  }

  /// Appends `count` uninitialised rows and returns them; at most `mostRows`, over the oldest.
  @discardableResult
  public func append(_ count: Int) -> [CacheRun] {
    precondition(kept == nil, "an evicting cache has no row for every token")
    let end = length + count
    if width > 0 && min(end, mostRows ?? .max) > room {
      precondition(growing, "\(end) tokens in pages for \(room)")
      reserve(max(end, min(2 * room, room + Self.runRows)))
    }
    defer { length = end }
    return runs(length..<end)
  }

  /// Notes that `kept` has taken in the next token.
  func advance() { length += 1 }

  /// The rows of these tokens, which are cached (or just being appended), in order; none when the layer has no rows.
  public func runs(_ tokens: Range<Int>) -> [CacheRun] {
    guard let mostRows else { return runs(tokens, before: 0) }
    // Token t lies in row t mod mostRows.
    var found: [CacheRun] = []
    var first = tokens.lowerBound
    while first < tokens.upperBound {
      let turn = first / mostRows * mostRows
      let last = min(tokens.upperBound, turn + mostRows)
      found += runs(first..<last, before: turn)
      first = last
    }
    return found
  }

  /// Tokens that lie `turn` rows further down than their numbers.
  private func runs(_ tokens: Range<Int>, before turn: Int) -> [CacheRun] {
    var found: [CacheRun] = []
    for part in memory {
      let first = part.first + turn
      let some =
        max(tokens.lowerBound, first)..<max(tokens.lowerBound, first, min(tokens.upperBound, first + part.rows))
      if some.isEmpty { continue }
      found.append(CacheRun(tokens: some, rows: part.values.pointer + (some.lowerBound - first) * width))
    }
    return found
  }

  /// All cached rows.
  public var runs: [CacheRun] { runs(length - rowCount..<length) }

  /// Forgets all but the first `length` tokens. A state can only be emptied; to go back to a point in between,
  /// take a `snapshot` there.
  public func truncate(_ length: Int) {
    if length >= self.length { return }
    precondition(
      length <= 0 || (stateNumbers == 0 && self.length == rowCount),
      "a state, or a cache of the last tokens, cannot be truncated to \(length) tokens")
    precondition(kept == nil, "evicted tokens do not come back")
    self.length = max(0, length)
    stateValues?.fill(0)
  }

  /// Appends `count` tokens of random numbers, and fills the state with such: for measuring speed without a prefill.
  public func fillAtRandom(_ count: Int, seed: UInt64) {
    let stream = RandomStream(seed: seed, "cache")
    let numbers = (0..<4096).map { Float(stream.uniform(at: UInt64($0)) - 0.5) }
    func fill(_ target: UnsafeMutablePointer<Float>, _ count: Int) {
      for start in stride(from: 0, to: count, by: numbers.count) {
        (target + start).update(from: numbers, count: min(numbers.count, count - start))
      }
    }
    var left = count
    while left > 0 {
      let some = min(left, mostRows ?? left)
      for run in append(some) { fill(run.rows, run.tokens.count * width) }
      left -= some
    }
    fill(state, stateNumbers)
  }

  /// An independent copy, with memory of its own, as much as is reserved here.
  public func snapshot() -> LayerCache {
    let copy = LayerCache(
      kind, width: width, stateNumbers: stateNumbers, mostRows: mostRows, capacity: room, kept: kept?.copy())
    if kept == nil {
      copy.length = length - rowCount
      for run in copy.append(rowCount) { gather(run.tokens, into: run.rows) }
    } else {
      copy.length = length
    }
    copy.state.update(from: state, count: stateNumbers)
    return copy
  }

  /// Copies the rows of these tokens, one after the other.
  func gather(_ tokens: Range<Int>, into target: UnsafeMutablePointer<Float>) {
    for run in runs(tokens) {
      (target + (run.tokens.lowerBound - tokens.lowerBound) * width).update(
        from: run.rows, count: run.tokens.count * width)
    }
  }

  /// Lets go of its pages and state for good.
  func close() {
    (memory, room, length) = ([], 0, 0)
    isClosed = true
  }
}

/// Consecutive cached tokens whose rows lie together in memory.
public struct CacheRun {
  /// Positions of the tokens.
  public var tokens: Range<Int>
  /// The first token's row; the others follow it.
  public var rows: UnsafeMutablePointer<Float>
}
