import Foundation
import Groundwork

/// Outputs of stages, one folder per key. A folder with `done.json` is finished and never touched again;
/// one without is what an interrupted attempt left, and the next attempt goes on inside it.
struct StageCache: Sendable {
  let folder: URL

  /// What `done.json` says.
  struct Entry: Codable, Sendable {
    var stage: String
    var version: Int
    var config: JSONValue
    var parents: [String: String]
    var seed: Int
    var threads: Int
    var inputs: [String: String]
    /// Work time (`workSeconds`), added up over all attempts.
    var seconds: Double
    /// UTC, ISO 8601.
    var started: String
    var result: StageResult
  }

  /// Where stages keep what they share.
  var shared: URL { folder.appendingPathComponent("shared") }
  func output(_ key: String) -> URL { folder.appendingPathComponent(key) }
  private func marker(_ key: String) -> URL { output(key).appendingPathComponent("done.json") }
  private func spent(_ key: String) -> URL { output(key).appendingPathComponent("spent.json") }

  /// Where the process that works on the key says how far it is.
  func progressFile(_ key: String) -> URL { output(key).appendingPathComponent("progress.json") }

  /// What it said last; nil: nothing.
  func progress(_ key: String) -> StageProgress? { try? decodeJSON(StageProgress.self, contentsOf: progressFile(key)) }

  /// The finished entry, or nil.
  func entry(_ key: String) throws -> Entry? {
    let url = marker(key)
    guard FileManager.default.fileExists(atPath: url.path) else { return nil }
    do {
      let entry = try decodeJSON(Entry.self, contentsOf: url, what: "a cache entry of this version")
      // A kill, or a disk that failed, may have come before.
      removeNotes(key)
      return entry
    } catch var error as UpcycleError {
      error.hint = "remove its folder and run again"
      throw error
    }
  }

  func finish(_ key: String, _ entry: Entry) throws {
    try writeFile(jsonText(entry, pretty: true), to: marker(key))
    removeNotes(key)
  }

  /// What attempts leave beside an output.
  private func removeNotes(_ key: String) {
    for file in [spent(key), progressFile(key)] { unlink(file.path) }
  }

  // MARK: Work time of attempts that did not finish

  func secondsSpent(_ key: String) -> Double {
    (try? JSONValue(contentsOf: spent(key)))?["seconds"]?.double ?? 0
  }

  func noteSpent(_ key: String, seconds: Double) {
    try? writeFile(JSONValue.object(["seconds": .double(seconds)]).text() + "\n", to: spent(key))
  }

  // MARK: One process at a time

  /// Runs `body` while holding the key's lock; waits for another process that holds it.
  func withLock<T>(_ key: String, waiting: () -> Void, _ body: () throws -> T) throws -> T {
    try makeDirectory(folder)
    let lock = try FileLock(waitingFor: lockFile(key), waiting: waiting)
    return try withExtendedLifetime(lock, body)
  }

  /// Runs `body` while holding the key's lock; false where another process holds it.
  func withLockIfFree(_ key: String, _ body: () throws -> Void) throws -> Bool {
    try makeDirectory(folder)
    guard let lock = try FileLock(ifFree: lockFile(key)) else { return false }
    try withExtendedLifetime(lock, body)
    return true
  }

  func lockFile(_ key: String) -> URL { folder.appendingPathComponent("\(key).lock") }
}
