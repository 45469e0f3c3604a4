import Foundation
import Groundwork

/// A prompt with a better and a worse reply: right and well-formed against wrong, off-topic or malformed.
public struct PreferencePair: Codable, Equatable, Sendable {
  /// Up to where a reply begins.
  public var prompt: String
  /// Replies begin with their own space, so `prompt + reply` is the full text.
  public var chosen: String
  /// The worse reply.
  public var rejected: String

  public init(prompt: String, chosen: String, rejected: String) {
    self.prompt = prompt
    self.chosen = chosen
    self.rejected = rejected
  }
}

extension PreferencePair {
  /// Reads JSON Lines of `{"prompt": ..., "chosen": ..., "rejected": ...}` (texts; further keys are ignored,
  /// blank lines skipped), each pair with the number of its line. A line that cannot be trained on is an
  /// error that names file, line and reason.
  ///
  /// The three may also be lists of messages, the prompt with or without; then `template` writes them, and `isChat` says
  /// that the prompt holds its own beginning token.
  public static func read(_ url: URL, template: () throws -> ChatTemplate? = { nil }) throws -> [(
    line: Int, pair: PreferencePair, isChat: Bool
  )] {
    let expected = "{\"prompt\": text, \"chosen\": text, \"rejected\": text}, or lists of messages"
    var loaded: ChatTemplate?
    var pairs: [(line: Int, pair: PreferencePair, isChat: Bool)] = []
    try JSONLines.forEach(in: url) { line, number, place in
      do {
        let isChat = try isChat(line, file: url.path, number)
        var pair: PreferencePair
        if isChat {
          loaded = try loaded ?? template()
          guard let loaded else { throw UpcycleError("has messages, which need a model's chat template", at: place) }
          pair = try chat(line, file: url.path, number, loaded)
        } else {
          pair = try decodeJSON(
            PreferencePair.self, from: line, file: place, what: "a preference pair", firstLine: number)
        }
        if let problem = pair.problem {
          throw UpcycleError("is not a usable preference pair", at: place, found: problem)
        }
        pairs.append((number, pair, isChat))
      } catch var error as UpcycleError {
        error.expected = error.expected ?? (error.found == nil ? expected : nil)
        throw error
      }
    }
    if pairs.isEmpty { throw UpcycleError("holds no preference pairs", at: url.path) }
    return pairs
  }

  /// True when the replies are lists of messages; a line that is no JSON is left to be refused later.
  private static func isChat(_ line: Data, file: String, _ number: Int) throws -> Bool {
    var found = false
    _ = try? JSONReader.parse(line, file: file, firstLine: number) { reader in
      try reader.object { reader, key in
        if key == Array("chosen".utf8), try reader.kind() == .array { found = true }
        try reader.skip()
      }
    }
    return found
  }

  /// Prompt and replies as a template writes them: a reply is what its message adds to the prompt for it.
  private static func chat(_ line: Data, file: String, _ number: Int, _ template: ChatTemplate) throws -> PreferencePair
  {
    var values: [String: TemplateValue] = [:]
    try JSONReader.parse(line, file: file, firstLine: number) { reader in
      try reader.object { reader, key in values[String(decoding: key, as: UTF8.self)] = try TemplateValue(&reader) }
    }
    let place = "\(file):\(number)"
    func messages(_ key: String) throws -> Conversation {
      guard let value = values[key] else { throw UpcycleError("has no \"\(key)\"", at: place) }
      return try Conversation(value, place: place)
    }
    var (chosen, rejected) = (try messages("chosen"), try messages("rejected"))
    if values["prompt"] != nil {
      let prompt = try messages("prompt")
      chosen.messages = prompt.messages + chosen.messages
      rejected.messages = prompt.messages + rejected.messages
    }
    let shared = zip(chosen.messages, rejected.messages).prefix { $0.equals($1) }.count
    let prompt = chosen.prefix(shared)
    func reply(_ conversation: Conversation, _ start: String) throws -> String {
      let whole = try template.text(conversation, addingPrompt: false)
      guard whole.utf8.starts(with: start.utf8) else {
        throw UpcycleError("has a reply that the chat template does not put behind the prompt", at: place)
      }
      return String(decoding: whole.utf8.dropFirst(start.utf8.count), as: UTF8.self)
    }
    guard shared > 0, shared < chosen.messages.count, shared < rejected.messages.count else {
      throw UpcycleError("has no prompt, or the same messages twice", at: place)
    }
    let text = try template.text(prompt, addingPrompt: true)
    return PreferencePair(prompt: text, chosen: try reply(chosen, text), rejected: try reply(rejected, text))
  }

  /// What makes a pair useless, if anything.
  private var problem: String? {
    for (name, text) in [("prompt", prompt), ("chosen", chosen), ("rejected", rejected)]
    where text.allSatisfy(\.isWhitespace) {
      return "an empty \"\(name)\""
    }
    // Texts of equal characters may be other bytes, and other tokens.
    return chosen.utf8.elementsEqual(rejected.utf8) ? "the same text for \"chosen\" and \"rejected\"" : nil
  }
}
