import Foundation
import Groundwork

/// Hugging Face's tokenizer.json, for byte-level BPE. Whatever would change the ids and is not known here
/// is refused by name; the beginning and end tokens come from tokenizer_config.json beside it, else from
/// the post-processor, else from well-known names.
enum HuggingFaceTokenizer {
  static func load(_ data: Data, file: URL) throws -> Tokenizer {
    let url = file.deletingLastPathComponent().appendingPathComponent("tokenizer_config.json")
    var configuration: JSONValue?
    if FileManager.default.fileExists(atPath: url.path) { configuration = try JSONValue(contentsOf: url) }
    return try parse(data, configuration: configuration, file: file.path)
  }

  static func parse(_ data: Data, configuration: JSONValue?, file: String) throws -> Tokenizer {
    var parts = Parts(file: file)
    try JSONReader.parse(data, file: file) { try parts.read(&$0) }
    return try parts.tokenizer(configuration: configuration)
  }

  /// What a tokenizer.json holds, in whatever order its keys come.
  private struct Parts {
    let file: String
    var head: [String: JSONValue] = [:]
    var model: [String: JSONValue] = [:]
    var entries: VocabularyEntries
    /// "left right" of each merge.
    var mergeLines = ByteStringTable()

    init(file: String) {
      self.file = file
      entries = VocabularyEntries(file: file)
    }

    mutating func read(_ reader: inout JSONReader) throws {
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
        var parts = 0
        try reader.array { reader in
          if parts > 0 { line.append(0x20) }
          parts += 1
          try reader.stringBytes(into: &line)
        }
      } else {
        try reader.stringBytes(into: &line)
      }
      mergeLines.append(line, findable: false)
    }

    // MARK: Making sense of it

    private func refuse(_ feature: String, expected: String, found: String) -> UpcycleError {
      UpcycleError("uses \(feature), which is not supported", at: file, expected: expected, found: found)
    }

    func tokenizer(configuration: JSONValue?) throws -> Tokenizer {
      try checkModel()
      let composes = try readNormalizer()
      let pattern = try readPattern(head["pre_tokenizer"] ?? .null)
      var added = try readAddedTokens()
      let bos = try boundary("bos_token", names: TokenNames.beginning, configuration, &added)
      let eos = try boundary("eos_token", names: TokenNames.end, configuration, &added)
      let merges = try (0..<mergeLines.count).map { rank in
        try mergeLines[rank].withUnsafeBytes { try entries.merge(line: $0, rank: rank) }
      }
      let bpe = try ByteLevelBPE(
        pieces: entries.layout(hidden: Set(added.map(\.id))), merges: merges, pattern: pattern,
        composes: composes,
        ignoresMerges: model["ignore_merges"]?.bool ?? false, file: file)
      return Tokenizer(model: .byteLevel(bpe), addedTokens: added, bos: bos, eos: eos)
    }

    private func checkModel() throws {
      if let type = model["type"], type.string != "BPE" {
        throw refuse("another kind of model", expected: "BPE", found: type.text())
      }
      if model["byte_fallback"]?.bool == true {
        throw refuse(
          "byte fallback (a SentencePiece vocabulary)", expected: "byte-level BPE", found: "byte_fallback")
      }
      for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
        if let text = model[key]?.string, !text.isEmpty {
          throw refuse(key, expected: "none", found: "'\(text)'")
        }
      }
      if let dropout = model["dropout"]?.double, dropout != 0 {
        throw refuse("merge dropout", expected: "none", found: "\(dropout)")
      }
    }

    /// True for Unicode composition (NFC).
    private func readNormalizer() throws -> Bool {
      guard let normalizer = head["normalizer"], normalizer != .null else { return false }
      let steps =
        normalizer["type"]?.string == "Sequence" ? normalizer["normalizers"]?.array ?? [] : [normalizer]
      for step in steps where step["type"]?.string != "NFC" {
        throw refuse("a normalizer", expected: "none or NFC", found: step["type"]?.text() ?? step.text())
      }
      return !steps.isEmpty
    }

    private func readPattern(_ value: JSONValue) throws -> SplitPattern {
      let steps = value["type"]?.string == "Sequence" ? value["pretokenizers"]?.array ?? [] : [value]
      guard let bytes = steps.last, bytes["type"]?.string == "ByteLevel" else {
        throw refuse(
          "a pre-tokenizer", expected: "one that ends in ByteLevel", found: "\(value.text().prefix(120))")
      }
      if bytes["add_prefix_space"]?.bool == true {
        throw refuse("add_prefix_space", expected: "false", found: "true")
      }
      let splitsBytes = bytes["use_regex"]?.bool ?? true
      switch (steps.count, steps[0]["type"]?.string, splitsBytes) {
      case (1, _, true): return .gpt2
      case (2, "Digits", true) where steps[0]["individual_digits"]?.bool == true: return .gpt2SingleDigits
      case (2, "Split", false):
        let expression = steps[0]["pattern"]?["Regex"]?.string
        if let known = SplitPattern.allCases.first(where: { $0.expressions.contains(expression ?? "") }) {
          return known
        }
        throw refuse(
          "a split pattern", expected: "that of GPT-2, Llama-3, Qwen or SmolLM", found: expression ?? "none")
      default:
        throw refuse(
          "a pre-tokenizer", expected: "that of GPT-2, Llama-3, Qwen or SmolLM",
          found: "\(value.text().prefix(120))")
      }
    }

    private func readAddedTokens() throws -> [AddedToken] {
      let limit = 2 * entries.ids.count + 4096
      var seen = Set<Int32>()
      return try (head["added_tokens"]?.array ?? []).map { token in
        guard let id = token["id"]?.int, (0..<limit).contains(id), let text = token["content"]?.string,
          !text.isEmpty,
          seen.insert(Int32(id)).inserted
        else {
          throw UpcycleError(
            "has a malformed added token", at: file,
            expected: "an id below \(limit), used once, and its content",
            found: "\(token.text().prefix(120))")
        }
        return AddedToken(id: Int32(id), text: text, isSpecial: token["special"]?.bool ?? false)
      }
    }

    /// The beginning or end token's id; one that stands in the vocabulary only is added to `added`.
    private func boundary(
      _ key: String, names: [String], _ configuration: JSONValue?, _ added: inout [AddedToken]
    ) throws -> Int32? {
      let told = configuration?[key]
      if told == .null { return nil }
      guard
        let name = told?.string ?? told?["content"]?.string ?? (key == "bos_token" ? templateStart() : nil)
      else {
        return TokenNames.first(of: names, in: added)
      }
      if let token = added.first(where: { $0.text == name }) { return token.id }
      guard let id = Array(name.utf8).withUnsafeBytes({ entries.id(of: $0) }) else {
        throw UpcycleError(
          "does not hold the \(key) that its configuration names", at: file, found: "'\(name)'")
      }
      added.append(AddedToken(id: id, text: name))
      return id
    }

    /// The special token that the post-processor puts in front of a text.
    private func templateStart() -> String? {
      guard let processor = head["post_processor"] else { return nil }
      let steps = processor["processors"]?.array ?? [processor]
      return steps.lazy.compactMap { $0["single"]?.array?.first?["SpecialToken"]?["id"]?.string }.first
    }
  }
}

extension SplitPattern {
  /// The spellings of this pattern in published tokenizer.json files.
  fileprivate var expressions: [String] {
    switch self {
    case .gpt2:
      return [regularExpression, #"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#]
    case .llama3, .qwen: return [regularExpression]
    case .gpt2SingleDigits: return []
    }
  }
}
