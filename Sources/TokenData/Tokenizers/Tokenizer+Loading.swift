import Foundation
import Groundwork

extension Tokenizer {
  /// Loads a tokenizer from a model folder, a tokenizer.json (Hugging Face's or our own), a vocabulary +
  /// merges pair ("vocab.json,merges.txt", or the vocabulary with its merges beside it), a llama2.c
  /// tokenizer.bin, a SentencePiece .model, or a file of character pieces.
  /// - Throws: when the file is missing, malformed, or uses a feature that would change the ids.
  public static func load(from path: String) throws -> Tokenizer {
    if let comma = path.firstIndex(of: ","), !FileManager.default.fileExists(atPath: path) {
      let vocabulary = URL(fileURLWithPath: String(path[..<comma]))
      let merges = URL(fileURLWithPath: String(path[path.index(after: comma)...]))
      return try VocabularyMergesPair.load(vocabulary: vocabulary, merges: merges)
    }
    let url = URL(fileURLWithPath: path)
    var isDirectory: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
      throw UpcycleError("no such tokenizer file or folder", at: path)
    }
    return try isDirectory.boolValue ? load(folder: url) : load(file: url)
  }

  public static func load(from url: URL) throws -> Tokenizer { try load(from: url.path) }

  private static func load(folder: URL) throws -> Tokenizer {
    for name in ["tokenizer.json", "tokenizer.bin", "tokenizer.model", "vocab.json", "encoder.json"] {
      let url = folder.appendingPathComponent(name)
      if FileManager.default.fileExists(atPath: url.path) { return try load(file: url) }
    }
    throw UpcycleError(
      "has no tokenizer", at: folder.path,
      expected: "tokenizer.json, tokenizer.bin, or vocab.json with merges.txt")
  }

  private static func load(file: URL) throws -> Tokenizer {
    switch file.pathExtension {
    case "bin": return try LlamaTokenizerFile.load(file)
    case "model": return try SentencePieceFile.load(file)
    case "bpe", "txt":
      return try VocabularyMergesPair.load(
        vocabulary: VocabularyMergesPair.vocabulary(beside: file), merges: file)
    default: return try load(json: file)
    }
  }

  private static func load(json file: URL) throws -> Tokenizer {
    let data = try readFile(file)
    guard data.first(where: { ![0x20, 0x0A, 0x0D, 0x09].contains($0) }) == UInt8(ascii: "{") else {
      throw UpcycleError(
        "is not a tokenizer that can be read", at: file.path,
        expected: "JSON, a vocabulary + merges pair, a llama2.c tokenizer.bin, or a SentencePiece .model")
    }
    switch try format(of: data, file: file.path) {
    case .huggingFace: return try HuggingFaceTokenizer.load(data, file: file)
    case .pieces: return try PieceFile.load(data, file: file.path)
    case .vocabulary:
      return try VocabularyMergesPair.load(
        vocabulary: file, merges: VocabularyMergesPair.merges(beside: file))
    }
  }

  private enum Format { case huggingFace, pieces, vocabulary }

  /// Decides by the top-level keys: `model` with an object, `pieces` with an array, else words to ids.
  private static func format(of data: Data, file: String) throws -> Format {
    try JSONReader.parse(data, file: file) { reader in
      var format = Format.vocabulary
      try reader.object { reader, key in
        let kind = try reader.kind()
        if kind == .object, key == Array("model".utf8) { format = .huggingFace }
        if kind == .array, key == Array("pieces".utf8) { format = .pieces }
        try reader.skip()
      }
      return format
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
