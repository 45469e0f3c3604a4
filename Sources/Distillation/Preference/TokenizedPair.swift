import Groundwork

/// A prompt with one of its replies, as token ids.
public struct PromptedReply: Equatable, Sendable {
  /// Prompt, then reply.
  public var ids: [Int32]
  /// Index of the reply's first token: at least 1, since its log-probability needs a token before it.
  public var replyStart: Int

  /// Both of at least one token.
  public init(prompt: [Int32], reply: [Int32]) {
    precondition(!prompt.isEmpty && !reply.isEmpty, "a reply of at least one token after a prompt")
    ids = prompt + reply
    replyStart = prompt.count
  }

  /// Tokens that go through the model: the last one is only predicted.
  public var inputCount: Int { ids.count - 1 }
}

/// A preference pair as token ids.
public struct TokenizedPair: Equatable, Sendable {
  /// The better reply after its prompt.
  public var chosen: PromptedReply
  /// The worse reply after the same prompt.
  public var rejected: PromptedReply

  /// Two replies to one prompt, which is not checked.
  public init(chosen: PromptedReply, rejected: PromptedReply) {
    self.chosen = chosen
    self.rejected = rejected
  }

  /// Tokens of the longer sequence that go through the model.
  public var inputCount: Int { max(chosen.inputCount, rejected.inputCount) }
}

/// Pairs side by side for one forward pass: sequence 2 i is pair i's chosen reply, 2 i + 1 its rejected one,
/// all padded on the right to the longest. Every mixer is causal, so padding changes nothing before it.
struct PreferenceBatch {
  let sequences: Int
  let time: Int
  /// [sequences * time]; padding is id 0.
  let ids: [Int32]
  /// The token that each position must predict where it belongs to a reply, else -1: prompt and padding.
  let targets: [Int32]

  init(_ pairs: [TokenizedPair]) {
    let replies = pairs.flatMap { [$0.chosen, $0.rejected] }
    let time = replies.map(\.inputCount).max() ?? 0
    var ids = [Int32](repeating: 0, count: replies.count * time)
    var targets = [Int32](repeating: -1, count: replies.count * time)
    for (sequence, reply) in replies.enumerated() {
      let start = sequence * time
      ids.replaceSubrange(start..<start + reply.inputCount, with: reply.ids.dropLast())
      targets.replaceSubrange(
        start + reply.replyStart - 1..<start + reply.inputCount, with: reply.ids[reply.replyStart...])
    }
    sequences = replies.count
    self.time = time
    self.ids = ids
    self.targets = targets
  }
}
