import Foundation
import Groundwork

/// How a text file is cut into documents.
public enum DocumentSeparator: Sendable, Equatable {
  /// Lines of `<|endoftext|>` if the file has one, else the whole file.
  case automatic
  /// A line that holds exactly this text.
  case line(String)
  /// One or more blank lines.
  case blankLine
  /// Every line is a document.
  case everyLine
  /// The whole file, byte for byte.
  case file

  /// The separator of generated text, on a line of its own.
  public static let endOfText = "<|endoftext|>"

  /// The spelling on the command line.
  public init(_ text: String) {
    switch text {
    case "auto": self = .automatic
    case "endoftext": self = .line(Self.endOfText)
    case "blank-line": self = .blankLine
    case "line": self = .everyLine
    case "file": self = .file
    default: self = .line(text)
    }
  }
}

/// Cuts a text that comes in chunks into documents. Line breaks around a document are not part of it, nor is a byte
/// order mark in front of the text.
struct DocumentCutter {
  /// Larger documents are refused, so that a text without separators does not fill the memory.
  static let largestDocument = 1 << 30

  private let separator: DocumentSeparator
  private let name: String
  /// A document that has begun, and how much of it was searched for line breaks.
  private var open: [UInt8] = []
  private var searched = 0
  /// Bytes of the text in front of it.
  private var passed = 0
  private var isAtStart = true
  /// Lines seen so far, the current one included.
  private var line = 0

  init(_ separator: DocumentSeparator, name: String) {
    self.separator = separator
    self.name = name
  }

  /// Takes the next chunk and gives the documents that it completes, each with the number of its last line and of the
  /// bytes in front of it; the last chunk completes them all.
  mutating func take(
    _ chunk: UnsafeBufferPointer<UInt8>, isLast: Bool, _ body: (UnsafeBufferPointer<UInt8>, Int, Int) throws -> Void
  ) throws {
    var chunk = chunk
    if isAtStart, !chunk.isEmpty {
      isAtStart = false
      if chunk.starts(with: [0xEF, 0xBB, 0xBF]) {
        chunk = UnsafeBufferPointer(rebasing: chunk.dropFirst(3))
        passed = 3
      }
    }
    if open.isEmpty, isLast {
      _ = try cut(chunk, from: 0, isLast: true, body)
      return
    }
    var text: [UInt8] = []
    swap(&text, &open)
    text.append(contentsOf: chunk)
    let rest = try text.withUnsafeBufferPointer { try cut($0, from: searched, isLast: isLast, body) }
    text.removeFirst(rest.start)
    passed += rest.start
    searched = rest.searched - rest.start
    swap(&text, &open)
    if open.count > Self.largestDocument {
      throw UpcycleError.usage(
        "has a document of more than \(formatCount(Self.largestDocument)) bytes", at: name,
        hint: "`document_separator` says where documents end")
    }
  }

  /// - Returns: where the unfinished document starts, and up to where its lines were looked at.
  private mutating func cut(
    _ text: UnsafeBufferPointer<UInt8>, from searched: Int, isLast: Bool,
    _ body: (UnsafeBufferPointer<UInt8>, Int, Int) throws -> Void
  ) throws -> (start: Int, searched: Int) {
    if separator == .file {
      if isLast, !text.isEmpty { try body(text, 1, passed) }
      return (isLast ? text.count : 0, text.count)
    }
    var documentStart = 0
    var lineStart = searched
    while lineStart < text.count {
      let found = memchr(text.baseAddress! + lineStart, 0x0A, text.count - lineStart)
      if found == nil, !isLast { break }
      let lineEnd = found.map { UnsafeRawPointer($0) - UnsafeRawPointer(text.baseAddress!) } ?? text.count
      let next = min(lineEnd + 1, text.count)
      line += 1
      if separates(UnsafeBufferPointer(rebasing: text[lineStart..<lineEnd])) {
        try deliver(text, documentStart..<lineStart, body)
        documentStart = next
      } else if separator == .everyLine {
        try deliver(text, lineStart..<lineEnd, body)
        documentStart = next
      }
      lineStart = next
    }
    if isLast {
      try deliver(text, documentStart..<text.count, body)
      return (text.count, text.count)
    }
    return (documentStart, lineStart)
  }

  private func separates(_ line: UnsafeBufferPointer<UInt8>) -> Bool {
    let line = line.last == 0x0D ? UnsafeBufferPointer(rebasing: line.dropLast()) : line
    switch separator {
    case .automatic: return line.elementsEqual(DocumentSeparator.endOfText.utf8)
    case .line(let text): return line.elementsEqual(text.utf8)
    case .blankLine: return line.isEmpty
    case .everyLine, .file: return false
    }
  }

  private func deliver(
    _ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>,
    _ body: (UnsafeBufferPointer<UInt8>, Int, Int) throws -> Void
  ) throws {
    func isBreak(_ byte: UInt8) -> Bool { byte == 0x0A || byte == 0x0D }
    var (start, end) = (range.lowerBound, range.upperBound)
    while start < end, isBreak(text[start]) { start += 1 }
    while start < end, isBreak(text[end - 1]) { end -= 1 }
    if start < end { try body(UnsafeBufferPointer(rebasing: text[start..<end]), line, passed + start) }
  }
}
