import Foundation
import Groundwork

/// Hugging Face's tokenizer.json, for BPE: byte-level, or over characters with byte fallback as it is made from
/// SentencePiece models. Whatever would change the ids and is not known here is refused by name; the beginning and end
/// tokens come from tokenizer_config.json beside it, else from the post-processor, else from well-known names.
struct HuggingFaceTokenizer {
  let file: String
  private let configuration: TokenizerConfiguration
  /// All of the file but its model.
  private var head: [String: JSONValue] = [:]
  /// All of the model but its vocabulary and merges.
  private var model: [String: JSONValue] = [:]
  private var entries: VocabularyEntries
  /// Both parts of each merge, `VocabularyEntries.separator` between them.
  private var mergeLines = ByteStringTable()

  static func load(_ data: Data, file: URL) throws -> Tokenizer {
    let configuration = try TokenizerConfiguration(folder: file.deletingLastPathComponent())
    return try parse(data, configuration, file: file.path)
  }

  static func parse(_ data: Data, configuration: JSONValue?, file: String) throws -> Tokenizer {
    try parse(data, TokenizerConfiguration(configuration), file: file)
  }

  private static func parse(_ data: Data, _ configuration: TokenizerConfiguration, file: String) throws -> Tokenizer {
    var parts = HuggingFaceTokenizer(configuration, file: file)
    try JSONReader.parse(data, file: file, dialect: .nonFinite) { try parts.read(&$0) }
    return try parts.tokenizer()
  }

  private init(_ configuration: TokenizerConfiguration, file: String) {
    self.file = file
    self.configuration = configuration
    entries = VocabularyEntries(file: file)
  }

  // MARK: Reading

  private mutating func read(_ reader: inout JSONReader) throws {
    try reader.object { reader, key in
      let name = String(decoding: key, as: UTF8.self)
      if name == "model" { try readModel(&reader) } else { head[name] = try reader.value() }
    }
  }

  private mutating func readModel(_ reader: inout JSONReader) throws {
    try reader.object { reader, key in
      switch String(decoding: key, as: UTF8.self) {
      case "vocab" where try reader.kind() == .object: try entries.read(&reader)
      case "merges" where try reader.kind() == .array: try reader.array { try readMerge(&$0) }
      case let name: model[name] = try reader.value()
      }
    }
  }

  private mutating func readMerge(_ reader: inout JSONReader) throws {
    var line: [UInt8] = []
    if try reader.kind() == .array {
      try reader.array { reader in
        if !line.isEmpty { line.append(VocabularyEntries.separator) }
        try reader.stringBytes(into: &line)
      }
    } else {
      try reader.stringBytes(into: &line)
      if let space = line.firstIndex(of: 0x20) { line[space] = VocabularyEntries.separator }
    }
    mergeLines.append(line, findable: false)
  }

  // MARK: Making sense of it

  private func tokenizer() throws -> Tokenizer {
    try checkModel()
    if entries.ids.isEmpty {
      throw UpcycleError("has no vocabulary", at: file, expected: "model.vocab: pieces and their ids")
    }
    var added = try readAddedTokens()
    let bos = try boundary("bos_token", names: TokenNames.beginning, &added)
    let eos = try boundary("eos_token", names: TokenNames.end, &added)
    let boundaries = BoundaryTokens(
      bos: bos, eos: eos, configuration: configuration, template: try PostProcessor(head["post_processor"], self).ends)
    let pipeline = try TokenizerPipeline(
      normalizer: head["normalizer"], preTokenizer: head["pre_tokenizer"], decoder: head["decoder"], file: file)
    let model = pipeline.isByteLevel ? try byteLevel(pipeline, added) : try pieces(pipeline, added)
    return Tokenizer(
      model: model, normalizer: pipeline.normalizer, addedTokens: added, boundaries: boundaries)
  }

  private func merges() throws -> [MergeTable.Merge] {
    try (0..<mergeLines.count).map { rank in
      try mergeLines[rank].withUnsafeBytes { try entries.merge(line: $0, rank: rank) }
    }
  }

  private func byteLevel(_ pipeline: TokenizerPipeline, _ added: [AddedToken]) throws -> Tokenizer.Model {
    let bpe = try ByteLevelBPE(
      pieces: entries.layout(hidden: Set(added.filter(\.isSpecial).map(\.id))), merges: merges(),
      preTokenizer: pipeline.preTokenizer,
      ignoresMerges: model["ignore_merges"]?.bool ?? false, addsPrefixSpace: pipeline.addsPrefixSpace,
      unknown: try unknown(), file: file)
    return .byteLevel(bpe)
  }

  /// Pieces over characters; without byte fallback a character that has no piece is unknown.
  private func pieces(_ pipeline: TokenizerPipeline, _ added: [AddedToken]) throws -> Tokenizer.Model {
    var settings = pipeline.pieces
    settings.fusesUnknown = model["fuse_unk"]?.bool ?? false
    settings.ignoresMerges = model["ignore_merges"]?.bool ?? false
    settings.hasBytePieces = model["byte_fallback"]?.bool ?? false
    let special = Set(added.filter(\.isSpecial).map(\.id))
    return .pieces(
      PieceVocabulary(
        spellings: try entries.byID(), scores: nil, merges: try merges(), unknown: try unknown(), control: special,
        settings: settings))
  }

  private func checkModel() throws {
    if let type = model["type"], type.string != "BPE" {
      throw refusal("another kind of model", expected: "BPE", found: type.text())
    }
    for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
      if let text = model[key]?.string, !text.isEmpty { throw refusal(key, expected: "none", found: "'\(text)'") }
    }
    if let dropout = model["dropout"]?.double, dropout != 0 {
      throw refusal("merge dropout", expected: "none", found: "\(dropout)")
    }
  }

  private func unknown() throws -> Int32? {
    guard let name = model["unk_token"]?.string else { return nil }
    guard let id = entries.id(of: name) else {
      throw UpcycleError("does not hold its unknown token", at: file, found: "'\(name)'")
    }
    return id
  }

  func refusal(_ feature: String, expected: String, found: String) -> UpcycleError {
    UpcycleError("uses \(feature), which is not supported", at: file, expected: expected, found: found)
  }

  // MARK: Added tokens and boundaries

  private func readAddedTokens() throws -> [AddedToken] {
    let limit = 2 * entries.ids.count + 4096
    var seen = Set<Int32>()
    var texts = Set<String>()
    var tokens = try (head["added_tokens"]?.array ?? []).map { token in
      guard let id = token["id"]?.int, (0..<limit).contains(id), let text = token["content"]?.string,
        !text.isEmpty,
        seen.insert(Int32(id)).inserted
      else {
        throw UpcycleError(
          "has a malformed added token", at: file,
          expected: "an id below \(limit), used once, and its content",
          found: "\(token.text().prefix(120))")
      }
      texts.insert(text)
      return AddedToken(id: Int32(id), text: text, token)
    }
    for token in configuration.addedTokens
    where Int(token.id) < limit && !texts.contains(token.text) && seen.insert(token.id).inserted {
      tokens.append(token)
    }
    return tokens
  }

  /// The beginning or end token's id; one that stands in the vocabulary only is added to `added`.
  private func boundary(_ key: String, names: [String], _ added: inout [AddedToken]) throws -> Int32? {
    let name: String
    switch configuration.token(key) {
    case .none: return nil
    case .token(let told): name = told
    case .unsaid:
      guard key == "bos_token", let first = PostProcessor.firstSpecial(head["post_processor"]) else {
        return TokenNames.first(of: names, in: added)
      }
      name = first
    }
    if let token = added.first(where: { $0.text == name }) { return token.id }
    guard let id = entries.id(of: name) else {
      throw UpcycleError("does not hold the \(key) that its configuration names", at: file, found: "'\(name)'")
    }
    added.append(AddedToken(id: id, text: name))
    return id
  }

  /// What the post-processor adds to a single text.
  private struct PostProcessor {
    /// nil when there is no post-processor.
    let ends: (start: [Int32], end: [Int32])?

    init(_ value: JSONValue?, _ tokenizer: HuggingFaceTokenizer) throws {
      guard let value, value != .null else {
        ends = nil
        return
      }
      let steps = value["type"]?.string == "Sequence" ? value["processors"]?.array ?? [] : [value]
      var (start, end) = ([Int32](), [Int32]())
      for step in steps {
        switch step["type"]?.string {
        case "ByteLevel": break
        case "TemplateProcessing":
          var isBehind = false
          for part in step["single"]?.array ?? [] {
            if part["Sequence"] != nil { isBehind = true }
            guard let name = part["SpecialToken"]?["id"]?.string else { continue }
            let ids = try Self.ids(of: name, step, tokenizer)
            if isBehind { end += ids } else { start += ids }
          }
        case "RobertaProcessing", "BertProcessing":
          start += step["cls"]?.array?.last?.int.map { [Int32($0)] } ?? []
          end += step["sep"]?.array?.last?.int.map { [Int32($0)] } ?? []
        default:
          throw tokenizer.refusal(
            "a post-processor", expected: "TemplateProcessing, ByteLevel, RobertaProcessing or BertProcessing",
            found: step["type"]?.text() ?? "\(step.text().prefix(80))")
        }
      }
      ends = (start, end)
    }

    private static func ids(of name: String, _ step: JSONValue, _ tokenizer: HuggingFaceTokenizer) throws -> [Int32] {
      let ids = step["special_tokens"]?[name]?["ids"]?.array?.compactMap { $0.int.flatMap { Int32(exactly: $0) } }
      guard let ids, !ids.isEmpty, ids.allSatisfy({ $0 >= 0 && $0 < 1 << 24 }) else {
        throw UpcycleError("has a post-processor without the ids of its tokens", at: tokenizer.file, found: "'\(name)'")
      }
      return ids
    }

    /// The spelling of the first token that the template adds in front.
    static func firstSpecial(_ value: JSONValue?) -> String? {
      guard let value else { return nil }
      let steps = value["processors"]?.array ?? [value]
      return steps.lazy.compactMap { $0["single"]?.array?.first?["SpecialToken"]?["id"]?.string }.first
    }
  }
}
