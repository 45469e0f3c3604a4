import Foundation
import Groundwork

/// The place of a single file that a command writes, such as a picture. What the command wrote before is replaced; a file
/// that has another kind of name is somebody's, and stays.
/// - Parameters:
///   - option: the flag that an error names
///   - endings: of names that may be replaced
/// - Throws: a usage error for a folder, and for a file with another ending
public func outputFile(_ path: String, _ option: String, replacing endings: String...) throws -> URL {
  let url = URL(fileURLWithPath: path)
  var status = stat()
  if stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
    throw UpcycleError.usage("is a folder", at: option, expected: "a file to write", found: path)
  }
  // Devices and pipes are written, not replaced.
  guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size > 0,
    !endings.contains(url.pathExtension)
  else { return url }
  throw UpcycleError.usage(
    "is there already and is no .\(endings.joined(separator: " or .")) file", at: option, found: path,
    hint: "name another file, or remove it")
}

/// Says, on standard error, that a file has been written.
public func sayWritten(_ url: URL) { printNote("wrote \(url.relativePath)") }
