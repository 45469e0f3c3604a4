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
    switch try Self.take(path) {
    case .mine(let descriptor): self.descriptor = descriptor
    case .others(let process):
      throw UpcycleError(
        "is being written by another process\(process.map { " (pid \($0))" } ?? "")", at: place.path,
        hint: "wait for it, or choose another folder")
    }
  }

  /// Waits until no other process holds the lock.
  /// - Parameters:
  ///   - url: the lock file, in a folder that is there
  ///   - waiting: told once, where there is a wait
  /// - Throws: `Interrupted` after Ctrl-C, and where the file cannot be written
  public init(waitingFor url: URL, waiting: () -> Void = {}) throws {
    path = url.path
    var isFirst = true
    while true {
      if case .mine(let descriptor) = try Self.take(path) {
        self.descriptor = descriptor
        return
      }
      if isFirst { waiting() }
      isFirst = false
      try Interrupt.check()
      usleep(200_000)
    }
  }

  /// nil where another process holds the lock.
  /// - Parameter url: the lock file, in a folder that is there
  /// - Throws: where the file cannot be written
  public init?(ifFree url: URL) throws {
    path = url.path
    guard case .mine(let descriptor) = try Self.take(path) else { return nil }
    self.descriptor = descriptor
  }

  /// Removes a lock file that a killed process left; one that is held stays.
  public static func clear(_ url: URL) {
    guard FileManager.default.fileExists(atPath: url.path) else { return }
    _ = try? FileLock(ifFree: url)
  }

  private enum Holder {
    /// This one, by the descriptor that holds it.
    case mine(Int32)
    /// Another process, by its id where it says one.
    case others(Int?)
  }

  private static func take(_ path: String) throws -> Holder {
    while true {
      let descriptor = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o644)
      if descriptor < 0 { throw UpcycleError("cannot write: \(systemReason())", at: path) }
      // A file system without locks has no two processes to keep apart.
      if flock(descriptor, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK {
        var text = [UInt8](repeating: 0, count: 20)
        let count = max(0, pread(descriptor, &text, text.count, 0))
        close(descriptor)
        return .others(Int(String(decoding: text[..<count], as: UTF8.self)))
      }
      // The former holder may have removed the file between the two calls.
      var (mine, there) = (stat(), stat())
      if fstat(descriptor, &mine) == 0, stat(path, &there) == 0, mine.st_ino == there.st_ino {
        ftruncate(descriptor, 0)
        _ = Array("\(getpid())".utf8).withUnsafeBytes { writeAll($0, to: descriptor) }
        return .mine(descriptor)
      }
      close(descriptor)
    }
  }

  deinit {
    unlink(path)
    close(descriptor)
  }
}
