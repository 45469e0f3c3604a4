import Foundation
import Groundwork

/// A model folder that appears whole. An existing folder is replaced if it is empty or holds a model (a config.json),
/// else refused.
/// - Throws: usage errors for a destination that is the source, a file, or a folder of something else
public func outputFolder(_ url: URL, keepingApartFrom source: URL) throws -> AtomicFolder {
  try requireModelPlace(url, keepingApartFrom: source)
  return try AtomicFolder(url)
}

/// The checks of `outputFolder` alone.
func requireModelPlace(_ url: URL, keepingApartFrom source: URL) throws {
  guard
    url.standardizedFileURL.resolvingSymlinksInPath().path != source.standardizedFileURL.resolvingSymlinksInPath().path
  else {
    throw UpcycleError.usage("is the base model itself", at: "`out`", expected: "another folder", found: url.path)
  }
  var isFolder: ObjCBool = false
  guard FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder) else { return }
  guard isFolder.boolValue else {
    throw UpcycleError.usage("is a file", at: url.path, expected: "a folder to write")
  }
  let contents = (try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? []
  guard contents.isEmpty || contents.contains("config.json") else {
    throw UpcycleError.usage(
      "holds files but no model", at: url.path, expected: "no folder, an empty one, or a model to replace",
      found: contents.sorted().first)
  }
}

/// Copies the tokenizer's files, which a conversion does not touch.
func copyTokenizer(from source: URL, to destination: URL) throws {
  let names = (try? FileManager.default.contentsOfDirectory(atPath: source.path)) ?? []
  let known = ["merges.txt", "special_tokens_map.json", "added_tokens.json", "generation_config.json"]
  for name in names.sorted()
  where known.contains(name) || ["tokenizer", "tok", "vocab", "chat_template"].contains(where: { name.hasPrefix($0) }) {
    try writeFile(readFile(source.appendingPathComponent(name)), to: destination.appendingPathComponent(name))
  }
}
