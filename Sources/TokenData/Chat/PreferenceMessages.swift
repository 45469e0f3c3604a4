import Groundwork

/// A preference pair of messages in the layouts that data sets have. A reply is a list of messages or, behind a prompt
/// that is one, a text that the assistant says. The prompt is a list, which both replies may repeat, a text that the
/// user says, also among the messages of the replies (UltraFeedback), or what both replies begin with. "tools" may
/// stand beside.
struct PreferenceMessages {
  private static let keys: Set<String> = ["prompt", "chosen", "rejected", "tools"]

  private let values: [String: TemplateValue]
  private let place: String

  /// nil for a line without lists: a pair of texts, or none.
  init?(_ line: UnsafeRawBufferPointer, _ number: Int, of file: String) {
    var values: [String: TemplateValue] = [:]
    let isRead: Void? = try? JSONReader.parse(line, file: file, firstLine: number) { reader in
      try reader.object { reader, key in
        let key = String(decoding: key, as: UTF8.self)
        if Self.keys.contains(key) {
          values[key] = try TemplateValue(&reader, source: line)
        } else {
          try reader.skip()
        }
      }
    }
    let hasLists = ["prompt", "chosen", "rejected"].contains { key in
      if case .list? = values[key] { return true } else { return false }
    }
    guard isRead != nil, hasLists else { return nil }
    self.values = values
    place = "\(file):\(number)"
  }

  /// Prompt and replies as a template writes them: a reply is what it writes behind the prompt for it.
  func pair(writtenBy template: ChatTemplate) throws -> PreferencePair {
    let (chosen, rejected) = try conversations()
    let shared = Self.shared(chosen.messages, rejected.messages)
    guard shared > 0, shared < chosen.messages.count, shared < rejected.messages.count else {
      throw refusal("has no prompt, or the same messages twice")
    }
    func written(_ conversation: Conversation) throws -> (text: [UInt8], start: Int) {
      do { return try template.text(conversation, saying: shared) } catch let error as UpcycleError {
        throw error.said(of: place)
      }
    }
    let (better, worse) = (try written(chosen), try written(rejected))
    // A reply with a thought may begin within what the prompt holds for the other one.
    let start = min(better.start, worse.start)
    guard better.text[..<start].elementsEqual(worse.text[..<start]) else {
      throw UpcycleError("has replies that the chat template puts behind different prompts", at: place)
    }
    func text(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }
    return PreferencePair(
      prompt: text(better.text[..<start]), chosen: text(better.text[start...]), rejected: text(worse.text[start...]))
  }

  // MARK: Layouts

  private func conversations() throws -> (chosen: Conversation, rejected: Conversation) {
    let (prompt, chosen, rejected) = (
      try messages("prompt", saidBy: "user"), try messages("chosen", saidBy: "assistant"),
      try messages("rejected", saidBy: "assistant")
    )
    if chosen.isEmpty || rejected.isEmpty { throw refusal("has no \"\(chosen.isEmpty ? "chosen" : "rejected")\"") }
    let shared = Self.shared(chosen, rejected)
    var opening = prompt
    if case .string(let text)? = values["prompt"], !prompt.isEmpty {
      if chosen[..<shared].contains(where: { Self.says($0, text) }) {
        opening = []
      } else if !Self.isAnswer(chosen[0]) || !Self.isAnswer(rejected[0]) {
        throw refusal("has a text as \"prompt\" that no message says which both replies begin with")
      }
    }
    // The prompt's last messages may be the first ones of both replies.
    let repeated = (0...min(opening.count, shared)).last { count in
      Self.shared(Array(opening.suffix(count)), chosen) == count
    }
    opening.removeLast(repeated ?? 0)
    var (better, worse) = (Conversation(), Conversation())
    (better.messages, worse.messages) = (opening + chosen, opening + rejected)
    let tools = values["tools"] ?? TemplateValue.none
    (better.tools, worse.tools) = (tools, tools)
    return (better, worse)
  }

  /// The messages at a key: a text is one of `role`; none where there is nothing.
  private func messages(_ key: String, saidBy role: String) throws -> [TemplateValue] {
    switch values[key] ?? TemplateValue.none {
    case .none: return []
    case .list(let items) where items.isEmpty: return []
    case .string(let text):
      if pythonStripped(text).isEmpty { return [] }
      var conversation = Conversation()
      conversation.append(role: role, text)
      return conversation.messages
    case let list:
      do { return try Conversation(list, place: place).messages } catch let error as UpcycleError {
        throw refusal("\(error.what) in \"\(key)\"")
      }
    }
  }

  private func refusal(_ what: String) -> UpcycleError {
    UpcycleError(what, at: place, expected: PreferencePair.layouts)
  }

  /// How many messages both begin with.
  private static func shared(_ one: [TemplateValue], _ other: [TemplateValue]) -> Int {
    zip(one, other).prefix { $0.equals($1) }.count
  }

  private static func says(_ message: TemplateValue, _ text: String) -> Bool {
    guard case .dictionary(let message) = message, case .string(let content)? = message["content"] else { return false }
    return same(pythonStripped(content), pythonStripped(text))
  }

  private static func isAnswer(_ message: TemplateValue) -> Bool {
    guard case .dictionary(let message) = message, case .string(let role)? = message["role"] else { return false }
    return same(role, "assistant")
  }
}
