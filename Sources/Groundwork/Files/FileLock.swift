import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// One process at a time: a lock file that the system unlocks when the process ends, however it ends. It is released,
/// and the file removed, when the last reference goes.
public final class FileLock {
  private let path: String
  private let descriptor: Int32

  /// - Parameters:
  ///   - url: the lock file, in a folder that is there
  ///   - place: what is locked, for the error
  /// - Throws: where another process holds it, naming that process
  public init(_ url: URL, of place: URL) throws {
    path = url.path
    while true {
      let descriptor = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o644)
      if descriptor < 0 { throw UpcycleError("cannot write: \(systemReason())", at: path) }
      // A file system without locks has no two processes to keep apart.
      if flock(descriptor, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK {
        var text = [UInt8](repeating: 0, count: 20)
        let count = max(0, pread(descriptor, &text, text.count, 0))
        close(descriptor)
        let process = Int(String(decoding: text[..<count], as: UTF8.self)).map { " (pid \($0))" } ?? ""
        throw UpcycleError(
          "is being written by another process\(process)", at: place.path,
          hint: "wait for it, or choose another folder")
      }
      // The former holder may have removed the file between the two calls.
      var (mine, there) = (stat(), stat())
      if fstat(descriptor, &mine) == 0, stat(path, &there) == 0, mine.st_ino == there.st_ino {
        self.descriptor = descriptor
        break
      }
      close(descriptor)
    }
    ftruncate(descriptor, 0)
    _ = Array("\(getpid())".utf8).withUnsafeBytes { writeAll($0, to: descriptor) }
  }

  deinit {
    unlink(path)
    close(descriptor)
  }
}
