import Foundation
import Groundwork

/// Blocking exchanges of small data.
extension Communicator {
  /// Row j of the result is what rank j has at this rank's place: `values` [size, n] -> [size, n].
  public func allToAll<Element: BitwiseCopyable>(
    _ values: [Element], filler: Element, on channel: Channel = .counts
  ) throws -> [Element] {
    let each = values.count / size
    precondition(values.count == each * size)
    if each == 0 { return values }
    let rows = Array(repeating: 1, count: size)
    return try exchange(values, rows, rows, each, filler, channel)
  }

  /// Every rank's values, of any length, in order of ranks.
  public func allGather<Element: BitwiseCopyable>(_ values: [Element], filler: Element) throws -> [[Element]] {
    let lengths = try allToAll(Array(repeating: Int64(values.count), count: size), filler: 0, on: .control).map(
      Int.init)
    let copies = Array((0..<size).map { _ in values }.joined())
    let all = try exchange(copies, Array(repeating: values.count, count: size), lengths, 1, filler, .control)
    let starts = offsets(lengths)
    return (0..<size).map { Array(all[starts[$0]..<starts[$0 + 1]]) }
  }

  /// Text of every rank.
  public func allGather(_ text: String) throws -> [String] {
    try allGather(Array(text.utf8), filler: 0).map { String(decoding: $0, as: UTF8.self) }
  }

  /// The first rank's values on every rank.
  public func broadcast<Element: BitwiseCopyable>(_ values: [Element], filler: Element) throws -> [Element] {
    try allGather(rank == 0 ? values : [], filler: filler)[0]
  }

  /// Mean over ranks of each number, the same bits on all.
  public func mean(_ values: [Double]) throws -> [Double] {
    let all = try allGather(values, filler: 0)
    return values.indices.map { index in all.reduce(0) { $0 + $1[index] } / Double(size) }
  }

  /// Returns when all ranks have come.
  public func barrier() throws { _ = try allToAll([UInt8](repeating: 0, count: size), filler: 0, on: .control) }

  private func exchange<Element: BitwiseCopyable>(
    _ values: [Element], _ sendRows: [Int], _ receiveRows: [Int], _ each: Int, _ filler: Element, _ channel: Channel
  ) throws -> [Element] {
    let send = UnsafeMutableBufferPointer<Element>.allocate(capacity: max(1, values.count))
    let total = each * receiveRows.reduce(0, +)
    let receive = UnsafeMutableBufferPointer<Element>.allocate(capacity: max(1, total))
    defer {
      send.deallocate()
      receive.deallocate()
    }
    _ = send.initialize(from: values)
    receive.initialize(repeating: filler)
    try start(
      AllToAll(
        rowBytes: each * MemoryLayout<Element>.stride, send: send.baseAddress!, sendRows: sendRows,
        receive: receive.baseAddress!, receiveRows: receiveRows), on: channel
    ).wait()
    return Array(receive.prefix(total))
  }
}

extension Communicator {
  /// Gives every rank all numbers of `values` [count], which lie in the same order on all of them.
  /// - Parameter owned: [size], the numbers that each rank hands out; they do not overlap
  public func gather(_ values: UnsafeMutablePointer<Float>, owned: [Range<Int>]) throws {
    precondition(owned.count == size)
    // In slices, so that the copies stay small however large the model is.
    let slice = max(1, (1 << 22) / size)
    let incoming = UnsafeMutablePointer<Float>.allocate(capacity: slice * size)
    let outgoing = UnsafeMutablePointer<Float>.allocate(capacity: slice * size)
    defer {
      incoming.deallocate()
      outgoing.deallocate()
    }
    for offset in stride(from: 0, to: owned.map(\.count).max() ?? 0, by: slice) {
      let parts = owned.map { $0.dropFirst(offset).prefix(slice) }
      let own = parts[rank]
      for to in 0..<size {
        (outgoing + to * own.count).update(from: values + own.startIndex, count: own.count)
      }
      try start(
        AllToAll(
          rowBytes: MemoryLayout<Float>.stride, send: outgoing, sendRows: Array(repeating: own.count, count: size),
          receive: incoming, receiveRows: parts.map(\.count)), on: .gather
      ).wait()
      var at = 0
      for part in parts {
        (values + part.startIndex).update(from: incoming + at, count: part.count)
        at += part.count
      }
    }
  }
}

// MARK: Errors that all ranks share

/// An error that every rank knows of, because they compared notes: all end, and the first one tells.
public struct AgreedError: Error {
  /// Of the lowest rank that failed.
  public var error: UpcycleError

  /// - Parameter error: the same on all ranks
  public init(_ error: UpcycleError) { self.error = error }
}

extension Communicator {
  /// Runs a check or a preparation on every rank. When it fails anywhere, all ranks throw the error of the lowest rank
  /// that failed, which names the rank unless all of them failed. A check may hold others: what all ranks know of
  /// already (`AgreedError`) passes.
  public func agreeing<Result>(_ body: () throws -> Result) throws -> Result {
    var result: Result?
    var failure: UpcycleError?
    do { result = try body() } catch let error as AgreedError { throw error } catch let error as UpcycleError {
      failure = error
    } catch {
      failure = UpcycleError("\(error.localizedDescription)")
    }
    let verdicts = try allGather(failure.map { "\($0.exitCode) \($0)" } ?? "")
    guard let first = verdicts.firstIndex(where: { !$0.isEmpty }) else { return result! }
    let parts = verdicts[first].split(separator: " ", maxSplits: 1)
    let text = String(parts[1])
    let everywhere = verdicts.allSatisfy { !$0.isEmpty }
    throw AgreedError(
      UpcycleError(
        everywhere ? text : "rank \(first): \(text)", kind: Int32(parts[0]).flatMap(UpcycleError.Kind.init) ?? .failure)
    )
  }

  /// Refuses ranks that were started with other options, which would wait for each other for ever.
  /// - Parameter options: names as the user types them, and values that are the same where the option is
  public func requireSame(options: [(name: String, value: String)]) throws {
    let all = try allGather(JSONValue.array(options.map { .string($0.value) }).text())
    guard let other = all.firstIndex(where: { $0 != all[0] }) else { return }
    let values = try [0, other].map { try JSONValue(parsing: Data(all[$0].utf8), file: "options").array ?? [] }
    for (index, option) in options.enumerated() where values[0][index] != values[1][index] {
      let (mine, theirs) = (values[0][index].string ?? "", values[1][index].string ?? "")
      throw AgreedError(
        .usage("rank \(other) has \(theirs.prefix(60)), rank 0 has \(mine.prefix(60))", at: option.name))
    }
  }

  /// The same by the words of a command line, the program's name left out.
  public func requireSame(arguments: [String]) throws {
    let all = try allGather(JSONValue.array(arguments.map { .string($0) }).text())
    guard let other = all.firstIndex(where: { $0 != all[0] }) else { return }
    let words = try [0, other].map { rank in
      try JSONValue(parsing: Data(all[rank].utf8), file: "options").array?.map { $0.string ?? "" } ?? []
    }
    let place = zip(words[0], words[1]).prefix { $0 == $1 }.count
    let (mine, theirs) = (words[0].dropFirst(place).first, words[1].dropFirst(place).first)
    let longer = words[mine == nil ? 1 : 0]
    throw AgreedError(
      .usage(
        "rank \(other) has \((theirs ?? "nothing").prefix(60)), rank 0 has \((mine ?? "nothing").prefix(60))",
        at: longer.prefix(place + 1).last { $0.hasPrefix("--") } ?? "the command"))
  }

  /// Refuses ranks that were given different things.
  /// - Parameters:
  ///   - value: a hash, or another text that is the same where the thing is
  ///   - what: such as "checkpoint"
  public func requireSame(_ value: String, _ what: String, field: String) throws {
    let all = try allGather(value)
    guard let other = all.firstIndex(where: { $0 != all[0] }) else { return }
    throw AgreedError(
      .usage("rank \(other) has another \(what) than rank 0", field: field, expected: all[0], found: all[other]))
  }
}

/// Gives the processor away for a moment: ranks often outnumber cores.
func nap() {
  var time = timespec(tv_sec: 0, tv_nsec: 20_000)
  nanosleep(&time, nil)
}
