import Foundation
import Groundwork

/// What the files beside a vocabulary say about it: tokenizer_config.json, special_tokens_map.json, added_tokens.json.
struct TokenizerConfiguration {
  private var values: [String: JSONValue] = [:]
  /// Tokens that added_tokens.json and `added_tokens_decoder` name.
  private(set) var addedTokens: [AddedToken] = []

  init() {}

  init(_ value: JSONValue?) throws {
    values = value?.object ?? [:]
    try readAddedTokens(file: "tokenizer_config.json", legacy: nil)
  }

  /// Reads the files in `folder` that are there.
  init(folder: URL) throws {
    func read(_ name: String) throws -> [String: JSONValue]? {
      let url = folder.appendingPathComponent(name)
      guard FileManager.default.fileExists(atPath: url.path) else { return nil }
      guard let object = try JSONValue(contentsOf: url, dialect: .nonFinite).object else {
        throw UpcycleError("is no JSON object", at: url.path)
      }
      return object
    }
    values = try read("special_tokens_map.json") ?? [:]
    for (key, value) in try read("tokenizer_config.json") ?? [:] { values[key] = value }
    try readAddedTokens(file: folder.path, legacy: read("added_tokens.json"))
  }

  /// The class that transformers reads the vocabulary with, without its ending "Fast"; nil for the general one.
  var tokenizerClass: String? {
    guard let name = values["tokenizer_class"]?.string else { return nil }
    let plain = name.hasSuffix("Fast") ? String(name.dropLast(4)) : name
    return ["PreTrainedTokenizer", "TokenizersBackend"].contains(plain) ? nil : plain
  }

  func flag(_ key: String) -> Bool? { values[key]?.bool }

  /// The spelling of a token such as `bos_token`: told, told to be none, or not told.
  enum Told: Equatable {
    case token(String), none, unsaid
  }

  func token(_ key: String) -> Told {
    guard let value = values[key] else { return .unsaid }
    if value == .null { return .none }
    return (value.string ?? value["content"]?.string).map { .token($0) } ?? .unsaid
  }

  /// Spellings that have a role, such as `eos_token`.
  private var roles: Set<String> {
    var names = Set<String>()
    for (key, value) in values where key.hasSuffix("_token") {
      if let name = value.string ?? value["content"]?.string { names.insert(name) }
    }
    for value in values["additional_special_tokens"]?.array ?? [] {
      if let name = value.string ?? value["content"]?.string { names.insert(name) }
    }
    return names
  }

  private mutating func readAddedTokens(file: String, legacy: [String: JSONValue]?) throws {
    func malformed(_ found: String) -> UpcycleError {
      UpcycleError("names a malformed added token", at: file, expected: "an id below \(1 << 24)", found: found)
    }
    let roles = roles
    for (text, value) in (legacy ?? [:]).sorted(by: { $0.key < $1.key }) where !text.isEmpty {
      guard let id = value.int, (0..<1 << 24).contains(id) else { throw malformed("\(text): \(value.text())") }
      let isSpecial = roles.contains(text) || AddedToken.looksSpecial(text)
      addedTokens.append(AddedToken(id: Int32(id), text: text, isSpecial: isSpecial, isNormalized: !isSpecial))
    }
    for (key, value) in (values["added_tokens_decoder"]?.object ?? [:]).sorted(by: { $0.key < $1.key }) {
      guard let id = Int32(key), (0..<1 << 24).contains(id), let text = value["content"]?.string, !text.isEmpty else {
        throw malformed("\(key): \(value.text())")
      }
      if !addedTokens.contains(where: { $0.id == id }) { addedTokens.append(AddedToken(id: id, text: text, value)) }
    }
  }
}

extension AddedToken {
  /// With the flags of a JSON object; a special token is not normalised unless it says so.
  init(id: Int32, text: String, _ value: JSONValue) {
    let isSpecial = value["special"]?.bool ?? false
    self.init(
      id: id, text: text, isSpecial: isSpecial, stripsLeft: value["lstrip"]?.bool ?? false,
      stripsRight: value["rstrip"]?.bool ?? false, isSingleWord: value["single_word"]?.bool ?? false,
      isNormalized: value["normalized"]?.bool ?? !isSpecial)
  }

  /// `<|…|>`: a spelling that no text has by chance.
  static func looksSpecial(_ text: String) -> Bool {
    text.utf8.count > 4 && text.hasPrefix("<|") && text.hasSuffix("|>")
  }
}

/// The tokens at the ends of a text, and which of them a tokenizer puts there itself.
struct BoundaryTokens {
  var bos: Int32?
  var eos: Int32?
  /// Put in front of every text, and behind every document.
  var start: [Int32]
  var end: [Int32]

  /// The beginning token, where there is one, opens every text.
  init(bos: Int32?, eos: Int32?) {
    self.init(bos: bos, eos: eos, start: bos.map { [$0] } ?? [], end: [])
  }

  init(bos: Int32?, eos: Int32?, start: [Int32], end: [Int32]) {
    self.bos = bos
    self.eos = eos
    self.start = start
    self.end = end
  }

  /// Decides what is put in front by what the files say, in this order: `add_bos_token`; the post-processor's template
  /// for one text; the habit of the tokenizer's class. Where nothing says it, a beginning token that is not also the end
  /// token comes first, which is how this repository's own tokenizers are written.
  init(bos: Int32?, eos: Int32?, configuration: TokenizerConfiguration, template: (start: [Int32], end: [Int32])?) {
    self.init(bos: bos, eos: eos, start: template?.start ?? [], end: template?.end ?? [])
    let opening = bos.map { [$0] } ?? []
    if let adds = configuration.flag("add_bos_token") {
      if !adds { start = [] } else if start.isEmpty { start = opening }
    } else if template == nil {
      let habit = configuration.tokenizerClass.flatMap(Self.addsBeginning)
      start = habit ?? (bos != eos) ? opening : []
    }
    if let adds = configuration.flag("add_eos_token") {
      if !adds { end = [] } else if end.isEmpty { end = eos.map { [$0] } ?? [] }
    }
  }

  /// Whether transformers' tokenizer class adds the beginning token unless told otherwise.
  private static func addsBeginning(_ name: String) -> Bool? {
    switch name {
    case "LlamaTokenizer", "CodeLlamaTokenizer", "GemmaTokenizer": return true
    case "GPT2Tokenizer", "Qwen2Tokenizer", "Qwen3Tokenizer", "GPTNeoXTokenizer", "CodeGenTokenizer", "CohereTokenizer":
      return false
    default: return nil
    }
  }
}

/// Well-known names of the beginning and end tokens, for files that do not say which they are.
enum TokenNames {
  static let beginning = ["<|bos|>", "<|begin_of_text|>", "<|begin|>", "<s>", "<bos>", "<|endoftext|>"]
  static let end = ["<|eos|>", "<|end_of_text|>", "<|end|>", "</s>", "<eos>", "<|endoftext|>"]

  static func first(of names: [String], in tokens: [AddedToken]) -> Int32? {
    for name in names { if let token = tokens.first(where: { $0.text == name }) { return token.id } }
    return nil
  }
}
