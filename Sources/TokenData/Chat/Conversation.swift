import Foundation
import Groundwork

/// A conversation: messages with a role and what was said, and the tools that the model may call.
public struct Conversation {
  var messages: [TemplateValue]
  var tools: TemplateValue = .none

  /// No messages and no tools.
  public init() { messages = [] }

  /// - Parameter role: as the template knows it: "system", "user", "assistant", …
  public mutating func append(role: String, _ content: String) {
    messages.append(.dictionary(["role": .string(role), "content": .string(content)]))
  }

  /// Takes the last message back; there must be one.
  public mutating func removeLast() { messages.removeLast() }

  /// Reads `{"messages": [{"role": …, "content": …}, …]}`, keeping all keys of a message; "tools" may stand beside.
  /// - Throws: a usage error against the line.
  init(line: UnsafeRawBufferPointer, _ number: Int, of file: String) throws {
    var messages: TemplateValue = .none
    var tools: TemplateValue = .none
    do {
      try JSONReader.parse(line, file: file, firstLine: number) { reader in
        try reader.object { reader, key in
          switch String(decoding: key, as: UTF8.self) {
          case "messages": messages = try TemplateValue(&reader, source: line)
          case "tools": tools = try TemplateValue(&reader, source: line)
          default: try reader.skip()
          }
        }
      }
    } catch let error as UpcycleError {
      throw Self.refusal(error.what, at: error.location ?? file)
    }
    try self.init(messages, place: "\(file):\(number)")
    self.tools = tools
  }

  /// The messages of a list, as transformers gives them to a template.
  init(_ value: TemplateValue, place: String) throws {
    guard case .list(let items) = value, !items.isEmpty else { throw Self.refusal("has no messages", at: place) }
    messages = try items.enumerated().map { index, item -> TemplateValue in
      guard case .dictionary(let message) = item, case .string? = message["role"] else {
        throw Self.refusal("message \(index) has no role", at: place)
      }
      return .dictionary(Self.normalized(message))
    }
  }

  /// Without keys of no value, which APIs write and templates print as None; thoughts also under the other names that
  /// templates read.
  private static func normalized(_ message: TemplateDictionary) -> TemplateDictionary {
    let entries = message.entries.filter { if case .none = $0.value { return false } else { return true } }
    let given = TemplateDictionary(entries.map { ($0.key, $0.value) })
    guard let thoughts = given["reasoning_content"] ?? given["thinking"] ?? given["reasoning"] else { return given }
    var named = TemplateDictionary([("thinking", thoughts)] + entries.map { ($0.key, $0.value) })
    named["reasoning_content"] = thoughts
    return named
  }

  private static func refusal(_ what: String, at place: String) -> UpcycleError {
    UpcycleError(what, at: place, expected: "{\"messages\": [{\"role\": \"user\", \"content\": text}, …]}")
  }

  func role(_ index: Int) -> String {
    if case .dictionary(let message) = messages[index] { return message["role"]?.text ?? "" } else { return "" }
  }

  /// True for a message without words and calls.
  func isSilent(_ index: Int) -> Bool {
    guard case .dictionary(let message) = messages[index] else { return true }
    if let calls = message["tool_calls"], calls.isTrue { return false }
    guard let content = message["content"] else { return true }
    if case .string(let text) = content { return pythonStripped(text).isEmpty }
    return !content.isTrue
  }

  func prefix(_ count: Int) -> Conversation {
    var part = self
    part.messages = Array(messages.prefix(count))
    return part
  }
}
