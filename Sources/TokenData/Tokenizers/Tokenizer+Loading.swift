import Foundation
import Groundwork

extension Tokenizer {
  /// Loads a tokenizer from a model folder, a tokenizer.json (Hugging Face's or our own), a vocabulary +
  /// merges pair ("vocab.json,merges.txt", or the vocabulary with its merges beside it; a third part names the
  /// split pattern where no file does), a llama2.c tokenizer.bin, a SentencePiece .model, or a file of character
  /// pieces.
  /// - Throws: when the file is missing, malformed, or uses a feature that would change the ids.
  public static func load(from path: String) throws -> Tokenizer {
    if path.contains(","), !FileManager.default.fileExists(atPath: path) {
      let parts = path.split(separator: ",").map(String.init)
      guard (2...3).contains(parts.count) else {
        throw UpcycleError.usage(
          "is no vocabulary and merges", at: path, expected: "vocab.json,merges.txt or vocab.json,merges.txt,PATTERN")
      }
      return try VocabularyMergesPair.load(
        vocabulary: URL(fileURLWithPath: parts[0]), merges: URL(fileURLWithPath: parts[1]),
        pattern: parts.count == 3 ? parts[2] : nil)
    }
    let url = URL(fileURLWithPath: path)
    var isDirectory: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
      throw UpcycleError("no such tokenizer file or folder", at: path)
    }
    return try isDirectory.boolValue ? load(folder: url) : load(file: url)
  }

  /// The same, by URL.
  public static func load(from url: URL) throws -> Tokenizer { try load(from: url.path) }

  /// The files that a folder's tokenizer is read from, the first that can be read.
  private static let fileNames = ["tokenizer.json", "tokenizer.bin", "tokenizer.model", "vocab.json", "encoder.json"]

  /// Whether a folder has a file that its tokenizer would be read from.
  public static func isPresent(in folder: URL) -> Bool {
    fileNames.contains { FileManager.default.fileExists(atPath: folder.appendingPathComponent($0).path) }
  }

  /// The first of the known files that can be read: where a tokenizer.json is of an unknown kind, the SentencePiece
  /// model that it came from often lies beside it.
  private static func load(folder: URL) throws -> Tokenizer {
    var problem: Error?
    for name in fileNames {
      let url = folder.appendingPathComponent(name)
      guard FileManager.default.fileExists(atPath: url.path) else { continue }
      do {
        return try load(file: url).read(from: TokenizerFile.all(in: folder))
      } catch { problem = problem ?? error }
    }
    throw problem
      ?? UpcycleError(
        "has no tokenizer", at: folder.path,
        expected: "tokenizer.json, tokenizer.model, tokenizer.bin, or vocab.json with merges.txt")
  }

  private static func load(file: URL) throws -> Tokenizer {
    switch file.pathExtension {
    case "bin": return try LlamaTokenizerFile.load(file)
    case "model":
      return try SentencePieceFile.load(file).read(from: [TokenizerFile(file, name: "tokenizer.model")])
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
    case .huggingFace:
      let tokenizer = try HuggingFaceTokenizer.load(data, file: file)
      let isInFolder = file.lastPathComponent == "tokenizer.json"
      return try tokenizer.read(
        from: isInFolder
          ? TokenizerFile.all(in: file.deletingLastPathComponent()) : [TokenizerFile(file, name: "tokenizer.json")])
    case .pieces: return try PieceFile.load(data, file: file.path)
    case .vocabulary:
      return try VocabularyMergesPair.load(
        vocabulary: file, merges: VocabularyMergesPair.merges(beside: file))
    }
  }

  /// Whether a file holds pieces in our own format, which no other program reads.
  static func isPieceFile(_ file: TokenizerFile) -> Bool {
    (try? format(of: file.content, file: file.path)) == .pieces
  }

  private enum Format { case huggingFace, pieces, vocabulary }

  /// Decides by the top-level keys: `model` with an object, `pieces` with an array, else words to ids.
  private static func format(of data: Data, file: String) throws -> Format {
    try JSONReader.parse(data, file: file, dialect: .nonFinite) { reader in
      var format = Format.vocabulary
      var isEmpty = true
      try reader.object { reader, key in
        isEmpty = false
        let kind = try reader.kind()
        if kind == .object, key == Array("model".utf8) { format = .huggingFace }
        if kind == .array, key == Array("pieces".utf8) { format = .pieces }
        try reader.skip()
      }
      if isEmpty { throw UpcycleError("holds no tokenizer", at: file, found: "{}") }
      return format
    }
  }
}
