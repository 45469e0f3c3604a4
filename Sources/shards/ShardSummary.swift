import Foundation
import Groundwork
import TokenData

/// The main numbers of a folder of shards, for people or as JSON.
struct ShardSummary {
  private let manifest: ShardManifest
  private let folder: String

  init(_ manifest: ShardManifest, folder: String) {
    self.manifest = manifest
    self.folder = folder
  }

  private var bytes: Int { manifest.shards.reduce(0) { $0 + $1.bytes } }

  var text: String {
    let bits = Double(bytes) * 8 / Double(manifest.tokens)
    return [
      "folder      \(folder)",
      "tokens      \(formatCount(manifest.tokens)) (\(manifest.dtype.rawValue))",
      "documents   \(formatCount(manifest.documents.count))",
      "vocabulary  \(formatCount(manifest.tokenizer.vocabularySize)), tokenizer \(manifest.tokenizer.fingerprint.prefix(12))",
      manifest.answers.map { "answers     \(formatCount($0.count)), which alone are learnt" },
      "shards      \(manifest.shards.count), \(formatCount(bytes)) bytes, \(String(format: "%.2f", bits)) bits a token",
    ].compactMap { $0 }.joined(separator: "\n")
  }

  var json: JSONValue {
    var object: [String: JSONValue] = [
      "folder": .string(folder), "tokens": .int(manifest.tokens), "dtype": .string(manifest.dtype.rawValue),
      "documents": .int(manifest.documents.count), "vocabulary_size": .int(manifest.tokenizer.vocabularySize),
      "tokenizer": .string(manifest.tokenizer.fingerprint), "shards": .int(manifest.shards.count),
      "bytes": .int(bytes),
      "frame_tokens": .int(manifest.frameTokens),
    ]
    object["answers"] = manifest.answers.map { .int($0.count) }
    return .object(object)
  }
}
