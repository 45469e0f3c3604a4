import Foundation
import Groundwork
import TokenData

/// A model folder that appears whole. An existing folder is replaced if it is empty or holds what a command made, else
/// refused.
/// - Throws: usage errors for a destination that is the source, a file, or a folder of something else
public func outputFolder(_ url: URL, keepingApartFrom source: URL) throws -> AtomicFolder {
  try requireModelPlace(url, keepingApartFrom: source)
  return try AtomicFolder(url)
}

/// The checks of `outputFolder` alone, before long work whose result goes there.
public func requireModelPlace(_ url: URL, keepingApartFrom source: URL) throws {
  guard resolvedPath(url) != resolvedPath(source) else {
    throw UpcycleError.usage("is the base model itself", at: "`out`", expected: "another folder", found: url.path)
  }
  try refuseDeadLink(url)
  var isFolder: ObjCBool = false
  guard FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder) else { return }
  guard isFolder.boolValue else {
    throw UpcycleError.usage("is a file", at: url.path, expected: "a folder to write")
  }
  guard try FolderContents(of: url).isOurs else {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? []
    throw UpcycleError.usage(
      "holds files but no model", at: url.path, expected: "no folder, an empty one, or a model to replace",
      found: names.min())
  }
  if let file = FolderContents.foreignFile(in: url) { throw FolderContents.wouldTake(file, with: url) }
}

/// Copies the tokenizer's files and those that belong to it, which a conversion does not touch, byte for byte.
func copyTokenizer(from source: URL, to destination: URL) throws {
  for file in try TokenizerFile.all(in: source) {
    try writeFile(file.content, to: destination.appendingPathComponent(file.name))
  }
}
