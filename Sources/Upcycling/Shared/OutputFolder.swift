import Foundation
import Groundwork

#if canImport(Glibc)
  import Glibc
#endif

/// A model folder that appears whole: files go to a hidden folder beside it, `commit()` renames it. An
/// existing folder is replaced if it is empty or holds a model (a config.json), else refused.
final class OutputFolder {
  let destination: URL
  /// Where to write.
  let work: URL
  private var committed = false

  init(_ destination: URL, keepingApartFrom source: URL) throws {
    let url = destination.standardizedFileURL
    self.destination = url
    guard url.resolvingSymlinksInPath().path != source.standardizedFileURL.resolvingSymlinksInPath().path else {
      throw UpcycleError.usage("is the base model itself", at: "`out`", expected: "another folder", found: url.path)
    }
    var isFolder: ObjCBool = false
    if FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder) {
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
    let parent = url.deletingLastPathComponent()
    Self.removeLeftovers(of: url.lastPathComponent, in: parent)
    work = parent.appendingPathComponent(".\(url.lastPathComponent).\(ProcessInfo.processInfo.processIdentifier).tmp")
    try makeDirectory(work)
  }

  /// Removes the hidden folders of runs that were killed; those of running processes stay.
  private static func removeLeftovers(of name: String, in parent: URL) {
    for entry in (try? FileManager.default.contentsOfDirectory(atPath: parent.path)) ?? [] {
      guard entry.hasPrefix(".\(name)."), entry.hasSuffix(".tmp"),
        let process = Int32(entry.dropFirst(name.count + 2).dropLast(4)), kill(process, 0) != 0, errno == ESRCH
      else { continue }
      try? FileManager.default.removeItem(at: parent.appendingPathComponent(entry))
    }
  }

  deinit { if !committed { try? FileManager.default.removeItem(at: work) } }

  func commit() throws {
    let files = FileManager.default
    let old = work.appendingPathExtension("old")
    let exists = files.fileExists(atPath: destination.path)
    do {
      if exists { try files.moveItem(at: destination, to: old) }
      try files.moveItem(at: work, to: destination)
      committed = true
    } catch {
      if exists, !files.fileExists(atPath: destination.path) { try? files.moveItem(at: old, to: destination) }
      throw UpcycleError(
        "cannot move the finished model into place: \(error.localizedDescription)", at: destination.path)
    }
    if exists { try? files.removeItem(at: old) }
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
