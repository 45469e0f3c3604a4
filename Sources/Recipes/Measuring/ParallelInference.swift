import Collectives
import Evaluation
import Foundation
import Groundwork
import ModelCore
import Parallelism
import TokenData

/// Continues a prompt on ranks that share heads and experts.
public struct ParallelInference {
  /// Folder of a model with experts.
  public var model: URL
  /// Text to continue.
  public var prompt: String
  /// At most so many new ones.
  public var tokens: Int
  /// Whether messages fly while ranks compute.
  public var overlaps: Bool
  /// How messages proceed.
  public var progress: MessageProgress.Mode

  public init(model: URL, prompt: String, tokens: Int, overlaps: Bool, progress: MessageProgress.Mode = .poll) {
    self.model = model
    self.prompt = prompt
    self.tokens = tokens
    self.overlaps = overlaps
    self.progress = progress
  }

  /// What was generated, and when.
  public struct Outcome: Sendable {
    /// Of the prompt, the beginning token included.
    public var promptTokens: Int
    /// The continuation.
    public var text: String
    /// Tokens and times.
    public var generation: ParallelGeneration
    /// Of the prompt.
    public var timeline: Timeline
  }

  /// - Parameter write: on every rank, with every new piece of text
  public func run(on ranks: any Communicator, write: (String) -> Void = { _ in }) throws -> Outcome {
    let context = RankContext(ranks, overlaps: overlaps, progress: progress)
    defer { context.progress.stop() }
    let (parallel, tokenizer, identity) = try ranks.agreeing {
      let config = try ModelConfig(contentsOf: model)
      let parallel = try TensorParallelModel(config, weights: CheckpointReader(model), file: model.path, on: context)
      return (parallel, try Tokenizer.load(from: model), try modelIdentity(model))
    }
    try ranks.requireSame(identity, "checkpoint", field: "model")
    let ids = tokenizer.prompt(prompt)
    if ids.isEmpty { throw AgreedError(.usage("is empty", field: "prompt", expected: "some text")) }
    try ranks.agreeing {
      let length = try parallel.contextLength(prompt: ids.count, maximum: tokens)
      // The prompt is read at once.
      try requireServingMemory(
        parallel.model, sequences: 1, context: length, rows: ids.count, at: "`prompt`, `tokens`")
    }
    let ends = parallel.model.config.endTokens(with: tokenizer)
    var stream = TextStream(tokenizer, continuing: !prompt.isEmpty)
    var text = ""
    func put(_ piece: String) {
      text += piece
      write(piece)
    }
    let generation = try parallel.generate(prompt: ids, maximum: tokens, ends: ends) { put(stream.append($0)) }
    put(stream.finish())
    let logs = try generation.log.gathered(ranks)
    return Outcome(
      promptTokens: ids.count, text: text, generation: generation,
      timeline: Timeline([.init(name: overlaps ? "overlapped" : "blocking", logs: logs)]))
  }
}
