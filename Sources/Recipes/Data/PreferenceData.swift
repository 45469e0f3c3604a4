import Distillation
import Evaluation
import Foundation
import Groundwork
import ModelCore
import TokenData
import Worlds

/// Preference pairs to train on, and others to measure on, with where each came from.
public struct PreferenceData: Sendable {
  /// A pair and the place that an error about it names.
  public struct Item: Sendable {
    /// Prompt and replies.
    public var pair: PreferencePair
    /// Such as file and line.
    public var place: String
    /// Written by a chat template: the prompt holds its own beginning token.
    var isChat = false
  }
  /// To train on.
  public var training: [Item]
  /// To measure on.
  public var heldOut: [Item]

  /// Pairs of JSON Lines files.
  /// - Parameters:
  ///   - limit: at most so many lines to train on, the first ones; nil for all.
  ///   - model: the folder whose chat template writes pairs of messages.
  ///   - template: a Jinja file instead of that template; nil: the folder's own.
  /// - Throws: usage errors for fewer pairs than `limit`, and for a template where no pair is one of messages
  public init(file: URL, heldOut: URL? = nil, limit: Int? = nil, model: URL? = nil, template: URL? = nil) throws {
    func chatTemplate() throws -> ChatTemplate? {
      guard let model else { return nil }
      return try template.map { try ChatTemplate(file: $0, folder: model) } ?? ChatTemplate(folder: model)
    }
    func items(_ url: URL) throws -> [Item] {
      try PreferencePair.read(url, template: chatTemplate).map {
        Item(pair: $0.pair, place: "\(url.path):\($0.line)", isChat: $0.isChat)
      }
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
    if template != nil, !(training + self.heldOut).contains(where: \.isChat) {
      throw UpcycleError.usage(
        "says nothing about pairs that are texts", field: "chat_template", expected: "pairs of messages",
        found: file.path)
    }
  }

  /// The number of the first pair of the microworld that nobody trains on.
  public static let firstHeldOut = 1_000_000

  /// Pairs 0..<count of the ladder's microworld, and `heldOutCount` later ones whose prompts are not among them.
  public init(microworldPairs count: Int, edition: Edition = .first, heldOut heldOutCount: Int = 200) {
    let world = World(seed: MicroworldText.worldSeed, edition: edition)
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
  ///
  /// A pair that is longer than the model's positions is shortened: its prompt loses the left end, and where a reply
  /// alone is too long, the reply its right end.
  /// - Returns: the pairs, and how many of them were shortened
  public func tokenized(_ tokenizer: Tokenizer, _ config: ModelConfig) throws -> (
    training: [TokenizedPair], heldOut: [TokenizedPair], shortened: Int
  ) {
    try requireMatch(config, tokenizer)
    let end = tokenizer.eos.map { [$0] } ?? []
    var shortened = 0
    func reply(_ item: Item, _ text: String) throws -> (prompt: [Int32], reply: [Int32]) {
      let parts = tokenizer.split(context: item.pair.prompt, continuation: text, isComplete: item.isChat)
      if parts.context.isEmpty || parts.continuation.isEmpty {
        throw UpcycleError.usage("has a prompt or a reply without tokens in this vocabulary", at: item.place)
      }
      // A chat template writes its end token itself, maybe with a line break behind it.
      let isClosed = item.isChat && parts.continuation.suffix(2).contains { end.contains($0) }
      return (parts.context, isClosed ? parts.continuation : parts.continuation + end)
    }
    func pair(_ item: Item) throws -> TokenizedPair {
      var (chosen, rejected) = (try reply(item, item.pair.chosen), try reply(item, item.pair.rejected))
      if chosen.reply == rejected.reply {
        throw UpcycleError.usage(
          "has the same tokens for \"chosen\" and \"rejected\" in this vocabulary", at: item.place,
          hint: "leave it out")
      }
      // The last token of a reply is predicted and not read.
      let room = config.readablePositions + 1
      let longest = max(chosen.prompt.count + chosen.reply.count, rejected.prompt.count + rejected.reply.count)
      if longest > room {
        shortened += 1
        func shorten(_ part: inout (prompt: [Int32], reply: [Int32])) {
          part.prompt = Array(part.prompt.suffix(max(1, part.prompt.count - (longest - room))))
          part.reply = Array(part.reply.prefix(room - part.prompt.count))
        }
        shorten(&chosen)
        shorten(&rejected)
        if chosen.reply == rejected.reply {
          throw UpcycleError.usage(
            "is too long for the model: shortened, its replies are the same", at: item.place,
            expected: "at most \(config.readablePositions) tokens", found: "\(longest - 1)", hint: "leave it out")
        }
      }
      return TokenizedPair(
        chosen: PromptedReply(prompt: chosen.prompt, reply: chosen.reply),
        rejected: PromptedReply(prompt: rejected.prompt, reply: rejected.reply))
    }
    let (training, heldOut) = (try training.map(pair), try heldOut.map(pair))
    return (training, heldOut, shortened)
  }

  /// What pairs are, for a run's identity.
  static func identity(of items: [Item]) -> String {
    let texts = items.flatMap { [$0.pair.prompt, $0.pair.chosen, $0.pair.rejected] }
    return "\(items.count) pairs \(sha256(texts.joined(separator: "\u{0}")).prefix(16))"
  }
}
