import CSystem
import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// A folder that appears whole: files go to a hidden folder beside it, `commit()` lets both change places at once and
/// removes what was there. Dropping it without `commit()` removes the hidden folder; what kill -9 leaves is removed by
/// the next writer of the same folder. One process at a time.
public final class AtomicFolder {
  /// Where the folder will be, behind symbolic links.
  public let destination: URL
  /// Where to write: a folder of the same name in the hidden one.
  public let work: URL
  private let hidden: URL
  /// nil once the folder has its name.
  private var lock: FileLock?

  /// - Parameter url: where the folder will be; a symbolic link is followed
  /// - Throws: where another process is writing it
  public init(_ url: URL) throws {
    destination = url.standardizedFileURL.resolvingSymlinksInPath()
    let parent = destination.deletingLastPathComponent()
    let name = destination.lastPathComponent
    try makeDirectory(parent)
    lock = try FileLock(Self.lockFile(destination), of: destination)
    Self.removeHidden(of: destination)
    hidden = parent.appendingPathComponent(".\(name).\(getpid()).tmp")
    work = hidden.appendingPathComponent(name)
    try makeDirectory(work)
  }

  /// Removes what a killed writer of this folder left beside it, unless another one is at work.
  public static func removeLeftovers(of url: URL) {
    let destination = url.standardizedFileURL.resolvingSymlinksInPath()
    let file = lockFile(destination)
    // The lock is the last thing that a writer removes.
    guard FileManager.default.fileExists(atPath: file.path), let lock = try? FileLock(ifFree: file) else { return }
    withExtendedLifetime(lock) { removeHidden(of: destination) }
  }

  private static func lockFile(_ destination: URL) -> URL {
    destination.deletingLastPathComponent().appendingPathComponent(".\(destination.lastPathComponent).lock")
  }

  /// Under the lock nobody else writes here: hidden folders are leftovers.
  private static func removeHidden(of destination: URL) {
    let parent = destination.deletingLastPathComponent()
    for entry in (try? FileManager.default.contentsOfDirectory(atPath: parent.path)) ?? []
    where isHidden(entry, of: destination.lastPathComponent) {
      try? FileManager.default.removeItem(at: parent.appendingPathComponent(entry))
    }
  }

  /// .NAME.PID.tmp, or what stepped aside for it.
  private static func isHidden(_ entry: String, of name: String) -> Bool {
    guard entry.hasPrefix(".\(name).") else { return false }
    let parts = entry.dropFirst(name.count + 2).split(separator: ".")
    return parts.count >= 2 && Int(parts[0]) != nil && parts[1] == "tmp"
  }

  /// A text, such as an error of what writes into `work`, with every folder under the name that it will have.
  public static func destinations(in text: String) -> String {
    let ending = ".\(getpid()).tmp"
    return text.split(separator: "/", omittingEmptySubsequences: false)
      .filter { !($0.hasPrefix(".") && $0.hasSuffix(ending)) }.joined(separator: "/")
  }

  deinit { end() }

  /// Removes what is left under the hidden name and lets others write.
  private func end() {
    if lock == nil { return }
    try? FileManager.default.removeItem(at: hidden)
    lock = nil
  }

  /// Gives the folder its name; the last act of a writer.
  public func commit() throws {
    defer { end() }
    // Nothing there, or an empty folder.
    if rename(work.path, destination.path) == 0 { return }
    guard errno == ENOTEMPTY || errno == EEXIST else { throw failure() }
    if up_exchange(work.path, destination.path) == 0 { return }
    let old = hidden.appendingPathComponent("old")
    if rename(destination.path, old.path) != 0 { throw failure() }
    if rename(work.path, destination.path) != 0 {
      let error = failure()
      _ = rename(old.path, destination.path)
      throw error
    }
  }

  private func failure() -> UpcycleError {
    UpcycleError("cannot rename into place: \(systemReason())", at: destination.path)
  }
}
