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

/// Reads the documents of a text file. Line breaks around a document are not part of it.
public struct DocumentReader {
  public let url: URL
  /// Bytes of the file.
  public let size: Int
  private let separator: DocumentSeparator

  /// - Throws: when the file cannot be read.
  public init(_ url: URL, separator: DocumentSeparator = .automatic) throws {
    self.url = url
    let handle = try openForReading(url)
    size = Int((try? handle.seekToEnd()) ?? 0)
    try? handle.close()
    self.separator = separator
  }

  /// Calls `body` with each document that is not empty and the position in bytes behind it.
  public func forEachDocument(_ body: (UnsafeBufferPointer<UInt8>, Int) throws -> Void) throws {
    // Mapped, so that a corpus larger than memory streams through.
    let data: Data
    do { data = try Data(contentsOf: url, options: .alwaysMapped) } catch {
      throw UpcycleError("cannot be read: \(error.localizedDescription)", at: url.path)
    }
    try data.withUnsafeBytes { raw in
      let text = raw.bindMemory(to: UInt8.self)
      if separator == .file {
        if !text.isEmpty { try body(text, text.count) }
      } else {
        try cut(text, body)
      }
    }
  }

  private func cut(
    _ text: UnsafeBufferPointer<UInt8>, _ body: (UnsafeBufferPointer<UInt8>, Int) throws -> Void
  ) throws {
    var documentStart = 0
    var lineStart = 0
    while lineStart < text.count {
      let lineEnd = Self.lineEnd(text, from: lineStart)
      let next = min(lineEnd + 1, text.count)
      if separates(UnsafeBufferPointer(rebasing: text[lineStart..<lineEnd])) {
        try deliver(text, documentStart..<lineStart, position: next, body)
        documentStart = next
      } else if separator == .everyLine {
        try deliver(text, lineStart..<lineEnd, position: next, body)
        documentStart = next
      }
      lineStart = next
    }
    try deliver(text, documentStart..<text.count, position: text.count, body)
  }

  private static func lineEnd(_ text: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
    guard let found = memchr(text.baseAddress! + start, 0x0A, text.count - start) else { return text.count }
    return UnsafeRawPointer(found) - UnsafeRawPointer(text.baseAddress!)
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
    _ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, position: Int,
    _ body: (UnsafeBufferPointer<UInt8>, Int) throws -> Void
  ) throws {
    func isBreak(_ byte: UInt8) -> Bool { byte == 0x0A || byte == 0x0D }
    var (start, end) = (range.lowerBound, range.upperBound)
    while start < end, isBreak(text[start]) { start += 1 }
    while start < end, isBreak(text[end - 1]) { end -= 1 }
    if start < end { try body(UnsafeBufferPointer(rebasing: text[start..<end]), position) }
  }
}
