import Foundation
import Groundwork

/// A file that a tokenizer came from, or that belongs to it, with its bytes.
public struct TokenizerFile: Sendable {
  /// Without folder.
  public var name: String
  /// The whole file.
  public var content: Data
  /// Where it was read from, for errors.
  let path: String

  /// The file under another name, mapped into memory so that it stays readable when it is replaced.
  init(_ url: URL, name: String) throws {
    self.name = name
    path = url.path
    do { content = try Data(contentsOf: url, options: .alwaysMapped) } catch {
      throw UpcycleError("cannot be read: \(error.localizedDescription)", at: url.path)
    }
  }

  /// A file that is not there yet, made from one at `path`.
  init(name: String, content: Data, path: String) {
    self.name = name
    self.content = content
    self.path = path
  }

  /// All files of a model folder that make or accompany its tokenizer (`isTokenizerFile`). A conversion carries them byte
  /// for byte.
  public static func all(in folder: URL) throws -> [TokenizerFile] {
    let found = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return try found.filter(isTokenizerFile).sorted().map {
      try TokenizerFile(folder.appendingPathComponent($0), name: $0)
    }
  }
}
