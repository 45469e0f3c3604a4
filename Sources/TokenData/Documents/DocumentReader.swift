import Foundation
import Groundwork

/// What the lines of an input are.
public enum DocumentFormat: String, Sendable, CaseIterable {
  /// JSON Lines where the name or the first line says so, else text.
  case auto
  /// Text, cut at a `DocumentSeparator`.
  case text
  /// A JSON object a line.
  case jsonl
}

/// Reads the documents of a file, a pipe or standard input ("-"): text, or one field of JSON Lines; plain, gzip or zstd.
/// Plain files are mapped and others stream through, so that a corpus may be larger than memory.
public final class DocumentReader {
  /// As given; "-" is standard input.
  public let path: String
  /// Bytes of the file; 0 for a pipe.
  public let size: Int
  /// JSON Lines or text.
  public let format: DocumentFormat
  private let separator: DocumentSeparator
  private let field: JSONField
  private let badLines: BadLines
  private let stream: ByteStream

  /// - Parameters:
  ///   - field: where the text stands in an object, keys divided by dots.
  ///   - badLines: counts the lines of JSON Lines that cannot be used; by default the first one is an error.
  /// - Throws: when the file cannot be read or holds no text.
  public init(
    _ path: String, separator: DocumentSeparator = .automatic, format: DocumentFormat = .auto, field: String = "text",
    badLines: BadLines = BadLines()
  ) throws {
    self.path = path
    self.separator = separator
    self.field = try JSONField(field)
    self.badLines = badLines
    stream = try ByteStream(path)
    size = stream.size
    self.format = format == .auto ? try Self.format(of: stream, path) : format
    if self.format == .jsonl, try Self.start(of: stream).first == UInt8(ascii: "[") {
      throw UpcycleError(
        "is one JSON array", at: stream.name, expected: "JSON Lines, an object a line", hint: "convert it: jq -c '.[]'")
    }
  }

  /// - Throws: as `init(_:separator:format:field:badLines:)`
  public convenience init(_ url: URL, separator: DocumentSeparator = .automatic) throws {
    try self.init(url.path, separator: separator)
  }

  /// The name's ending (before .gz or .zst), else a first line that is a JSON object, decides.
  private static func format(of stream: ByteStream, _ path: String) throws -> DocumentFormat {
    var name = path.lowercased()
    for ending in [".gz", ".zst", ".zstd"] where name.hasSuffix(ending) { name.removeLast(ending.count) }
    if [".jsonl", ".ndjson", ".json"].contains(where: { name.hasSuffix($0) }) { return .jsonl }
    let start = try start(of: stream)
    guard start.first == UInt8(ascii: "{") else { return .text }
    let line = start.prefix { $0 != 0x0A }
    // A line that goes on beyond what was looked at is JSON Lines when it begins like an object.
    let isCut = try line.count == start.count && stream.peek().count == 1 << 16
    let isObject = (try? JSONReader.parse(Data(line), file: path) { try $0.skip() }) != nil
    return isObject || isCut && line.dropFirst().first(where: { $0 != 0x20 }) == UInt8(ascii: "\"") ? .jsonl : .text
  }

  /// The first bytes of a text, behind a byte order mark and white space.
  private static func start(of stream: ByteStream) throws -> Data {
    let text = try stream.peek()
    let start = text.starts(with: [0xEF, 0xBB, 0xBF]) ? text.dropFirst(3) : text
    return start.drop { [0x20, 0x09, 0x0A, 0x0D].contains($0) }
  }

  /// Calls `body` with each document that is not empty and the position in bytes of the file behind it. Once only.
  public func forEachDocument(_ body: (UnsafeBufferPointer<UInt8>, Int) throws -> Void) throws {
    guard format == .jsonl else {
      return try forEachStretch(separator) { text, _, position in try body(text, position) }
    }
    var text: [UInt8] = []
    try forEachLine { line, number, position in
      text.removeAll(keepingCapacity: true)
      try countingBadLines { try field.read(line, number, of: name, into: &text) }
      if !text.isEmpty { try text.withUnsafeBufferPointer { try body($0, position) } }
    }
  }

  /// Runs `read` on a line; what it says against the line is counted.
  func countingBadLines(_ read: () throws -> Void) throws {
    do { try read() } catch let error as UpcycleError { try badLines.add(error) }
  }

  /// Calls `body` with each line that is not blank, its number from 1 and the position behind it.
  func forEachLine(_ body: (UnsafeBufferPointer<UInt8>, Int, Int) throws -> Void) throws {
    try forEachStretch(.everyLine) { line, number, position in
      if !line.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { try body(line, number, position) }
    }
  }

  /// What errors call the input.
  var name: String { stream.name }

  private func forEachStretch(
    _ separator: DocumentSeparator, _ body: (UnsafeBufferPointer<UInt8>, _ line: Int, _ position: Int) throws -> Void
  ) throws {
    let stream = try stream.mapped()
    var cutter = DocumentCutter(separator, name: stream.name)
    var chunk = try stream.next()
    while let current = chunk {
      let next = try stream.next()
      try current.withUnsafeBytes { raw in
        let bytes = raw.bindMemory(to: UInt8.self)
        try cutter.take(bytes, isLast: next == nil) { text, line, start in
          if format == .text, let fault = TextFault(in: text) { throw fault.error(in: name, from: start) }
          // A mapped file is one chunk: how far it was read is where the document lies in it.
          let offset = text.baseAddress! - bytes.baseAddress! + text.count
          try body(text, line, stream.isMapped ? offset : stream.position)
        }
      }
      chunk = next
    }
  }
}

/// Lines of JSON Lines that cannot be used: counted up to a limit, then refused.
public final class BadLines {
  /// How many are passed over before one is an error.
  public let limit: Int
  /// Lines passed over so far.
  public private(set) var count = 0
  /// The first one, as an error would say it.
  public private(set) var first: String?

  /// The first bad line is an error unless there is a limit.
  public init(limit: Int = 0) { self.limit = limit }

  /// - Throws: `error` when there are more than `limit`.
  public func add(_ error: UpcycleError) throws {
    if count >= limit { throw error }
    count += 1
    first = first ?? error.description
  }
}

/// A field of a JSON object, keys divided by dots.
struct JSONField {
  private let path: [[UInt8]]
  private let name: String

  init(_ name: String) throws {
    path = name.split(separator: ".", omittingEmptySubsequences: false).map { Array($0.utf8) }
    self.name = name
    if path.contains(where: \.isEmpty) {
      throw UpcycleError.usage("is no key", field: "field", expected: "a key, or keys divided by dots", found: name)
    }
  }

  /// Puts the field's text into `out`; nothing else of the line is kept. `null` is an empty text.
  /// - Throws: a failure against the line.
  func read(_ line: UnsafeBufferPointer<UInt8>, _ number: Int, of file: String, into out: inout [UInt8]) throws {
    var isFound = false
    do {
      try JSONReader.parse(UnsafeRawBufferPointer(line), file: file, firstLine: number) { reader in
        try read(&reader, path[...], "\(file):\(number)", &isFound, &out)
      }
    } catch var error as UpcycleError {
      error.expected = error.expected ?? "{\"\(name)\": text}"
      throw error
    }
    if !isFound {
      throw UpcycleError(
        "has no key \"\(name)\"", at: "\(file):\(number)", expected: "{\"\(name)\": text}",
        hint: "`field` names another key, `chat` reads messages")
    }
  }

  private func read(
    _ reader: inout JSONReader, _ path: ArraySlice<[UInt8]>, _ place: String, _ isFound: inout Bool,
    _ out: inout [UInt8]
  ) throws {
    guard try reader.kind() == .object else { throw UpcycleError("is no JSON object", at: place) }
    try reader.object { reader, key in
      guard key == path.first! else { return try reader.skip() }
      if path.count > 1 { return try read(&reader, path.dropFirst(), place, &isFound, &out) }
      isFound = true
      out.removeAll(keepingCapacity: true)
      switch try reader.kind() {
      case .string: try reader.stringBytes(into: &out)
      case .null: try reader.skip()
      default: throw UpcycleError("has no text at \"\(name)\"", at: place)
      }
    }
  }
}
