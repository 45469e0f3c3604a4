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
    guard let text = String(validating: data, as: UTF8.self) else {
      throw UpcycleError("is not UTF-8 text", at: file)
    }
    var reader = Reader(text: text, file: file)
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
  public static func line(_ fields: [String]) -> String { fields.map(escaped).joined(separator: ",") }

  private static func escaped(_ field: String) -> String {
    guard
      field.contains(where: { $0 == "," || $0 == "\"" || $0.isNewline })
        || field.first == " " || field.last == " "
    else { return field }
    return "\"" + field.replacingOccurrences(of: "\"", with: "\"\"") + "\""
  }
}

/// Records of fields one after the other; a quoted field may hold commas, quotes (doubled) and line breaks.
private struct Reader {
  struct Record {
    var fields: [String]
    var line: Int
    var isComment = false
  }

  let text: String
  let file: String
  private var position: String.Index
  private var line = 1

  init(text: String, file: String) {
    self.text = text
    self.file = file
    position = text.startIndex
    if text.first == "\u{FEFF}" { position = text.index(after: position) }
  }

  private var peek: Character? { position < text.endIndex ? text[position] : nil }

  private mutating func advance() -> Character {
    let character = text[position]
    position = text.index(after: position)
    if isBreak(character) { line += 1 }
    return character
  }

  mutating func record() throws -> Record? {
    while peek.map(isBreak) ?? false { _ = advance() }
    guard let first = peek else { return nil }
    var record = Record(fields: [], line: line)
    if first == "#" {
      record.isComment = true
      record.fields = [unquoted(until: isBreak)]
      return record
    }
    while true {
      while peek == " " { _ = advance() }
      record.fields.append(peek == "\"" ? try quoted() : unquoted { $0 == "," || isBreak($0) })
      guard let end = peek, !isBreak(end) else { return record }
      _ = advance()  // the comma
    }
  }

  private mutating func unquoted(until isEnd: (Character) -> Bool) -> String {
    let start = position
    while let character = peek, !isEnd(character) { position = text.index(after: position) }
    return text[start..<position].trimmingCharacters(in: .whitespaces)
  }

  private mutating func quoted() throws -> String {
    let start = line
    _ = advance()
    var field = ""
    while let character = peek {
      _ = advance()
      if character != "\"" {
        field.append(character)
      } else if peek == "\"" {
        field.append(advance())
      } else {
        while peek == " " { _ = advance() }
        if let next = peek, next != ",", !isBreak(next) {
          throw UpcycleError("has text behind a closing quote", at: "\(file), line \(line)")
        }
        return field
      }
    }
    throw UpcycleError("has a quote without its end", at: "\(file), line \(start)")
  }
}

private func isBreak(_ character: Character) -> Bool { ["\n", "\r\n", "\r"].contains(character) }
