import Foundation
import Groundwork

/// The place of a single file that a command writes, such as a picture. What the command wrote before is replaced; a file
/// that has another kind of name is somebody's, and stays, as does what a model, training or shards consist of.
/// - Parameters:
///   - option: the flag that an error names
///   - endings: of names that may be replaced
///   - isForced: whether a file of such a name may be
/// - Throws: a usage error for a folder, for such a file, and where nothing can be written
public func outputFile(
  _ path: String, _ option: String, replacing endings: String..., isForced: Bool = true
) throws -> URL {
  let url = URL(fileURLWithPath: path)
  var status = stat()
  if stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
    throw UpcycleError.usage("is a folder", at: option, expected: "a file to write", found: path)
  }
  let place = url.standardizedFileURL
  let folder = place.deletingLastPathComponent()
  if stat(folder.path, &status) == 0, access(folder.path, W_OK) != 0 {
    let reason = errno
    if access(path, W_OK) != 0 {
      throw UpcycleError("cannot write: \(String(cString: strerror(reason)))", at: "\(option) \(path)")
    }
  }
  // Devices and pipes are written, not replaced.
  guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size > 0 else { return url }
  // In the Hub's cache the files of a model are links.
  if isPart(place) || isPart(place.resolvingSymlinksInPath()) {
    throw UpcycleError.usage(
      "belongs to what the folder holds", at: option, expected: "another file to write", found: path)
  }
  guard endings.contains(url.pathExtension) else {
    throw UpcycleError.usage(
      "is there already and is no .\(endings.joined(separator: " or .")) file", at: option, found: path,
      hint: "name another file, or remove it")
  }
  if !isForced {
    throw UpcycleError.usage(
      "is there already", at: option, found: path, hint: "name another file, or replace it with `force`")
  }
  return url
}

/// Whether a model, a training, shards or a tokenizer would be damaged without this file.
private func isPart(_ file: URL) -> Bool {
  let (folder, name) = (file.deletingLastPathComponent(), file.lastPathComponent)
  func has(_ name: String) -> Bool {
    FileManager.default.fileExists(atPath: folder.appendingPathComponent(name).path)
  }
  if folder.lastPathComponent == "run", has("plan.json") { return true }
  // A model's configuration, with its weights or alone.
  if name == "config.json", (try? JSONValue(contentsOf: file))?["model_type"] != nil { return true }
  guard let contents = try? FolderContents(of: folder), contents != .nothing, contents.isOurs else { return false }
  return ["config.json", "manifest.json"].contains(name) || name.hasSuffix(".safetensors")
    || name.hasSuffix(".safetensors.index.json") || name.hasSuffix(".zst") || isTokenizerFile(name)
    || FolderOrigin.isRecord(name) || OutputFolder.isReport(name) && FolderOrigin.isRecorded(folder)
}

/// Says, on standard error, that a file has been written.
public func sayWritten(_ url: URL) { printNote("wrote \(url.relativePath)") }
