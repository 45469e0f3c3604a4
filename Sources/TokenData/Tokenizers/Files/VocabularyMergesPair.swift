import Foundation
import Groundwork

/// A vocabulary (`{"piece": id}`) with its list of merges, as byte-level tokenizers are saved without a tokenizer.json.
/// The pair does not say how text is cut into words: the tokenizer's class does, or the caller.
enum VocabularyMergesPair {
  /// How text is cut and normalised before such a pair's merges.
  private struct Manner {
    var pattern: SplitPattern
    var normalizer = TextNormalizer()

    init(_ pattern: SplitPattern) {
      self.pattern = pattern
      // Qwen's tokenizers bring text to its composed form first.
      if pattern == .qwen { normalizer = .nfc }
    }
  }

  /// - Parameter pattern: the split pattern's name, where the caller knows it.
  static func load(vocabulary: URL, merges: URL, pattern: String? = nil) throws -> Tokenizer {
    let folder = vocabulary.deletingLastPathComponent()
    let configuration = try TokenizerConfiguration(folder: folder)
    var entries = VocabularyEntries(file: vocabulary.path)
    try JSONReader.parse(readFile(vocabulary), file: vocabulary.path) { try entries.read(&$0) }
    let manner = try manner(pattern, configuration, folder, entries)
    let added = addedTokens(configuration, entries)
    func boundary(_ key: String, _ names: [String]) throws -> Int32? {
      switch configuration.token(key) {
      case .none: return nil
      case .unsaid: return TokenNames.first(of: names, in: added)
      case .token(let name):
        guard let id = added.first(where: { $0.text == name })?.id ?? entries.id(of: name) else {
          throw UpcycleError(
            "does not hold the \(key) that its configuration names", at: vocabulary.path, found: "'\(name)'")
        }
        return id
      }
    }
    let boundaries = BoundaryTokens(
      bos: try boundary("bos_token", TokenNames.beginning), eos: try boundary("eos_token", TokenNames.end),
      configuration: configuration, template: nil)
    let bpe = try ByteLevelBPE(
      pieces: entries.layout(hidden: Set(added.filter(\.isSpecial).map(\.id))), merges: read(merges, entries: entries),
      preTokenizer: .pattern(manner.pattern), ignoresMerges: manner.pattern == .llama3,
      addsPrefixSpace: configuration.flag("add_prefix_space") ?? false,
      file: vocabulary.path)
    return Tokenizer(
      model: .byteLevel(bpe), normalizer: manner.normalizer, addedTokens: added, boundaries: boundaries)
  }

  // MARK: What the pair does not say

  private static func manner(
    _ name: String?, _ configuration: TokenizerConfiguration, _ folder: URL, _ entries: VocabularyEntries
  ) throws -> Manner {
    let patterns = SplitPattern.allCases.map(\.rawValue).joined(separator: ", ")
    if let name {
      guard let pattern = SplitPattern(rawValue: name) else {
        throw UpcycleError.usage("unknown split pattern", expected: patterns, found: name)
      }
      return Manner(pattern)
    }
    switch configuration.tokenizerClass ?? modelClass(folder) {
    case "GPT2Tokenizer": return Manner(.gpt2)
    case "Qwen2Tokenizer", "Qwen3Tokenizer": return Manner(.qwen)
    case nil where keepsNumbersWhole(entries): return Manner(.gpt2)
    case let name:
      throw UpcycleError(
        "does not say how text is cut into words", at: folder.path,
        expected: "a tokenizer.json, or \"tokenizer_class\" in tokenizer_config.json: GPT2Tokenizer or Qwen2Tokenizer",
        found: name ?? "a vocabulary and merges alone",
        hint: "or name the split pattern: vocab.json,merges.txt,PATTERN with one of \(patterns)")
    }
  }

  /// The tokenizer's class as the model's config.json implies it.
  private static func modelClass(_ folder: URL) -> String? {
    let config = try? JSONValue(contentsOf: folder.appendingPathComponent("config.json"), dialect: .nonFinite)
    switch config?["model_type"]?.string {
    case "gpt2": return "GPT2Tokenizer"
    case "qwen2", "qwen2_moe", "qwen3", "qwen3_moe": return "Qwen2Tokenizer"
    default: return nil
    }
  }

  /// Only GPT-2's pattern lets a piece grow beyond three digits.
  private static func keepsNumbersWhole(_ entries: VocabularyEntries) -> Bool {
    (0..<entries.spellings.count).contains { number in
      let piece = entries.spellings[number]
      return piece.count > 3 && piece.allSatisfy { 0x30...0x39 ~= $0 }
    }
  }

  /// What the files beside the pair name, and entries spelled `<|…|>`: no merge makes them.
  private static func addedTokens(_ configuration: TokenizerConfiguration, _ entries: VocabularyEntries) -> [AddedToken]
  {
    var tokens = configuration.addedTokens
    let known = Set(tokens.map(\.id))
    for number in 0..<entries.spellings.count where !known.contains(entries.ids[number]) {
      let spelling = entries.spellings[number]
      guard spelling.first == UInt8(ascii: "<"), spelling.count > 4 else { continue }
      let text = String(decoding: spelling, as: UTF8.self)
      if AddedToken.looksSpecial(text) { tokens.append(AddedToken(id: entries.ids[number], text: text)) }
    }
    return tokens
  }

  // MARK: Finding and reading the two files

  /// The merges that belong to a vocabulary file: merges.txt or vocab.bpe, with the same prefix.
  static func merges(beside vocabulary: URL) throws -> URL {
    try partner(
      of: vocabulary, called: ["vocab", "encoder"], names: ["merges.txt", "vocab.bpe"],
      kind: "a vocabulary without merges")
  }

  /// The vocabulary that belongs to a file of merges: vocab.json or encoder.json, with the same prefix.
  static func vocabulary(beside merges: URL) throws -> URL {
    try partner(
      of: merges, called: ["merges", "vocab"], names: ["vocab.json", "encoder.json"],
      kind: "merges without a vocabulary")
  }

  private static func partner(of file: URL, called endings: [String], names: [String], kind: String) throws
    -> URL
  {
    let name = file.deletingPathExtension().lastPathComponent
    let prefix = endings.first { name.hasSuffix($0) }.map { String(name.dropLast($0.count)) } ?? ""
    let candidates = names.map { file.deletingLastPathComponent().appendingPathComponent(prefix + $0) }
    if let found = candidates.first(where: { FileManager.default.fileExists(atPath: $0.path) }) {
      return found
    }
    throw UpcycleError(
      "is \(kind)", at: file.path,
      expected: candidates.map(\.lastPathComponent).joined(separator: " or ") + " beside it",
      hint: "or name both: vocab.json,merges.txt")
  }

  private static func read(_ url: URL, entries: VocabularyEntries) throws -> [MergeTable.Merge] {
    let data = try readFile(url)
    var merges: [MergeTable.Merge] = []
    try data.withUnsafeBytes { bytes in
      var start = 0
      while start < bytes.count {
        let end = bytes[start...].firstIndex(of: 0x0A) ?? bytes.count
        var line = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
        let isHeader = start == 0 && line.starts(with: "#version".utf8)
        start = end + 1
        if line.last == 0x0D { line = UnsafeRawBufferPointer(rebasing: line.dropLast()) }
        if line.isEmpty || isHeader { continue }
        merges.append(try entries.merge(line: line, rank: merges.count, separator: 0x20))
      }
    }
    return merges
  }
}
