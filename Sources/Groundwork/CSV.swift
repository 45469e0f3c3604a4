import Foundation

/// A comma-separated table: comment lines (`#`), one header line, then rows of equal length.
///
/// Fields that hold commas, quotes or line breaks are quoted as in RFC 4180. Blanks around other
/// fields do not count. Comment lines may stand anywhere when it is read and stand above the header when it is written;
/// empty lines are skipped.
public struct CSV: Sendable {
  /// The comment lines, with their `#`.
  public var comments: [String] = []
  /// Names of the columns.
  public var header: [String]
  /// Fields by row, as many as the header has.
  public var rows: [[String]]
  /// Line of each row in the file it was read from; empty for a table that was made.
  private var lines: [Int] = []
  private var headerLine: Int?
  private let file: String

  /// A table that is made here.
  public init(header: [String], rows: [[String]] = []) {
    self.header = header
    self.rows = rows
    file = "table"
  }

  /// - Throws: one line that names the file and the line: text that is not UTF-8, a quote without its end or with text
  ///   behind it, no header, a row of another length
  public init(contentsOf url: URL) throws { try self.init(parsing: readFile(url), file: url.path) }

  /// - Parameter file: the name in errors
  public init(parsing data: Data, file: String) throws {
    if String(validating: data, as: UTF8.self) == nil { throw UpcycleError("is not UTF-8 text", at: file) }
    var reader = Reader(text: data, file: file)
    header = []
    rows = []
    self.file = file
    while let record = try reader.record() {
      if record.isComment {
        comments.append(record.fields[0])
      } else if header.isEmpty {
        header = record.fields
        headerLine = record.line
      } else if record.fields.count != header.count {
        throw UpcycleError(
          "has the wrong number of fields", at: "\(file), line \(record.line)",
          expected: "\(header.count), as in the header", found: "\(record.fields.count)")
      } else {
        rows.append(record.fields)
        lines.append(record.line)
      }
    }
    if header.isEmpty { throw UpcycleError("holds no header line", at: file) }
  }

  // MARK: Access

  /// Where a row stands, for errors: `scores.csv, line 7`.
  public func place(_ row: Int) -> String {
    lines.indices.contains(row) ? "\(file), line \(lines[row])" : "\(file), row \(row + 1)"
  }

  /// The index of a column.
  /// - Throws: when there is none of this name
  public func column(_ name: String) throws -> Int {
    guard let index = header.firstIndex(of: name) else {
      throw UpcycleError(
        "the column \"\(name)\" is missing", at: headerLine.map { "\(file), line \($0)" } ?? file,
        found: header.joined(separator: ", "))
    }
    return index
  }

  /// A finite number.
  /// - Throws: for any other field, naming file, line and column
  public func double(_ row: Int, _ column: Int) throws -> Double {
    guard let value = Double(rows[row][column]), value.isFinite else {
      throw unusable(row, column, expected: "a finite number")
    }
    return value
  }

  /// A whole number.
  /// - Throws: for any other field, naming file, line and column
  public func int(_ row: Int, _ column: Int) throws -> Int {
    guard let value = Int(rows[row][column]) else { throw unusable(row, column, expected: "a whole number") }
    return value
  }

  /// All rows as numbers, which may be nan or infinite: a table that training wrote holds what happened.
  /// - Throws: for a field that is no number, naming file, line and column
  public func numbers() throws -> [[Double]] {
    try rows.indices.map { row in
      try rows[row].indices.map { column in
        guard let value = Double(rows[row][column]) else { throw unusable(row, column, expected: "a number") }
        return value
      }
    }
  }

  /// Refuses fields that read as numbers but are none: nan, inf, 1e999.
  public func requireFiniteNumbers() throws {
    for (row, fields) in rows.enumerated() {
      for (column, field) in fields.enumerated() where Double(field)?.isFinite == false {
        throw unusable(row, column, expected: "a finite number")
      }
    }
  }

  private func unusable(_ row: Int, _ column: Int, expected: String) -> UpcycleError {
    UpcycleError(
      "unusable value in the column \"\(header[column])\"", at: place(row), expected: expected,
      found: "\"\(rows[row][column].prefix(60))\"")
  }

  // MARK: Writing

  /// The whole file: comments, header, rows, each with its line break.
  public var text: String {
    (comments + [Self.line(header)] + rows.map(Self.line)).joined(separator: "\n") + "\n"
  }

  /// One line without its break, for files that grow.
  public static func line(_ fields: [String]) -> String {
    // An empty line would be skipped.
    fields == [""] ? "\"\"" : fields.map(escaped).joined(separator: ",")
  }

  private static func escaped(_ field: String) -> String {
    guard
      field.utf8.contains(where: { $0 == comma || $0 == quote || isBreak($0) })
        || field.first?.isWhitespace == true || field.last?.isWhitespace == true
        || field.unicodeScalars.first == "#" || field.unicodeScalars.first == "\u{FEFF}"
    else { return field }
    return "\"" + String(decoding: field.utf8.flatMap { $0 == quote ? [quote, quote] : [$0] }, as: UTF8.self) + "\""
  }
}

/// Records of fields one after the other; a quoted field may hold commas, quotes (doubled) and line breaks.
private struct Reader {
  struct Record {
    var fields: [String]
    var line: Int
    var isComment = false
  }

  private let bytes: [UInt8]
  private let file: String
  private var position = 0
  private var line = 1

  /// - Parameter text: in UTF-8
  init(text: Data, file: String) {
    bytes = Array(text)
    self.file = file
    if bytes.starts(with: "\u{FEFF}".utf8) { position = 3 }
  }

  private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

  private mutating func advance() -> UInt8 {
    let byte = bytes[position]
    position += 1
    // A carriage return and the line feed behind it are one break.
    if byte == lineFeed || (byte == carriageReturn && peek != lineFeed) { line += 1 }
    return byte
  }

  mutating func record() throws -> Record? {
    while peek.map(isBreak) ?? false { _ = advance() }
    guard let first = peek else { return nil }
    var record = Record(fields: [], line: line)
    if first == UInt8(ascii: "#") {
      record.isComment = true
      record.fields = [unquoted(until: isBreak)]
      return record
    }
    while true {
      while peek == blank { _ = advance() }
      record.fields.append(peek == quote ? try quoted() : unquoted { $0 == comma || isBreak($0) })
      guard let end = peek, !isBreak(end) else { return record }
      _ = advance()  // the comma
    }
  }

  private mutating func unquoted(until isEnd: (UInt8) -> Bool) -> String {
    let start = position
    while let byte = peek, !isEnd(byte) { position += 1 }
    var field = bytes[start..<position]
    while field.last == blank { field.removeLast() }
    let text = String(decoding: field, as: UTF8.self)
    let isPlain = field.allSatisfy { blank..<0x7F ~= $0 }
    return isPlain ? text : text.trimmingCharacters(in: .whitespaces)
  }

  private mutating func quoted() throws -> String {
    let start = line
    _ = advance()
    var field: [UInt8] = []
    while let byte = peek {
      _ = advance()
      if byte != quote {
        field.append(byte)
      } else if peek == quote {
        field.append(advance())
      } else {
        while peek == blank { _ = advance() }
        if let next = peek, next != comma, !isBreak(next) {
          throw UpcycleError("has text behind a closing quote", at: "\(file), line \(line)")
        }
        return String(decoding: field, as: UTF8.self)
      }
    }
    throw UpcycleError("has a quote without its end", at: "\(file), line \(start)")
  }
}

private let blank = UInt8(ascii: " ")
private let quote = UInt8(ascii: "\"")
private let comma = UInt8(ascii: ",")
private let lineFeed = UInt8(ascii: "\n")
private let carriageReturn = UInt8(ascii: "\r")
private func isBreak(_ byte: UInt8) -> Bool { byte == lineFeed || byte == carriageReturn }
