import Foundation
import Groundwork

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

  func render(_ conversation: Conversation, addingPrompt: Bool) throws -> TemplateInterpreter.Output {
    var variables = variables
    variables["messages"] = .list(conversation.messages.enumerated().map { $1.asMessage($0) })
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

  /// A conversation as ids, and which of them are the assistant's answers, each with the token that ends it. Answers
  /// are encoded apart from what precedes them, as a model produces them.
  ///
  /// What an answer is, the template's `generation` blocks say; else it is what the template writes for an assistant's
  /// message behind the prompt for it.
  public func document(_ conversation: Conversation, _ tokenizer: Tokenizer) throws -> (
    ids: [Int32], answers: [Range<Int>]
  ) {
    let whole = try render(conversation, addingPrompt: false)
    let isMarked = !whole.generations.isEmpty
    let ranges = try isMarked ? whole.outerGenerations : answers(of: conversation, in: whole)
    var ids: [Int32] = []
    var answers: [Range<Int>] = []
    func encode(_ range: Range<Int>) {
      whole.text.withUnsafeBufferPointer { text in
        tokenizer.encode(
          UnsafeBufferPointer(rebasing: text[range]), parsingSpecials: true, continuing: range.lowerBound > 0,
          into: &ids)
      }
    }
    func encodeBetween(_ range: Range<Int>) {
      let start = ids.count
      encode(range)
      guard !isMarked, let answer = answers.last, answer.upperBound == start else { return }
      answers[answers.count - 1] = Self.closed(answer, ids, tokenizer)
    }
    var done = 0
    for range in ranges {
      encodeBetween(done..<range.lowerBound)
      let start = ids.count
      encode(range)
      answers.append(start..<Self.answerEnd(ids, from: start, tokenizer))
      done = range.upperBound
    }
    encodeBetween(done..<whole.text.count)
    return (ids, answers.filter { !$0.isEmpty })
  }

  /// White space that the template writes behind the token that ends an answer is not part of it.
  private static func answerEnd(_ ids: [Int32], from start: Int, _ tokenizer: Tokenizer) -> Int {
    guard let last = ids[start...].lastIndex(where: { id in tokenizer.isSpecial(id) }) else { return ids.count }
    let rest = tokenizer.decodeBytes(Array(ids[(last + 1)...]), continuing: true)
    return rest.allSatisfy { [0x20, 0x09, 0x0A, 0x0D].contains($0) } ? last + 1 : ids.count
  }

  /// With the token that ends it where that is the first of the next message, as GLM's `<|user|>`.
  private static func closed(_ answer: Range<Int>, _ ids: [Int32], _ tokenizer: Tokenizer) -> Range<Int> {
    let end = answer.upperBound
    guard end < ids.count, tokenizer.endTokens.contains(ids[end]) else { return answer }
    let beginsTexts = ids[end] == tokenizer.bos && tokenizer.bos != tokenizer.eos
    let isClosed = !answer.isEmpty && tokenizer.isSpecial(ids[end - 1])
    return beginsTexts || isClosed ? answer : answer.lowerBound..<end + 1
  }
}
