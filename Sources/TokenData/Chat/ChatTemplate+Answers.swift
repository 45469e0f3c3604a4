import Groundwork

/// Where answers stand in what a template without `generation` blocks writes. What was said is not looked for, since a
/// user may have said it too and templates rewrite it: an answer is what the loop over the messages writes for its
/// message, behind what the template prompts it with.
extension ChatTemplate {
  /// The answers in `whole`, the text of `conversation`, in order. One that the template writes in parts, with messages
  /// of others between them, has several ranges.
  /// - Throws: where a message that says something cannot be told from others
  func answers(of conversation: Conversation, in whole: TemplateInterpreter.Output) throws -> [Range<Int>] {
    var ranges: [Range<Int>] = []
    for index in conversation.messages.indices where conversation.role(index) == "assistant" {
      if let turn = whole.turn(of: index) {
        ranges += try whole.parts(of: index, in: turn, from: start(of: index, in: whole, of: conversation))
      } else if !conversation.isSilent(index) {
        let start = try start(of: index, in: whole, of: conversation)
        let upTo = try render(conversation.prefix(index + 1), addingPrompt: false).text
        guard start <= upTo.count, whole.text.starts(with: upTo) else { throw unfound(index) }
        ranges.append(start..<upTo.count)
      }
    }
    ranges.sort { $0.lowerBound < $1.lowerBound }
    for (range, next) in zip(ranges, ranges.dropFirst()) where next.lowerBound < range.upperBound {
      throw UpcycleError.usage(
        "two answers stand in one place of what the chat template writes", at: file, hint: Self.hint)
    }
    return ranges
  }

  /// The text of a conversation in bytes, and where in it the model begins to say message `index`.
  func text(_ conversation: Conversation, saying index: Int) throws -> (text: [UInt8], start: Int) {
    let whole = try render(conversation, addingPrompt: false)
    return (whole.text, try start(of: index, in: whole, of: conversation))
  }

  private static let hint = "mark what the assistant says in the template with {% generation %}"

  private func unfound(_ index: Int) -> UpcycleError {
    UpcycleError.usage(
      "message \(index) cannot be found in what the chat template makes of the conversation", at: file,
      hint: Self.hint)
  }

  /// Behind the prompt for the message. Where the template writes an earlier conversation otherwise (without its
  /// thoughts, say), behind what it has of the prompt's last part, such as `<|im_start|>assistant` of a prompt that
  /// also opens a thought.
  private func start(of index: Int, in whole: TemplateInterpreter.Output, of conversation: Conversation) throws -> Int {
    let prompt = try prompt(for: index, in: conversation)
    let isWhole = whole.text.starts(with: prompt.text)
    guard let turn = whole.turn(of: index) else {
      if isWhole { return prompt.text.count }
      throw unfound(index)
    }
    if isWhole, (turn.lowerBound...turn.upperBound).contains(prompt.text.count) { return prompt.text.count }
    let end =
      prompt.turns.map(\.text.upperBound).max() ?? Self.shared(prompt.text[...], whole.text[..<turn.lowerBound])
    let opening = prompt.text[end...].drop(while: Self.isBlank)
    let written = whole.text[turn].drop(while: Self.isBlank)
    let length = Self.opening(opening, of: written)
    return length == 0 ? turn.lowerBound : written.startIndex + length
  }

  /// The conversation before a message with what asks for it. Templates that look at the first message cannot write a
  /// conversation without one: then what asks for another message behind all of them.
  private func prompt(for index: Int, in conversation: Conversation) throws -> TemplateInterpreter.Output {
    if index == 0, let prompt = try? render(conversation.prefix(0), addingPrompt: true) { return prompt }
    return try render(index == 0 ? conversation : conversation.prefix(index), addingPrompt: true)
  }

  /// How many bytes `text` has of `opening`: all, or so many that no character and no marker, such as `<think>`, is
  /// cut.
  private static func opening(_ opening: ArraySlice<UInt8>, of text: ArraySlice<UInt8>) -> Int {
    let length = shared(opening, text)
    if length == opening.count { return length }
    var end = text.startIndex + length
    while end > text.startIndex, end < text.endIndex, text[end] & 0xC0 == 0x80 { end -= 1 }
    for place in (text.startIndex..<end).reversed() {
      let byte = text[place]
      if isBlank(byte) || byte == UInt8(ascii: ">") || byte == UInt8(ascii: "]") { break }
      if byte == UInt8(ascii: "<") || byte == UInt8(ascii: "[") { return place - text.startIndex }
    }
    return end - text.startIndex
  }

  private static func shared(_ one: ArraySlice<UInt8>, _ other: ArraySlice<UInt8>) -> Int {
    zip(one, other).prefix { $0 == $1 }.count
  }

  private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || 0x09...0x0D ~= byte }
}

extension TemplateInterpreter.Output {
  /// The generation blocks that stand in no other one, in order.
  var outerGenerations: [Range<Int>] {
    var outer: [Range<Int>] = []
    for range in generations.sorted(by: { ($0.lowerBound, $1.upperBound) < ($1.lowerBound, $0.upperBound) })
    where range.lowerBound >= outer.last?.upperBound ?? 0 {
      outer.append(range)
    }
    return outer
  }

  /// What the loop over the messages wrote for one; nil where no loop did.
  func turn(of message: Int) -> Range<Int>? {
    turns.filter { $0.message == message }.map(\.text).max { $0.count < $1.count }
  }

  /// What a turn writes from `start` on for its own message: an answer may have the results of the tools that it calls
  /// in its midst. What stands behind the last turn belongs to it.
  func parts(of message: Int, in turn: Range<Int>, from start: Int) -> [Range<Int>] {
    let inner = turns.filter { $0.message != message && $0.text != turn && turn.contains($0.text.lowerBound) }
    var parts: [Range<Int>] = []
    var done = start
    for other in inner.map(\.text).sorted(by: { $0.lowerBound < $1.lowerBound }) where other.upperBound > done {
      if other.lowerBound > done { parts.append(done..<other.lowerBound) }
      done = other.upperBound
    }
    let isLast = turns.allSatisfy { $0.text.upperBound <= turn.upperBound }
    return parts + [done..<max(done, isLast ? text.count : turn.upperBound)]
  }
}
