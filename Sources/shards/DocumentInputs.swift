import Foundation
import Groundwork
import TokenData

/// The documents' files and pipes, opened one after another: there may be more than a process may hold open.
struct DocumentInputs {
  /// In order; "-" is standard input.
  let paths: [String]
  /// Of the files; what a pipe holds is not known.
  let bytes: Int
  /// Opens one of `paths`.
  let open: (String) throws -> DocumentReader

  /// Opens every file and closes it again, so that one that cannot be read is refused before the work on the others. A pipe
  /// gives its bytes but once and is opened in its turn.
  /// - Parameter inputs: as `inputPaths` takes them
  init(_ inputs: [String], open: @escaping (String) throws -> DocumentReader) throws {
    let paths = try inputPaths(inputs)
    var bytes = 0
    for path in paths where path != "-" {
      if [S_IFREG, S_IFDIR, nil].contains(fileKind(path)) { bytes += try open(path).size }
    }
    self.paths = paths
    self.bytes = bytes
    self.open = open
  }
}
