import Foundation
import Groundwork

/// One training batch: `inputs` and `targets` are [B, T] row-major; a target is the token after its input, or -1 where
/// shards of chats hold no answer, which losses leave out.
public struct TokenBatch: Sendable, Equatable {
  /// From 0.
  public var step: Int
  /// [B, T].
  public var inputs: [Int32]
  /// [B, T].
  public var targets: [Int32]
  /// B, windows.
  public var batchSize: Int
  /// T, tokens of a window.
  public var sequenceLength: Int
}

/// Cuts shards into windows of T + 1 tokens that overlap by one and deals them into batches. Which windows
/// a step gets depends on the seed and the step alone, so that resuming needs no state but the step number.
/// Coming batches are prepared on a background thread.
public final class BatchLoader: @unchecked Sendable {  // `ready` and `ahead` are behind `condition`
  /// In which windows are dealt.
  public enum Order: String, Sendable, CaseIterable {
    /// Every epoch is a permutation of all windows, drawn from (seed, epoch).
    case shuffled
    /// Windows in the order of the corpus, again from the start after the last.
    case sequential
  }

  /// Where windows are cut from.
  public let shards: TokenShards
  /// B, windows of a batch.
  public let batchSize: Int
  /// T, tokens of a window.
  public let sequenceLength: Int
  /// In which windows are dealt.
  public let order: Order
  private let seed: UInt64
  private let depth: Int
  private let queue = DispatchQueue(label: "upcycle.batches", qos: .userInitiated)
  private let condition = NSCondition()
  private var ready: [Int: Result<TokenBatch, Error>] = [:]
  /// Steps that the background thread will make or is making.
  private var ahead: Set<Int> = []

  /// - Parameter prefetch: batches prepared ahead; 0 reads on the calling thread.
  /// - Throws: when there is not even one window.
  public init(
    _ shards: TokenShards, batchSize: Int, sequenceLength: Int, seed: UInt64, order: Order = .shuffled,
    prefetch: Int = 2
  ) throws {
    guard batchSize >= 1, sequenceLength >= 1 else {
      throw UpcycleError.usage(
        "batch size and sequence length must be positive", found: "\(batchSize) x \(sequenceLength)")
    }
    guard shards.count > sequenceLength else {
      throw UpcycleError(
        "too few tokens for one window", at: shards.folder.path, expected: "more than \(sequenceLength)",
        found: "\(shards.count)", hint: "choose a shorter sequence length")
    }
    self.shards = shards
    self.batchSize = batchSize
    self.sequenceLength = sequenceLength
    self.seed = seed
    self.order = order
    depth = max(prefetch, 0)
  }

  /// Windows in one pass over the corpus.
  public var windowsPerEpoch: Int { (shards.count - 1) / sequenceLength }

  /// The first token of the window in row `row` of step `step`.
  public func windowStart(step: Int, row: Int) -> Int {
    let (epoch, index) = (step * batchSize + row).quotientAndRemainder(dividingBy: windowsPerEpoch)
    switch order {
    case .sequential: return index * sequenceLength
    case .shuffled:
      let permutation = Permutation(
        count: windowsPerEpoch, stream: RandomStream(seed: seed, "windows of epoch \(epoch)"))
      return permutation[index] * sequenceLength
    }
  }

  /// The batch of a step, counted from 0.
  public func batch(step: Int) throws -> TokenBatch {
    if depth == 0 { return try makeBatch(step) }
    condition.lock()
    ready = ready.filter { (step...step + depth).contains($0.key) }
    while ahead.contains(step), ready[step] == nil { condition.wait() }
    let prepared = ready.removeValue(forKey: step)
    for next in step + 1...step + depth where ready[next] == nil && ahead.insert(next).inserted {
      prepare(next)
    }
    condition.unlock()
    return try prepared?.get() ?? makeBatch(step)
  }

  private func prepare(_ step: Int) {
    queue.async { [weak self] in
      guard let self else { return }
      let result = Result { try self.makeBatch(step) }
      condition.lock()
      ready[step] = result
      ahead.remove(step)
      condition.broadcast()
      condition.unlock()
    }
  }

  private func makeBatch(_ step: Int) throws -> TokenBatch {
    let length = sequenceLength
    var inputs = [Int32](repeating: 0, count: batchSize * length)
    var targets = inputs
    for row in 0..<batchSize {
      let start = windowStart(step: step, row: row)
      let window = try shards.read(start..<start + length + 1)
      let place = row * length..<(row + 1) * length
      inputs.replaceSubrange(place, with: window.dropLast())
      targets.replaceSubrange(place, with: window.dropFirst())
      if let answers = try shards.answers(in: start + 1..<start + length + 1) {
        for (index, isAnswer) in answers.enumerated() where !isAnswer { targets[row * length + index] = -1 }
      }
    }
    return TokenBatch(
      step: step, inputs: inputs, targets: targets, batchSize: batchSize, sequenceLength: length)
  }
}
