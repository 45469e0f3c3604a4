import Distillation
import Evaluation
import Foundation
import Groundwork
import ModelCore
import TokenData

/// Preference pairs to train on, and others to measure on, with where each came from.
public struct PreferenceData: Sendable {
  /// A pair and the place that an error about it names.
  public struct Item: Sendable {
    /// Prompt and replies.
    public var pair: PreferencePair
    /// Such as file and line.
    public var place: String
  }
  /// To train on.
  public var training: [Item]
  /// To measure on.
  public var heldOut: [Item]

  /// Pairs of JSON Lines files.
  /// - Parameter limit: at most so many lines to train on, the first ones; nil for all.
  public init(file: URL, heldOut: URL? = nil, limit: Int? = nil) throws {
    func items(_ url: URL) throws -> [Item] {
      try PreferencePair.read(url).map { Item(pair: $0.pair, place: "\(url.path):\($0.line)") }
    }
    training = try items(file)
    if let limit {
      if limit > training.count {
        throw UpcycleError.usage(
          "holds fewer pairs than asked for", at: file.path, expected: "\(limit)", found: "\(training.count)")
      }
      training.removeLast(training.count - limit)
    }
    self.heldOut = try heldOut.map(items) ?? []
  }

  /// The number of the first pair of the microworld that nobody trains on.
  public static let firstHeldOut = 1_000_000

  /// Pairs 0..<count of the ladder's microworld, and `heldOutCount` later ones whose prompts are not among them.
  public init(microworldPairs count: Int, heldOut heldOutCount: Int = 200) {
    let world = World(seed: MicroworldText.worldSeed)
    func item(_ index: Int) -> Item {
      Item(
        pair: .pair(index, world: world, seed: MicroworldText.worldSeed), place: "pair \(index) of the microworld")
    }
    training = (0..<count).map(item)
    let known = Set(training.map(\.pair.prompt))
    let first = Self.firstHeldOut
    heldOut = Array(
      (first..<first + 20 * heldOutCount).lazy.map(item).filter { !known.contains($0.pair.prompt) }
        .prefix(heldOutCount))
  }

  /// The pairs as a model of `config` reads them. A reply is cut from its prompt as in evaluation and closed by
  /// the end token, where there is one, so that a reply cut short differs from the whole one.
  public func tokenized(_ tokenizer: Tokenizer, _ config: ModelConfig) throws -> (
    training: [TokenizedPair], heldOut: [TokenizedPair]
  ) {
    try requireMatch(config, tokenizer)
    let end = tokenizer.eos.map { [$0] } ?? []
    func reply(_ item: Item, _ text: String) throws -> PromptedReply {
      let parts = tokenizer.split(context: item.pair.prompt, continuation: text)
      if parts.context.isEmpty || parts.continuation.isEmpty {
        throw UpcycleError.usage("has a prompt or a reply without tokens in this vocabulary", at: item.place)
      }
      let reply = PromptedReply(prompt: parts.context, reply: parts.continuation + end)
      if reply.inputCount > config.maxPosition {
        throw UpcycleError.usage(
          "is too long for the model", at: item.place, expected: "at most \(config.maxPosition) tokens",
          found: "\(reply.inputCount)", hint: "shorten it or leave it out")
      }
      return reply
    }
    func pair(_ item: Item) throws -> TokenizedPair {
      TokenizedPair(chosen: try reply(item, item.pair.chosen), rejected: try reply(item, item.pair.rejected))
    }
    return (try training.map(pair), try heldOut.map(pair))
  }

  /// What the training pairs are, for a run's identity.
  var identity: String {
    let texts = training.flatMap { [$0.pair.prompt, $0.pair.chosen, $0.pair.rejected] }
    return "\(training.count) pairs \(sha256(texts.joined(separator: "\u{0}")).prefix(16))"
  }
}
