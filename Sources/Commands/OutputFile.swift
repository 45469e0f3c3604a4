import Foundation
import Groundwork

/// The place of a single file that a command writes, such as a picture. What the command wrote before is replaced; a file
/// that has another kind of name is somebody's, and stays, as does what a model, training or shards consist of.
/// - Parameters:
///   - option: the flag that an error names
///   - endings: of names that may be replaced
/// - Throws: a usage error for a folder, for such a file, and where nothing can be written
public func outputFile(_ path: String, _ option: String, replacing endings: String...) throws -> URL {
  let url = URL(fileURLWithPath: path)
  var status = stat()
  if stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
    throw UpcycleError.usage("is a folder", at: option, expected: "a file to write", found: path)
  }
  let place = url.standardizedFileURL.resolvingSymlinksInPath()
  let folder = place.deletingLastPathComponent()
  if stat(folder.path, &status) == 0, access(folder.path, W_OK) != 0, access(path, W_OK) != 0 {
    throw UpcycleError("cannot write: \(String(cString: strerror(errno)))", at: "\(option) \(path)")
  }
  // Devices and pipes are written, not replaced.
  guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size > 0 else { return url }
  if isPart(place, of: folder) {
    throw UpcycleError.usage(
      "belongs to what the folder holds", at: option, expected: "another file to write", found: path)
  }
  if endings.contains(url.pathExtension) { return url }
  throw UpcycleError.usage(
    "is there already and is no .\(endings.joined(separator: " or .")) file", at: option, found: path,
    hint: "name another file, or remove it")
}

/// Whether a model, a training, shards or a tokenizer would be damaged without this file.
private func isPart(_ file: URL, of folder: URL) -> Bool {
  let parent = folder.lastPathComponent == "run" ? folder.deletingLastPathComponent() : folder
  guard let contents = try? FolderContents(of: parent), contents != .nothing, contents.isOurs else { return false }
  let name = file.lastPathComponent
  let own = [
    "config.json", "generation_config.json", "manifest.json", "tokenizer_config.json", "special_tokens_map.json",
  ]
  return parent != folder || name.hasSuffix(".safetensors") || name.hasSuffix(".safetensors.index.json")
    || name.hasPrefix("tokenizer") || own.contains(name) || FolderOrigin.isRecord(name)
    || OutputFolder.isReport(name)
}

/// Says, on standard error, that a file has been written.
public func sayWritten(_ url: URL) { printNote("wrote \(url.relativePath)") }
