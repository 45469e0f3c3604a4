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

  /// - Parameter addsBeginning: the beginning token stands in front of every text
  /// - Throws: usage errors for a tokenizer of another kind
  static func values(folder: URL, _ config: ModelConfig, addsBeginning: Bool) throws -> [(
    key: String, value: GGUFFile.Value
  )] {
    let file = folder.appendingPathComponent("tokenizer.json")
    let place = FileManager.default.fileExists(atPath: file.path) ? file : folder
    func refuse(_ what: String, _ found: String?) -> UpcycleError {
      .usage(
        what, at: place.path,
        expected: "byte-level BPE with the pattern of \(patterns.values.sorted().joined(separator: ", ")) or GPT-2",
        found: found, hint: "`format` gguf writes no other tokenizer")
    }
    let json = try place == file ? JSONValue(contentsOf: file) : read(folder, refuse)
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
      ("tokenizer.ggml.add_bos_token", .flag(addsBeginning)),
    ]
    if let bos = config.bosTokenId { values.append(("tokenizer.ggml.bos_token_id", .count(bos))) }
    if let eos = config.eosTokenIds.first { values.append(("tokenizer.ggml.eos_token_id", .count(eos))) }
    if let template = try ChatTemplate.source(in: folder) {
      values.append(("tokenizer.chat_template", .text(template.text)))
    }
    return values
  }

  /// What the tokenizer of a folder without tokenizer.json would be as one.
  private static func read(_ folder: URL, _ refuse: (String, String?) -> UpcycleError) throws -> JSONValue {
    let tokenizer = try Tokenizer.load(from: folder)
    guard let text = tokenizer.huggingFaceText else { throw refuse("is another kind of tokenizer", tokenizer.summary) }
    return try JSONValue(parsing: Data(text.utf8), file: folder.path)
  }

  private static func pattern(_ step: JSONValue?, _ refuse: (String, String?) -> UpcycleError) throws -> String {
    let steps = step?["pretokenizers"]?.array ?? [step].compactMap { $0 }
    let splits = steps.compactMap { $0["pattern"]?["Regex"]?.string }
    if splits.isEmpty, steps.contains(where: { $0["type"]?.string == "ByteLevel" && $0["use_regex"]?.bool != false }) {
      return "gpt-2"
    }
    guard splits.count == 1, let name = patterns[splits[0]] else {
      throw refuse("splits text in another way", splits.first ?? step?["type"]?.string)
    }
    return name
  }
}
