import Collectives
import Groundwork
import ModelCore
import TensorCore

/// What greedy decoding on ranks took.
public struct ParallelGeneration: Sendable {
  /// New ones.
  public var tokens: [Int32]
  /// Milliseconds to the first token, and of each later one.
  public var firstToken: Double
  /// Milliseconds of each token after the first.
  public var laterTokens: [Double]
  /// The prompt's events, of this rank.
  public var log: EventLog
}

extension TensorParallelModel {
  /// Continues a prompt greedily: up to `maximum` tokens, or to one of `ends`, which is not part of the result.
  /// - Parameter each: called with every token
  public func generate(
    prompt: [Int32], maximum: Int, ends: Set<Int32>, each: (Int32) -> Void = { _ in }
  ) throws -> ParallelGeneration {
    let cache = makeCache(capacity: prompt.count + maximum)
    try context.restartLog()
    var began = monotonicSeconds()
    var result = ParallelGeneration(tokens: [], firstToken: 0, laterTokens: [], log: context.log)
    var feed = prompt
    while result.tokens.count < maximum {
      let hidden = try extend(cache, feed)
      let last = Tensor(
        hidden.storage, offset: hidden.offset + (hidden.rowCount - 1) * hidden.width, shape: [1, hidden.width])
      let logits = model.logits(last)
      let token = Int32((0..<logits.count).max { logits.pointer[$0] < logits.pointer[$1] }!)
      let milliseconds = 1000 * (monotonicSeconds() - began)
      if feed.count > 1 || result.firstToken == 0 {
        result.firstToken = milliseconds
        result.log = context.log
      } else {
        result.laterTokens.append(milliseconds)
      }
      if ends.contains(token) { break }
      result.tokens.append(token)
      each(token)
      feed = [token]
      began = monotonicSeconds()
    }
    return result
  }
}
