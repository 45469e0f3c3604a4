import Foundation
import Groundwork

/// The messages of a timing experiment: collectives that take a wanted time on a link.
final class Traffic {
  private let ranks: any Communicator
  private let rate: LinkRate
  private let isReduction: Bool
  private let reducer: AllReducer
  private var buffers: [Key: UnsafeMutableRawPointer] = [:]

  private struct Key: Hashable {
    var kind: SubOperation.Kind
    var batch: Int
    var bytes: Int
  }

  /// - Parameter isReduction: all-reduces (inference) instead of all-to-alls (training)
  init(_ ranks: any Communicator, _ rate: LinkRate, isReduction: Bool) {
    self.ranks = ranks
    self.rate = rate
    self.isReduction = isReduction
    reducer = AllReducer(ranks)
  }

  deinit { for buffer in buffers.values { buffer.deallocate() } }

  /// Bytes that every rank sends in one step of a collective of so many milliseconds.
  static func bytes(milliseconds: Double, _ rate: LinkRate, isReduction: Bool) throws -> Int {
    let seconds = milliseconds / 1000 / (isReduction ? 2 : 1)
    if seconds == 0 { return 0 }
    guard seconds > rate.alpha else {
      throw UpcycleError.usage(
        "a collective of \(milliseconds) ms is shorter than the latency of its messages", field: "link",
        expected: "ALPHA below \(1e6 * seconds) us")
    }
    let bytes = ((seconds - rate.alpha) * rate.beta).rounded()
    guard bytes <= Double(1 << 40) else {
      throw UpcycleError.usage(
        "a collective of \(milliseconds) ms would carry more than a TiB", field: "durations",
        expected: "at most \(formatCount(Int(1000 * Double(1 << 40) / rate.beta))) ms on this link")
    }
    return Int(bytes)
  }

  /// Starts a collective that takes `milliseconds` where the link has nothing else to carry.
  func start(_ kind: SubOperation.Kind, batch: Int, milliseconds: Double) throws -> any Request {
    let bytes = try Self.bytes(milliseconds: milliseconds, rate, isReduction: isReduction)
    let others = max(1, ranks.size - 1)
    if isReduction {
      // A rank sends (P - 1) / P of the numbers in each half.
      let count = bytes / 4 * ranks.size / others
      let space = buffer(kind, batch, count * 4)
      return try reducer.start(space.assumingMemoryBound(to: Float.self), count: count)
    }
    let each = bytes / others
    let space = buffer(kind, batch, 2 * each * ranks.size)
    let rows = (0..<ranks.size).map { $0 == ranks.rank ? 0 : each }
    return try ranks.start(
      AllToAll(rowBytes: 1, send: space, sendRows: rows, receive: space + each * ranks.size, receiveRows: rows),
      on: kind == .dispatch ? .dispatch : .combine)
  }

  /// The operation's own buffer: it is over before its like in the next layer starts.
  private func buffer(_ kind: SubOperation.Kind, _ batch: Int, _ bytes: Int) -> UnsafeMutableRawPointer {
    let key = Key(kind: kind, batch: batch, bytes: bytes)
    if let buffer = buffers[key] { return buffer }
    let buffer = UnsafeMutableRawPointer.allocate(byteCount: max(64, bytes), alignment: 64)
    memset(buffer, 0, max(64, bytes))
    buffers[key] = buffer
    return buffer
  }
}
