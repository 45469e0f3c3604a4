import Foundation

/// A comma-separated table: comment lines (`#`) first, then one header line, then rows of equal length.
/// Fields that hold commas, quotes or line breaks are quoted as in RFC 4180.
public struct CSV: Sendable {
  /// Lines that begin with #, as they stand.
  public var comments: [String] = []
  public var header: [String]
  /// Every row as long as the header.
  public var rows: [[String]]

  public init(header: [String], rows: [[String]] = []) {
    self.header = header
    self.rows = rows
  }

  /// Reads a file.
  /// - Throws: a failure that names the file and the row of the wrong length
  public init(contentsOf url: URL) throws { try self.init(parsing: readFile(url), file: url.path) }

  /// - Parameter file: what errors name as the place
  public init(parsing data: some Sequence<UInt8>, file: String) throws {
    let text = String(decoding: Array(data), as: UTF8.self)
    var lines = Self.records(in: text)
    while let first = lines.first, first.first?.hasPrefix("#") == true {
      comments.append(first.joined(separator: ","))
      lines.removeFirst()
    }
    guard let first = lines.first else { throw UpcycleError("holds no header line", at: file) }
    header = first
    rows = Array(lines.dropFirst())
    for (index, row) in rows.enumerated() where row.count != header.count {
      throw UpcycleError(
        "row \(index + 1) has the wrong length", at: file, expected: "\(header.count) fields",
        found: "\(row.count)")
    }
  }

  /// Splits into records of fields; a quoted field may hold commas and line breaks.
  static func records(in text: String) -> [[String]] {
    var records: [[String]] = []
    var record: [String] = []
    var field = ""
    var quoted = false
    var pending = false  // a quote seen inside a quoted field: closes it, or starts an escaped quote
    for character in text {
      if quoted && !pending {
        if character == "\"" { pending = true } else { field.append(character) }
        continue
      }
      if pending && character == "\"" {
        field.append("\"")
        pending = false
        continue
      }
      if pending { (quoted, pending) = (false, false) }
      switch character {
      case "\"" where field.isEmpty && record.first?.hasPrefix("#") != true: quoted = true
      case ",":
        record.append(field)
        field = ""
      case "\n", "\r\n":
        record.append(field)
        if record != [""] { records.append(record) }
        (record, field) = ([], "")
      default: field.append(character)
      }
    }
    record.append(field)
    if record != [""] { records.append(record) }
    return records
  }

  /// Comments, header and rows, each a line.
  public var text: String {
    var lines = comments
    for fields in [header] + rows { lines.append(fields.map(Self.escaped).joined(separator: ",")) }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func escaped(_ field: String) -> String {
    guard field.contains(where: { $0 == "," || $0 == "\"" || $0.isNewline }) else { return field }
    return "\"" + field.replacingOccurrences(of: "\"", with: "\"\"") + "\""
  }
}
