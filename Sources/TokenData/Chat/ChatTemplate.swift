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
          case "messages": messages = try TemplateValue(&reader)
          case "tools": tools = try TemplateValue(&reader)
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

  init(_ value: TemplateValue, place: String) throws {
    guard case .list(let items) = value, !items.isEmpty else { throw Self.refusal("has no messages", at: place) }
    for (index, item) in items.enumerated() {
      guard case .dictionary(let message) = item, case .string? = message["role"] else {
        throw Self.refusal("message \(index) has no role", at: place)
      }
    }
    messages = items
  }

  private static func refusal(_ what: String, at place: String) -> UpcycleError {
    UpcycleError(what, at: place, expected: "{\"messages\": [{\"role\": \"user\", \"content\": text}, …]}")
  }

  func role(_ index: Int) -> String {
    if case .dictionary(let message) = messages[index] { return message["role"]?.text ?? "" } else { return "" }
  }

  func content(_ index: Int) -> String {
    guard case .dictionary(let message) = messages[index], case .string(let text)? = message["content"] else {
      return ""
    }
    return text
  }

  func prefix(_ count: Int) -> Conversation {
    var part = self
    part.messages = Array(messages.prefix(count))
    return part
  }
}

/// How a model's conversations become text: the Jinja template that comes with its tokenizer. What the template writes
/// is encoded with its special tokens parsed and nothing put in front.
public struct ChatTemplate {
  /// The file it came from.
  public let file: String
  private let nodes: [TemplateNode]
  /// For conversations with tools, where a model has a template of their own.
  private let toolNodes: [TemplateNode]?
  private let variables: TemplateDictionary
  private let now: Date

  /// The template of a model folder, where `source(in:)` finds it.
  /// - Throws: when there is none, or it uses what is not known.
  public init(folder: URL) throws {
    guard let (source, file) = try Self.source(in: folder) else {
      throw UpcycleError.usage(
        "has no chat template", at: folder.path,
        expected: "chat_template.jinja, or \"chat_template\" in tokenizer_config.json",
        hint: "give one with `chat_template`, or put chat_template.jinja there")
    }
    try self.init(
      source, file: file.path, variables: try Self.variables(folder),
      toolSource: Self.named("tool_use", in: file))
  }

  /// The Jinja text of a model folder's template and the file that it stands in: chat_template.jinja,
  /// chat_template.json, or `chat_template` of tokenizer_config.json (of several, the one named "default"); nil without
  /// one.
  public static func source(in folder: URL) throws -> (text: String, file: URL)? {
    let jinja = folder.appendingPathComponent("chat_template.jinja")
    if FileManager.default.fileExists(atPath: jinja.path) {
      return (String(decoding: try readFile(jinja), as: UTF8.self), jinja)
    }
    for name in ["chat_template.json", "tokenizer_config.json"] {
      let file = folder.appendingPathComponent(name)
      guard FileManager.default.fileExists(atPath: file.path) else { continue }
      let value = try JSONValue(contentsOf: file, dialect: .nonFinite)["chat_template"]
      let named = value?.array?.first { $0["name"]?.string == "default" } ?? value?.array?.first
      if let text = value?.string ?? named?["template"]?.string { return (text, file) }
    }
    return nil
  }

  /// The template of a name where a file lists several; nil where it does not.
  private static func named(_ name: String, in file: URL) throws -> String? {
    if file.pathExtension != "json" { return nil }
    let value = try JSONValue(contentsOf: file, dialect: .nonFinite)["chat_template"]
    return value?.array?.first { $0["name"]?.string == name }?["template"]?.string
  }

  /// A template of its own file, for the model in `folder`.
  public init(file: URL, folder: URL) throws {
    let source = String(decoding: try readFile(file), as: UTF8.self)
    try self.init(source, file: file.path, variables: try Self.variables(folder))
  }

  /// - Parameters:
  ///   - now: what the template takes for the current time.
  ///   - toolSource: instead of `source` in conversations with tools
  init(
    _ source: String, file: String, variables: TemplateDictionary = [:], now: Date = Date(), toolSource: String? = nil
  ) throws {
    self.file = file
    self.variables = variables
    self.now = now
    do {
      nodes = try TemplateParser.parse(source)
      toolNodes = try toolSource.map { try TemplateParser.parse($0) }
    } catch let error as TemplateError {
      throw UpcycleError("the chat template cannot be read: \(error.what)", at: "\(file): template line \(error.line)")
    }
  }

  /// `bos_token`, `eos_token` and the others, as the tokenizer's files name them.
  private static func variables(_ folder: URL) throws -> TemplateDictionary {
    let configuration = try TokenizerConfiguration(folder: folder)
    var variables = TemplateDictionary()
    for key in ["bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token"] {
      if case .token(let name) = configuration.token(key) { variables[key] = .string(name) }
    }
    return variables
  }

  // MARK: Rendering

  /// The text of a conversation.
  /// - Parameter addingPrompt: ends with what opens the assistant's next message.
  public func text(_ conversation: Conversation, addingPrompt: Bool) throws -> String {
    String(decoding: try render(conversation, addingPrompt: addingPrompt).text, as: UTF8.self)
  }

  private func render(_ conversation: Conversation, addingPrompt: Bool) throws -> TemplateInterpreter.Output {
    var variables = variables
    variables["messages"] = .list(conversation.messages)
    variables["tools"] = conversation.tools
    variables["documents"] = TemplateValue.none
    variables["add_generation_prompt"] = .bool(addingPrompt)
    let nodes = conversation.tools.isTrue ? toolNodes ?? nodes : nodes
    do { return try TemplateInterpreter.render(nodes, variables: variables, now: now) } catch let error as TemplateError
    {
      throw UpcycleError("the chat template fails: \(error.what)", at: "\(file): template line \(error.line)")
    }
  }

  // MARK: Training data

  /// A conversation as ids, and which of them are the assistant's answers, each with the token that ends it. Answers are
  /// encoded apart from what precedes them, as a model produces them.
  ///
  /// What an answer is, the template's `generation` blocks say; else it is what rendering the conversation up to an
  /// assistant's message adds to the prompt for it.
  public func document(_ conversation: Conversation, _ tokenizer: Tokenizer) throws -> (
    ids: [Int32], answers: [Range<Int>]
  ) {
    let whole = try render(conversation, addingPrompt: false)
    let ranges = whole.generations.isEmpty ? try answers(of: conversation, in: whole.text) : whole.generations
    var ids: [Int32] = []
    var answers: [Range<Int>] = []
    var done = 0
    func encode(_ range: Range<Int>) {
      whole.text.withUnsafeBufferPointer { text in
        tokenizer.encode(
          UnsafeBufferPointer(rebasing: text[range]), parsingSpecials: true, continuing: range.lowerBound > 0,
          into: &ids)
      }
    }
    for range in ranges {
      encode(done..<range.lowerBound)
      let start = ids.count
      encode(range)
      answers.append(start..<Self.answerEnd(ids, from: start, tokenizer))
      done = range.upperBound
    }
    encode(done..<whole.text.count)
    return (ids, answers.filter { !$0.isEmpty })
  }

  /// White space that the template writes behind the token that ends an answer is not part of it.
  private static func answerEnd(_ ids: [Int32], from start: Int, _ tokenizer: Tokenizer) -> Int {
    guard let last = ids[start...].lastIndex(where: { id in tokenizer.isSpecial(id) }) else { return ids.count }
    let rest = tokenizer.decodeBytes(Array(ids[(last + 1)...]), continuing: true)
    return rest.allSatisfy { [0x20, 0x09, 0x0A, 0x0D].contains($0) } ? last + 1 : ids.count
  }

  private func answers(of conversation: Conversation, in whole: [UInt8]) throws -> [Range<Int>] {
    var ranges: [Range<Int>] = []
    for index in conversation.messages.indices where conversation.role(index) == "assistant" {
      // Templates that look at the first message cannot write a conversation without one.
      let prompt =
        index == 0
        ? (try? render(conversation.prefix(0), addingPrompt: true).text)
        : try render(conversation.prefix(index), addingPrompt: true).text
      let upTo = try render(conversation.prefix(index + 1), addingPrompt: false).text
      if let prompt, whole.starts(with: upTo), upTo.starts(with: prompt) {
        ranges.append(prompt.count..<upTo.count)
        continue
      }
      // The template writes earlier answers otherwise than the last one (without their thoughts, say).
      let content = Array(TemplateMethods.stripped(conversation.content(index), nil, left: true, right: true).utf8)
      let opening = prompt.flatMap { whole.starts(with: $0) ? $0.count : nil }
      let from = max(ranges.last?.upperBound ?? 0, opening ?? 0)
      let said = content.isEmpty ? nil : TemplateMethods.find(content, in: whole, from: from)
      guard let said, opening != nil || said > 0 else {
        throw UpcycleError.usage(
          "message \(index) cannot be found in what the chat template makes of the conversation", at: file,
          hint: "mark what the assistant says in the template with {% generation %}")
      }
      var end = said + content.count
      if let place = TemplateMethods.find(content, in: upTo, from: min(prompt?.count ?? 0, upTo.count)) {
        let closing = upTo[(place + content.count)...]
        if whole[end...].starts(with: closing) { end += closing.count }
      }
      ranges.append((opening ?? said)..<end)
    }
    return ranges
  }
}
