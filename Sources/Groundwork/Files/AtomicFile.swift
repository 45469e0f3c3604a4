import CSystem
import Foundation
import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// The one writer of all outputs that are a single file. The file appears under its name only when complete: bytes go
/// to a hidden file in the same folder, `commit()` syncs it to the disk and renames it. Dropping the writer without
/// `commit()` removes the hidden file, so an error, a full disk or an interrupt never leaves a partial file behind; what
/// kill -9 leaves is removed by the next process that writes in the folder.
///
/// Symbolic links are followed: what they point to is replaced, the links stay. Devices and pipes are written in place.
/// A file that is replaced hands on its permissions. Another user's file is refused, except to root in a folder of that
/// user, whose file it stays.
public final class AtomicFile {
  /// As the caller named it.
  public let url: URL
  /// What is written: a hidden file, or the device itself.
  private let written: String
  /// What the hidden file is renamed to; nil: written in place.
  private let destination: String?
  private var descriptor: Int32
  /// Bytes that the disk was not yet told to write.
  private var unwritten = 0

  /// - Throws: where the file cannot be written, with the system's reason
  public init(_ url: URL) throws {
    self.url = url
    let target = try Target(url)
    if target.isInPlace {
      (written, destination) = (target.path, nil)
      descriptor = open(written, O_WRONLY | O_APPEND | O_NOCTTY | O_CLOEXEC)
      if descriptor < 0 { throw UpcycleError("cannot write: \(systemReason())", at: url.path) }
      return
    }
    let final = URL(fileURLWithPath: target.path)
    let folder = final.deletingLastPathComponent()
    try makeDirectory(folder)
    HiddenFile.removeLeftovers(in: folder)
    destination = target.path
    written = folder.appendingPathComponent(HiddenFile.name(for: final.lastPathComponent)).path
    descriptor = open(written, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o644)
    if descriptor < 0 { throw UpcycleError("cannot write: \(systemReason())", at: url.path) }
    // Released by the system when the process ends, however it ends: an unlocked hidden file is a leftover.
    flock(descriptor, LOCK_EX | LOCK_NB)
    do { try target.handOn(to: descriptor, in: folder, url) } catch {
      abandon()
      throw error
    }
  }

  deinit { abandon() }

  private func abandon() {
    if descriptor < 0 { return }
    close(descriptor)
    descriptor = -1
    if destination != nil { unlink(written) }
  }

  /// Appends bytes.
  public func write(_ bytes: UnsafeRawBufferPointer) throws {
    if let code = writeAll(bytes, to: descriptor) {
      throw UpcycleError("cannot write: \(systemReason(code))", at: url.path)
    }
    // A large file is on the disk by and by, while its maker computes, not in one piece at the end.
    unwritten += bytes.count
    if unwritten >= 1 << 26 && destination != nil {
      up_begin_writeback(descriptor)
      unwritten = 0
    }
  }

  /// Appends bytes.
  public func write(_ data: Data) throws { try data.withUnsafeBytes { try write($0) } }
  /// Appends a text in UTF-8.
  public func write(_ text: String) throws { try write(Data(text.utf8)) }

  /// Syncs and renames; after this the file exists whole.
  public func commit() throws {
    if fsync(descriptor) != 0 && errno != EINVAL && errno != EROFS {
      throw UpcycleError("cannot sync: \(systemReason())", at: url.path)
    }
    guard let destination else {
      let failed = close(descriptor) != 0
      descriptor = -1
      if failed { throw UpcycleError("cannot write: \(systemReason())", at: url.path) }
      return
    }
    // The lock goes with the descriptor, so the name is given first.
    if rename(written, destination) != 0 {
      throw UpcycleError("cannot rename into place: \(systemReason())", at: url.path)
    }
    let failed = close(descriptor) != 0
    descriptor = -1
    if failed { throw UpcycleError("cannot write: \(systemReason())", at: url.path) }
  }
}

/// Writes all bytes to a descriptor.
/// - Returns: the error number of the call that failed; nil: all is written.
func writeAll(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) -> Int32? {
  var done = 0
  while done < bytes.count {
    let wrote = Glibc.write(descriptor, bytes.baseAddress! + done, bytes.count - done)
    if wrote < 0 {
      if errno == EINTR { continue }
      if errno == EAGAIN {
        var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        poll(&ready, 1, -1)
        continue
      }
      return errno
    }
    done += wrote
  }
  return nil
}

// MARK: Where an output goes

/// What an output's name stands for, behind all symbolic links.
private struct Target {
  var path: String
  /// A device or a pipe, or a file that this process holds open (/dev/stdout).
  var isInPlace = false
  /// The file that will be replaced.
  var former: stat?

  init(_ url: URL) throws {
    path = url.path
    for _ in 0..<40 {
      var status = stat()
      // What lies not there is made, or refused when the folder is made.
      guard lstat(path, &status) == 0 else { return }
      switch status.st_mode & S_IFMT {
      case S_IFLNK:
        if path.hasPrefix("/proc/") {
          isInPlace = true
          return
        }
        guard let link = try? FileManager.default.destinationOfSymbolicLink(atPath: path) else {
          throw UpcycleError("cannot follow this symbolic link", at: url.path)
        }
        path = link.hasPrefix("/") ? link : (path as NSString).deletingLastPathComponent + "/" + link
      case S_IFREG:
        former = status
        return
      case S_IFDIR: throw UpcycleError("is a folder", at: url.path, expected: "a file to write")
      case S_IFSOCK: throw UpcycleError("is a socket", at: url.path, expected: "a file to write")
      default:
        isInPlace = true
        return
      }
    }
    throw UpcycleError("symbolic links lead in a circle", at: url.path)
  }

  /// Gives the new file what the former had: its permissions, and its owner where that may be.
  func handOn(to descriptor: Int32, in folder: URL, _ url: URL) throws {
    guard let former else { return }
    if former.st_uid != geteuid() {
      var around = stat()
      let isAtHome = stat(folder.path, &around) == 0 && around.st_uid == former.st_uid
      guard geteuid() == 0, isAtHome, fchown(descriptor, former.st_uid, former.st_gid) == 0 else {
        throw UpcycleError(
          "belongs to another user", at: url.path, expected: "a file of user \(geteuid())",
          found: "one of user \(former.st_uid)", hint: "remove it, or name another output")
      }
    }
    fchmod(descriptor, former.st_mode & 0o7777)
  }
}

// MARK: Hidden files

/// Names of unfinished files, `.NAME.PID.COUNT.tmp`, and the removal of those whose process is dead.
private enum HiddenFile {
  private static let count = Atomic(0)
  private static let swept = Mutex<Set<String>>([])

  /// - Parameter name: shortened, since names have at most 255 bytes.
  static func name(for name: String) -> String {
    let number = count.add(1, ordering: .relaxed).newValue
    return ".\(name.prefix(48)).\(getpid()).\(number).tmp"
  }

  /// Once per folder and process.
  static func removeLeftovers(in folder: URL) {
    guard swept.withLock({ $0.insert(folder.path).inserted }) else { return }
    for entry in (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? [] {
      let parts = entry.split(separator: ".", omittingEmptySubsequences: false)
      guard entry.hasPrefix("."), parts.count >= 5, parts.last == "tmp", Int(parts[parts.count - 2]) != nil,
        let process = Int32(parts[parts.count - 3]), kill(process, 0) != 0, errno == ESRCH
      else { continue }
      let path = folder.appendingPathComponent(entry).path
      // A process that this one cannot see, in another container, holds the lock.
      let descriptor = open(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
      if descriptor < 0 { continue }
      if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { unlink(path) }
      close(descriptor)
    }
  }
}
