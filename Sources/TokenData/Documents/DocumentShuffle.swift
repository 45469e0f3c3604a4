import Foundation
import Groundwork

/// Documents as ids, given back in an order that a seed decides, whatever their number: document i gets the key
/// f(seed, i), and they come in the order of their keys.
///
/// Documents wait in 64 files by key, of which one is in memory at a time. The files have no names: nothing is left of
/// them when the process ends, however it ends.
public final class DocumentShuffle {
  private static let parts = 64
  private static let bufferBytes = 1 << 18

  private let keys: RandomStream
  private var files: [FileHandle] = []
  private var buffers = [Data](repeating: Data(), count: parts)
  /// Documents added.
  public private(set) var count = 0

  /// - Parameter folder: on the disk where the documents wait; it is there
  public init(seed: UInt64, folder: URL) throws {
    keys = RandomStream(seed: seed, "document order")
    for _ in 0..<Self.parts {
      let url = folder.appendingPathComponent(".shuffle-\(UUID().uuidString)")
      let descriptor = open(url.path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
      guard descriptor >= 0 else { throw failure(url.path) }
      unlink(url.path)
      files.append(FileHandle(fileDescriptor: descriptor, closeOnDealloc: true))
    }
  }

  private func failure(_ path: String) -> UpcycleError {
    UpcycleError("cannot write documents that wait to be shuffled: \(String(cString: strerror(errno)))", at: path)
  }

  /// Adds a document.
  /// - Parameter answers: ranges of ids that are learnt; empty: all
  public func add(_ ids: [Int32], answers: [Range<Int>] = []) throws {
    let key = keys.uniform(at: UInt64(count))
    count += 1
    let part = Int(key * Double(Self.parts))
    var record = [Int32(ids.count), Int32(answers.count)] + ids
    for answer in answers { record += [Int32(answer.lowerBound), Int32(answer.upperBound)] }
    withUnsafeBytes(of: key.bitPattern) { buffers[part].append(contentsOf: $0) }
    record.withUnsafeBytes { buffers[part].append(contentsOf: $0) }
    if buffers[part].count >= Self.bufferBytes { try flush(part) }
  }

  private func flush(_ part: Int) throws {
    do { try files[part].write(contentsOf: buffers[part]) } catch { throw failure("shuffled documents") }
    buffers[part].removeAll(keepingCapacity: true)
  }

  /// Gives all documents in their new order.
  public func forEach(_ body: ([Int32], [Range<Int>]) throws -> Void) throws {
    for part in 0..<Self.parts {
      try flush(part)
      try files[part].seek(toOffset: 0)
      let data = try files[part].readToEnd() ?? Data()
      let documents = data.withUnsafeBytes(Self.documents)
      for document in documents.sorted(by: { ($0.key, $0.start) < ($1.key, $1.start) }) {
        let (ids, answers) = data.withUnsafeBytes { Self.content(of: document, in: $0) }
        try body(ids, answers)
      }
    }
  }

  private struct Place {
    var key: Double
    /// Of the record behind its key.
    var start: Int
  }

  private static func number(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> Int {
    Int(bytes.loadUnaligned(fromByteOffset: offset, as: Int32.self))
  }

  private static func documents(_ bytes: UnsafeRawBufferPointer) -> [Place] {
    var places: [Place] = []
    var offset = 0
    while offset < bytes.count {
      let key = Double(bitPattern: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
      places.append(Place(key: key, start: offset + 8))
      offset += 16 + 4 * (number(bytes, offset + 8) + 2 * number(bytes, offset + 12))
    }
    return places
  }

  private static func content(of place: Place, in bytes: UnsafeRawBufferPointer) -> ([Int32], [Range<Int>]) {
    let (count, answers) = (number(bytes, place.start), number(bytes, place.start + 4))
    let first = place.start + 8
    let ids = (0..<count).map { Int32(number(bytes, first + 4 * $0)) }
    let behind = first + 4 * count
    return (ids, (0..<answers).map { number(bytes, behind + 8 * $0)..<number(bytes, behind + 8 * $0 + 4) })
  }
}
