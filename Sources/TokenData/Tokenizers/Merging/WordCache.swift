import Foundation

/// Remembers the ids of words already merged. One thread at a time uses it; another that comes meanwhile
/// works without. Forgets everything when full, so memory stays below about 16 MB.
final class WordCache: @unchecked Sendable {  // every access holds `lock`
  private static let maximumWords = 1 << 17
  private static let maximumBytes = 4 << 20
  static let longestWord = 64

  private let lock = NSLock()
  private var words = ByteStringTable(capacity: 1 << 12)
  private var ids: [Int32] = []
  private var ends: [UInt32] = []

  func tryLock() -> Bool { lock.try() }
  func unlock() { lock.unlock() }

  /// Appends the ids of `word` when known.
  @inline(__always)
  func append(_ word: UnsafeRawBufferPointer, to out: inout [Int32]) -> Bool {
    guard let number = words.find(word) else { return false }
    let start = number == 0 ? 0 : Int(ends[number - 1])
    for index in start..<Int(ends[number]) { out.append(ids[index]) }
    return true
  }

  func remember(_ word: UnsafeRawBufferPointer, _ symbols: [Int32]) {
    if words.count >= Self.maximumWords || words.byteCount >= Self.maximumBytes {
      words.removeAll()
      ids.removeAll(keepingCapacity: true)
      ends.removeAll(keepingCapacity: true)
    }
    words.append(word)
    ids.append(contentsOf: symbols)
    ends.append(UInt32(ids.count))
  }
}
