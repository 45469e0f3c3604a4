import Foundation
import Groundwork
import ModelCore
import TokenData

/// The tokenizer's keys of a GGUF file, from a byte-level tokenizer.json of the Hub, or what a vocabulary with merges
/// would be as one.
enum GGUFTokenizer {
  /// Patterns that llama.cpp knows by name.
  private static let patterns = [
    #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#:
      "qwen2",
    #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#:
      "llama-bpe",
  ]

  /// - Parameter tokenizer: that of the folder
  /// - Throws: usage errors for a tokenizer of another kind
  static func values(folder: URL, _ config: ModelConfig, _ tokenizer: Tokenizer) throws -> [(
    key: String, value: GGUFFile.Value
  )] {
    let file = folder.appendingPathComponent("tokenizer.json")
    let place = FileManager.default.fileExists(atPath: file.path) ? file : folder
    func refuse(_ what: String, _ found: String?) -> UpcycleError {
      .usage(
        what, at: place.path,
        expected: "byte-level BPE, split as \(patterns.values.sorted().joined(separator: ", ")), smollm or GPT-2",
        found: found, hint: "`format` gguf writes no other tokenizer")
    }
    let json = try place == file ? JSONValue(contentsOf: file) : read(tokenizer, folder, refuse)
    guard json["model"]?["type"]?.string ?? "BPE" == "BPE", let vocabulary = json["model"]?["vocab"]?.object,
      let merges = json["model"]?["merges"]?.array
    else { throw refuse("is another kind of tokenizer", json["model"]?["type"]?.string) }
    var texts = (0..<config.vocabularySize).map { "[PAD\($0)]" }
    // 1: ordinary, 3: special, 4: added, 5: unused.
    var types = [Int](repeating: 5, count: config.vocabularySize)
    func set(_ id: Int, _ text: String, _ type: Int) throws {
      guard texts.indices.contains(id) else { throw refuse("has ids beyond the model's vocabulary", "\(id)") }
      (texts[id], types[id]) = (text, type)
    }
    for (text, id) in vocabulary { try set(id.int ?? -1, text, 1) }
    for token in json["added_tokens"]?.array ?? [] {
      try set(token["id"]?.int ?? -1, token["content"]?.string ?? "", token["special"]?.bool == true ? 3 : 4)
    }
    var values: [(key: String, value: GGUFFile.Value)] = [
      ("tokenizer.ggml.model", .text("gpt2")),
      ("tokenizer.ggml.pre", .text(try pattern(json["pre_tokenizer"], refuse))),
      ("tokenizer.ggml.tokens", .texts(texts)), ("tokenizer.ggml.token_type", .integers(types)),
      (
        "tokenizer.ggml.merges",
        .texts(merges.map { $0.string ?? ($0.array ?? []).compactMap(\.string).joined(separator: " ") })
      ),
      ("tokenizer.ggml.add_bos_token", .flag(!tokenizer.documentStart.isEmpty)),
    ]
    // llama.cpp must put in front of a text what the tokenizer does; without an id it takes one of its own.
    let bos: Int? = tokenizer.documentStart.first.map { Int($0) } ?? config.bosTokenId ?? tokenizer.bos.map { Int($0) }
    if let bos { values.append(("tokenizer.ggml.bos_token_id", .count(bos))) }
    let eos: Int? = config.eosTokenIds.first ?? tokenizer.eos.map { Int($0) }
    if let eos { values.append(("tokenizer.ggml.eos_token_id", .count(eos))) }
    if let template = try ChatTemplate.source(in: folder) {
      values.append(("tokenizer.chat_template", .text(template.text)))
    }
    return values
  }

  /// What the tokenizer of a folder without tokenizer.json would be as one.
  private static func read(
    _ tokenizer: Tokenizer, _ folder: URL, _ refuse: (String, String?) -> UpcycleError
  ) throws -> JSONValue {
    guard let text = tokenizer.huggingFaceText else { throw refuse("is another kind of tokenizer", tokenizer.summary) }
    return try JSONValue(parsing: Data(text.utf8), file: folder.path)
  }

  /// llama.cpp's name for the way that a text is split: all of its steps count, not their patterns alone.
  private static func pattern(_ step: JSONValue?, _ refuse: (String, String?) -> UpcycleError) throws -> String {
    let steps = step?["pretokenizers"]?.array ?? [step].compactMap { $0 }
    let splits = steps.dropLast()
    if let last = steps.last, last["type"]?.string == "ByteLevel", last["add_prefix_space"]?.bool == false {
      let usesRegex = last["use_regex"]?.bool ?? true
      if usesRegex, splits.isEmpty { return "gpt-2" }
      if splits.count == 1, let only = splits.first {
        if usesRegex, isolates(only) == #"\p{N}"# { return "smollm" }
        if !usesRegex, let name = isolates(only).flatMap({ patterns[$0] }) { return name }
      }
    }
    let found = (splits.last ?? steps.last).map { "\($0.text().prefix(120))" }
    throw refuse("splits text in another way", found)
  }

  /// The expression whose matches are words of their own; nil where a step does something else with them.
  private static func isolates(_ step: JSONValue) -> String? {
    if step["type"]?.string == "Digits" { return step["individual_digits"]?.bool == true ? #"\p{N}"# : nil }
    let isInverted = step["invert"]?.bool ?? false
    switch step["behavior"]?.string {
    case "Isolated" where !isInverted, "Removed" where isInverted: return step["pattern"]?["Regex"]?.string
    default: return nil
    }
  }
}
