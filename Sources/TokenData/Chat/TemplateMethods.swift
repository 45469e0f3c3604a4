import Foundation

/// Methods of texts, lists and dictionaries, as Python has them; none changes its object.
enum TemplateMethods {
  static let ofTexts: Set<String> = [
    "capitalize", "count", "endswith", "find", "format", "index", "isalnum", "isalpha", "isdigit", "islower", "isspace",
    "isupper", "join", "lower", "lstrip", "removeprefix", "removesuffix", "replace", "rfind", "rsplit", "rstrip",
    "split",
    "splitlines", "startswith", "strip", "title", "upper",
  ]
  static let ofLists: Set<String> = ["count", "index"]
  static let ofDictionaries: Set<String> = ["get", "items", "keys", "values"]

  static func call(_ name: String, of object: TemplateValue, _ arguments: TemplateCall, _ line: Int) throws
    -> TemplateValue
  {
    switch object {
    case .string(let text): return try call(name, ofText: text, arguments, line)
    case .dictionary(let dictionary):
      switch name {
      case "items": return .list(dictionary.entries.map { .list([.string($0.key), $0.value]) })
      case "keys": return .list(dictionary.keys.map { .string($0) })
      case "values": return .list(dictionary.entries.map(\.value))
      default:
        guard let key = arguments.value(0, "key") else { throw TemplateError(what: "get takes a key", line: line) }
        return dictionary[key.text] ?? arguments.value(1, "default") ?? .none
      }
    case .list(let items):
      guard let wanted = arguments.value(0, "value") else {
        throw TemplateError(what: "\(name) takes a value", line: line)
      }
      if name == "count" { return .int(items.filter { $0.equals(wanted) }.count) }
      guard let place = items.firstIndex(where: { $0.equals(wanted) }) else {
        throw TemplateError(what: "the value of index() is not in the list", line: line)
      }
      return .int(place)
    default: throw TemplateError(what: "a \(object.typeName) has no method '\(name)'", line: line)
    }
  }

  // MARK: Texts

  private static func call(_ name: String, ofText text: String, _ arguments: TemplateCall, _ line: Int) throws
    -> TemplateValue
  {
    func string(_ index: Int, _ label: String) throws -> String {
      guard case .string(let value)? = arguments.value(index, label) else {
        throw TemplateError(what: "\(name) takes a text", line: line)
      }
      return value
    }
    func optional(_ index: Int, _ label: String) -> String? {
      if case .string(let value)? = arguments.value(index, label) { return value } else { return nil }
    }
    /// What the arguments `start` and `end` leave of the text, and where it begins; nil: nothing, not even an empty text.
    func part() -> (text: String, start: Int)? {
      let scalars = Array(text.unicodeScalars)
      func place(_ index: Int, _ name: String, _ absent: Int) -> Int {
        guard let place = arguments.value(index, name)?.integer else { return absent }
        return max(0, place < 0 ? scalars.count + max(place, -scalars.count) : place)
      }
      let (start, end) = (place(1, "start", 0), min(place(2, "end", scalars.count), scalars.count))
      if start > end { return nil }
      var view = String.UnicodeScalarView()
      view.append(contentsOf: scalars[start..<end])
      return (String(view), start)
    }
    /// One text or a list of them.
    func anyOf(_ matches: (String, String) -> Bool) throws -> Bool {
      guard let part = part()?.text else { return false }
      if case .list(let items)? = arguments.positional.first { return items.contains { matches(part, $0.text) } }
      return matches(part, try string(0, "prefix"))
    }
    func all(_ isMember: (Unicode.Scalar) -> Bool) -> TemplateValue {
      .bool(!text.isEmpty && text.unicodeScalars.allSatisfy(isMember))
    }
    let limit = arguments.value(1, "maxsplit")?.integer ?? -1
    switch name {
    case "strip": return .string(stripped(text, optional(0, "chars"), left: true, right: true))
    case "lstrip": return .string(stripped(text, optional(0, "chars"), left: true, right: false))
    case "rstrip": return .string(stripped(text, optional(0, "chars"), left: false, right: true))
    case "lower": return .string(text.lowercased())
    case "upper": return .string(text.uppercased())
    case "capitalize": return .string(capitalized(text))
    case "title": return .string(titled(text))
    case "startswith": return .bool(try anyOf { $0.utf8.starts(with: $1.utf8) })
    case "endswith": return .bool(try anyOf { $0.utf8.reversed().starts(with: $1.utf8.reversed()) })
    case "removeprefix":
      let prefix = try string(0, "prefix")
      return .string(text.utf8.starts(with: prefix.utf8) ? decoded(text.utf8.dropFirst(prefix.utf8.count)) : text)
    case "removesuffix":
      let suffix = try string(0, "suffix")
      let ends = !suffix.isEmpty && text.utf8.reversed().starts(with: suffix.utf8.reversed())
      return .string(ends ? decoded(text.utf8.dropLast(suffix.utf8.count)) : text)
    case "replace":
      return .string(
        try replaced(
          text, try string(0, "old"), try string(1, "new"), count: arguments.value(2, "count")?.integer ?? -1, line))
    case "split": return .list(split(text, optional(0, "sep"), limit: limit).map { .string($0) })
    case "rsplit": return .list(splitFromRight(text, optional(0, "sep"), limit: limit).map { .string($0) })
    case "splitlines":
      let keeps = arguments.value(0, "keepends")?.isTrue ?? false
      return .list(lines(text, keepingEnds: keeps).map { .string($0) })
    case "join": return .string(try joined(arguments.value(0, "iterable") ?? .none, by: text, line))
    case "count":
      let wanted = try string(0, "sub")
      guard let part = part()?.text else { return .int(0) }
      return .int(wanted.isEmpty ? part.unicodeScalars.count + 1 : split(part, wanted, limit: -1).count - 1)
    case "find", "index", "rfind":
      let wanted = Array(try string(0, "sub").utf8)
      let found = part().flatMap { part -> Int? in
        let bytes = Array(part.text.utf8)
        let place = name == "rfind" ? findLast(wanted, in: bytes) : find(wanted, in: bytes)
        return place.map { part.start + decoded(bytes[..<$0]).unicodeScalars.count }
      }
      if found == nil && name == "index" { throw TemplateError(what: "the text of index() is not there", line: line) }
      return .int(found ?? -1)
    case "isdigit": return all { $0.properties.numericType == .decimal || $0.properties.numericType == .digit }
    case "isalpha": return all { $0.properties.generalCategory.isLetter }
    case "isalnum": return all(isAlphanumeric)
    case "isspace": return all(isSpace)
    case "islower": return .bool(isLower(text))
    case "isupper": return .bool(isUpper(text))
    case "format": return .string(try braces(text, arguments, line))
    default: throw TemplateError(what: "a text has no method '\(name)'", line: line)
    }
  }

  static func isLower(_ text: String) -> Bool { same(text.lowercased(), text) && !same(text.uppercased(), text) }
  static func isUpper(_ text: String) -> Bool { same(text.uppercased(), text) && !same(text.lowercased(), text) }

  static func isAlphanumeric(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.generalCategory.isLetter || scalar.properties.numericType != nil
  }

  private static func decoded(_ bytes: some Collection<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }

  static func isSpace(_ scalar: Unicode.Scalar) -> Bool { scalar.isPythonSpace }

  static func stripped(_ text: String, _ characters: String?, left: Bool, right: Bool) -> String {
    let members = characters.map { Set($0.unicodeScalars) }
    func goes(_ scalar: Unicode.Scalar) -> Bool { members?.contains(scalar) ?? isSpace(scalar) }
    var scalars = text.unicodeScalars[...]
    if left { scalars = scalars.drop(while: goes) }
    if right { while let last = scalars.last, goes(last) { scalars.removeLast() } }
    return String(scalars)
  }

  static func capitalized(_ text: String) -> String {
    guard let first = text.unicodeScalars.first else { return "" }
    return first.properties.titlecaseMapping + String(text.unicodeScalars.dropFirst()).lowercased()
  }

  static func titled(_ text: String) -> String {
    var out = ""
    var inWord = false
    for scalar in text.unicodeScalars {
      let isLetter = scalar.properties.isCased
      out +=
        !isLetter ? String(scalar) : inWord ? scalar.properties.lowercaseMapping : scalar.properties.titlecaseMapping
      inWord = isLetter
    }
    return out
  }

  static func find(_ wanted: [UInt8], in text: [UInt8], from start: Int = 0) -> Int? {
    if wanted.isEmpty { return start }
    var index = start
    while index + wanted.count <= text.count {
      if text[index] == wanted[0], text[index..<index + wanted.count].elementsEqual(wanted) { return index }
      index += 1
    }
    return nil
  }

  private static func findLast(_ wanted: [UInt8], in text: [UInt8]) -> Int? {
    if wanted.isEmpty { return text.count }
    var place = find(wanted, in: text)
    while let current = place, let next = find(wanted, in: text, from: current + 1), next != current { place = next }
    return place
  }

  static func replaced(_ text: String, _ old: String, _ new: String, count: Int, _ line: Int) throws -> String {
    if old.isEmpty { return text }
    return try joined(split(text, old, limit: count), new, line)
  }

  static func joined(_ parts: [String], _ separator: String, _ line: Int) throws -> String {
    try requireShort(separator.utf8.count, times: parts.count, line)
    try requireShort(parts.reduce(0) { $0 + $1.utf8.count }, times: 1, line)
    return parts.joined(separator: separator)
  }

  /// Texts that a template makes stay within 64 MB.
  static func requireShort(_ bytes: Int, times: Int, _ line: Int) throws {
    let (product, overflows) = bytes.multipliedReportingOverflow(by: times)
    if overflows || product > 1 << 26 { throw TemplateError(what: "a text that is too long", line: line) }
  }

  /// - Parameter separator: nil for runs of white space, the ends of the text dropped.
  static func split(_ text: String, _ separator: String?, limit: Int) -> [String] {
    guard let separator else {
      var words: [String] = []
      var rest = text.unicodeScalars.drop(while: isSpace)
      while !rest.isEmpty {
        if words.count == limit {
          words.append(stripped(String(rest), nil, left: false, right: true))
          break
        }
        words.append(String(rest.prefix { !isSpace($0) }))
        rest = rest.drop { !isSpace($0) }.drop(while: isSpace)
      }
      return words
    }
    let (bytes, wanted) = (Array(text.utf8), Array(separator.utf8))
    if wanted.isEmpty { return [text] }
    var parts: [String] = []
    var start = 0
    while limit < 0 || parts.count < limit, let place = find(wanted, in: bytes, from: start) {
      parts.append(decoded(bytes[start..<place]))
      start = place + wanted.count
    }
    return parts + [decoded(bytes[start...])]
  }

  private static func splitFromRight(_ text: String, _ separator: String?, limit: Int) -> [String] {
    let parts = split(text, separator, limit: -1)
    guard limit >= 0, parts.count - 1 > limit else { return parts }
    guard let separator else {
      // The white space of what stays together stays.
      var rest = text.unicodeScalars[...]
      func dropEnd(while isDropped: (Unicode.Scalar) -> Bool) {
        while let last = rest.last, isDropped(last) { rest.removeLast() }
      }
      dropEnd(while: isSpace)
      for _ in 0..<limit {
        dropEnd { !isSpace($0) }
        dropEnd(while: isSpace)
      }
      return [String(rest)] + parts.suffix(limit)
    }
    return [parts.dropLast(limit).joined(separator: separator)] + parts.suffix(limit)
  }

  /// `str.splitlines`.
  static func lines(_ text: String, keepingEnds keeps: Bool = false) -> [String] {
    var lines: [String] = []
    var line = String.UnicodeScalarView()
    var scalars = text.unicodeScalars[...]
    while let scalar = scalars.popFirst() {
      switch scalar.value {
      case 0x0A...0x0D, 0x1C...0x1E, 0x85, 0x2028, 0x2029:
        if keeps { line.append(scalar) }
        if scalar == "\r", scalars.first == "\n" {
          scalars.removeFirst()
          if keeps { line.append("\n") }
        }
        lines.append(String(line))
        line = String.UnicodeScalarView()
      default: line.append(scalar)
      }
    }
    return line.isEmpty ? lines : lines + [String(line)]
  }

  static func joined(_ value: TemplateValue, by separator: String, _ line: Int) throws -> String {
    let items = try TemplateInterpreter(variables: [:], now: .distantPast).items(of: value, line)
    return try joined(items.map(\.text), separator, line)
  }

  /// `"%s is %03d, %.2f" % values`: %s, %d, %i and %f with a width, which `-` fills on the right and `0` with zeros,
  /// and the decimals of %f.
  static func formatted(_ format: String, _ value: TemplateValue, _ line: Int) throws -> String {
    var values: [TemplateValue]
    if case .list(let items) = value { values = items } else { values = [value] }
    var out = ""
    var rest = Substring(format)
    func run(of isMember: (Character) -> Bool) -> String {
      let run = rest.prefix(while: isMember)
      rest = rest[run.endIndex...]
      return String(run)
    }
    func number() throws -> Int? {
      let digits = run { $0.isASCII && $0.isNumber }
      if digits.isEmpty { return nil }
      guard let number = Int(digits), number <= 1000 else {
        throw TemplateError(what: "a format wider than 1000", line: line)
      }
      return number
    }
    while let place = rest.firstIndex(of: "%") {
      out += rest[..<place]
      rest = rest[rest.index(after: place)...]
      let flags = run { $0 == "-" || $0 == "0" }
      let width = try number() ?? 0
      var decimals: Int?
      if rest.first == "." {
        rest.removeFirst()
        decimals = try number() ?? 0
      }
      guard let kind = rest.popFirst() else { throw TemplateError(what: "a format that ends in %", line: line) }
      if kind == "%" {
        out += "%"
        continue
      }
      guard !values.isEmpty else { throw TemplateError(what: "too few values for a format", line: line) }
      let value = values.removeFirst()
      let text: String
      switch (kind, value.number) {
      case ("s", _) where decimals == nil: text = value.text
      case ("d", let number?) where decimals == nil, ("i", let number?) where decimals == nil:
        guard let whole = value.integer ?? Int(exactly: number.rounded(.towardZero)) else {
          throw TemplateError(what: "%\(kind) of a number that is too large", line: line)
        }
        text = "\(whole)"
      case ("f", let number?): text = String(format: "%.\(decimals ?? 6)f", number)
      default: throw TemplateError(what: "the format %\(kind) is not known for a \(value.typeName)", line: line)
      }
      out += padded(text, to: width, flags, isNumber: kind != "s")
    }
    return out + rest
  }

  /// A value of a format in its width.
  private static func padded(_ text: String, to width: Int, _ flags: String, isNumber: Bool) -> String {
    let gap = max(0, width - text.unicodeScalars.count)
    if flags.contains("-") { return text + String(repeating: " ", count: gap) }
    if !isNumber || !flags.contains("0") { return String(repeating: " ", count: gap) + text }
    let sign = text.hasPrefix("-") ? "-" : ""
    return sign + String(repeating: "0", count: gap) + String(text.dropFirst(sign.count))
  }

  /// `"{} and {name}".format(…)`, without format specifications.
  private static func braces(_ format: String, _ arguments: TemplateCall, _ line: Int) throws -> String {
    var out = ""
    var next = 0
    var rest = Substring(format)
    while let brace = rest.firstIndex(where: { $0 == "{" || $0 == "}" }) {
      out += rest[..<brace]
      let after = rest.index(after: brace)
      if after < rest.endIndex, rest[after] == rest[brace] {
        out.append(rest[brace])
        rest = rest[rest.index(after: after)...]
        continue
      }
      guard rest[brace] == "{", let close = rest.firstIndex(of: "}") else {
        throw TemplateError(what: "an unmatched brace in format()", line: line)
      }
      let name = String(rest[after..<close])
      guard let value = arguments.value(Int(name) ?? (name.isEmpty ? next : .max), name) else {
        throw TemplateError(what: "format() has no value for {\(name)}", line: line)
      }
      if name.isEmpty { next += 1 }
      out += value.text
      rest = rest[rest.index(after: close)...]
    }
    return out + rest
  }
}

extension Unicode.GeneralCategory {
  fileprivate var isLetter: Bool {
    switch self {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: return true
    default: return false
    }
  }
}
