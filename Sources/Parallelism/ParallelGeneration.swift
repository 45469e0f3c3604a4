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
  /// Tokens of a prompt and of at most `maximum` new ones, as far as the model has positions.
  /// - Throws: a usage error for a prompt that is longer than the positions
  public func contextLength(prompt: Int, maximum: Int) throws -> Int {
    let limit = model.config.positionLimit ?? .max
    if prompt > limit {
      throw UpcycleError.usage(
        "is longer than the model's positions", field: "prompt", expected: "at most \(limit) tokens",
        found: "\(prompt)", hint: "max_position_embeddings in config.json")
    }
    return min(limit, cappedSum(prompt, max(maximum, 0)))
  }

  /// Continues a prompt greedily: up to `maximum` tokens, the model's last position, or one of `ends`, which is not part
  /// of the result.
  /// - Parameter each: called with every token
  /// - Throws: usage errors for a prompt beyond the model's positions and ids outside its vocabulary; where logits are not
  ///   finite
  public func generate(
    prompt: [Int32], maximum: Int, ends: Set<Int32>, each: (Int32) -> Void = { _ in }
  ) throws -> ParallelGeneration {
    let capacity = try context.ranks.agreeing { try contextLength(prompt: prompt.count, maximum: maximum) }
    let cache = makeCache(capacity: capacity)
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
      if !logits.pointer[Int(token)].isFinite {
        // All ranks hold the same bits.
        throw AgreedError(
          UpcycleError(
            "the model's logits are not finite", at: "token \(cache.length)",
            hint: "its activations overflow: the checkpoint is damaged, or its training failed"))
      }
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
      if let positions = cache.positions, cache.length >= positions { break }
      feed = [token]
      began = monotonicSeconds()
    }
    return result
  }
}
