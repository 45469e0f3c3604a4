/// Writes a pattern of Python's `re` in the syntax of ICU, which Foundation runs. What the two read differently is
/// spelled out: flags at every atom, classes as sets of scalars, lines and words by what stands beside them.
struct PatternTranslation {
  /// The pattern is none of Python's, or uses what is not known here.
  struct Refusal: Error {}

  /// Any scalar.
  static let any = #"[\x{0}-\x{10FFFF}]"#

  private struct Flags {
    var ignoresCase = false
    var isMultiline = false
    var dotTakesAll = false
    var isVerbose = false
    var isASCII = false
  }

  private var rest: ArraySlice<Unicode.Scalar>
  private var flags = Flags()
  /// Flags outside of the groups that are open.
  private var outer: [Flags] = []
  private var groups = 0
  private var names: [String: Int] = [:]
  /// What comes last can be repeated.
  private var isRepeatable = false
  private var out = ""
  /// Groups that will stand before the pattern's own.
  private let groupsBefore: Int

  /// - Parameter groupsBefore: capturing groups that the caller puts before the pattern
  static func icu(_ pattern: String, groupsBefore: Int) throws -> String {
    var translation = PatternTranslation(pattern, groupsBefore)
    try translation.run()
    return translation.out
  }

  private init(_ pattern: String, _ groupsBefore: Int) {
    rest = Array(pattern.unicodeScalars)[...]
    self.groupsBefore = groupsBefore
  }

  private mutating func run() throws {
    while let scalar = rest.popFirst() {
      if flags.isVerbose {
        if Self.isBlank(scalar) { continue }
        if scalar == "#" {
          rest = rest.drop { $0 != "\n" }
          continue
        }
      }
      switch scalar {
      case "\\": try escape()
      case "[": atom(try set())
      case ".": atom(flags.dotTakesAll ? Self.any : #"[^\x{A}]"#)
      case "^": assertion(flags.isMultiline ? #"(?:(?<=\x{A})|\A)"# : #"\A"#)
      case "$": assertion(flags.isMultiline ? #"(?=\x{A}|\z)"# : #"(?=\x{A}?\z)"#)
      case "(": try open()
      case ")":
        guard let outside = outer.popLast() else { throw Refusal() }
        flags = outside
        out += ")"
        isRepeatable = true
      case "|": assertion("|")
      case "*", "+", "?": try repeats(String(scalar))
      case "{":
        if let count = try count() { try repeats(count) } else { literal(scalar) }
      default: literal(scalar)
      }
    }
    if !outer.isEmpty { throw Refusal() }
  }

  // MARK: Writing

  private mutating func atom(_ text: String) {
    out += flags.ignoresCase ? "(?i:\(text))" : text
    isRepeatable = true
  }

  /// What takes no text and cannot be repeated.
  private mutating func assertion(_ text: String) {
    out += text
    isRepeatable = false
  }

  /// Alone in a set a scalar is never equal to several, as "ß" is to "ss".
  private mutating func literal(_ scalar: Unicode.Scalar) {
    atom(flags.ignoresCase ? "[\(Self.text(scalar))]" : Self.text(scalar))
  }

  private mutating func backreference(_ number: Int) throws {
    guard number <= groups else { throw Refusal() }
    atom("(?:\\\(number + groupsBefore))")
  }

  private mutating func repeats(_ quantifier: String) throws {
    guard isRepeatable else { throw Refusal() }
    assertion(quantifier)
    if take("?") { out += "?" } else if take("+") { out += "+" }
  }

  private static func text(_ scalar: Unicode.Scalar) -> String { "\\x{\(String(scalar.value, radix: 16))}" }

  // MARK: Reading

  private static func isBlank(_ scalar: Unicode.Scalar) -> Bool { scalar == " " || 9...13 ~= scalar.value }
  private static func isOctal(_ scalar: Unicode.Scalar) -> Bool { "0"..."7" ~= scalar }
  private static func isDigit(_ scalar: Unicode.Scalar) -> Bool { "0"..."9" ~= scalar }

  private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    if rest.first != scalar { return false }
    rest.removeFirst()
    return true
  }

  private mutating func next() throws -> Unicode.Scalar {
    guard let scalar = rest.popFirst() else { throw Refusal() }
    return scalar
  }

  /// The scalars of a kind that come next.
  private mutating func run(of isMember: (Unicode.Scalar) -> Bool, atMost limit: Int = .max) -> String {
    let run = rest.prefix(limit).prefix(while: isMember)
    rest = rest[run.endIndex...]
    return String(String.UnicodeScalarView(run))
  }

  private mutating func text(upTo end: Unicode.Scalar) throws -> String {
    let text = run(of: { $0 != end })
    guard take(end), !text.isEmpty else { throw Refusal() }
    return text
  }

  /// `{2,5}` behind its bracket; nil, with nothing read, where the bracket stands for itself.
  private mutating func count() throws -> String? {
    let start = rest
    let low = run(of: Self.isDigit)
    let hasComma = take(",")
    let high = hasComma ? run(of: Self.isDigit) : low
    guard take("}"), hasComma || !low.isEmpty else {
      rest = start
      return nil
    }
    guard let least = low.isEmpty ? 0 : Int(low) else { throw Refusal() }
    if high.isEmpty { return "{\(least),}" }
    guard let most = Int(high), most >= least else { throw Refusal() }
    return "{\(least),\(most)}"
  }

  /// Behind an opening bracket.
  private mutating func open() throws {
    let outside = flags
    var head = "("
    if take("?") {
      let kind = try next()
      switch kind {
      case "P":
        if take("=") { return try backreference(names[text(upTo: ")")] ?? .max) }
        guard take("<") else { throw Refusal() }
        groups += 1
        guard names.updateValue(groups, forKey: try text(upTo: ">")) == nil else { throw Refusal() }
      case "#":
        rest = rest.drop { $0 != ")" }
        _ = try next()
        return
      case ":", "=", "!", ">": head += "?\(kind)"
      case "<":
        let sign = try next()
        guard sign == "=" || sign == "!" else { throw Refusal() }
        head += "?<\(sign)"
      default:
        guard try readFlags(kind) else { return }
        head += "?:"
      }
    } else {
      groups += 1
    }
    outer.append(outside)
    assertion(head)
  }

  /// - Returns: whether they are of a group, and not of the whole pattern, at whose start they must stand
  private mutating func readFlags(_ first: Unicode.Scalar) throws -> Bool {
    var scalar = first
    var isOn = true
    while true {
      switch scalar {
      case "i": flags.ignoresCase = isOn
      case "m": flags.isMultiline = isOn
      case "s": flags.dotTakesAll = isOn
      case "x": flags.isVerbose = isOn
      case "a" where isOn: flags.isASCII = true
      case "u" where isOn: flags.isASCII = false
      case "-" where isOn: isOn = false
      case ":": return true
      case ")" where isOn && out.isEmpty: return false
      default: throw Refusal()
      }
      scalar = try next()
    }
  }

  // MARK: Classes and escapes

  /// Behind a backslash.
  private mutating func escape() throws {
    let scalar = try next()
    switch scalar {
    case "A": assertion(#"\A"#)
    case "Z": assertion(#"\z"#)
    case "b", "B":
      let word = category("w")
      let (here, elsewhere) = scalar == "b" ? ("!", "=") : ("=", "!")
      assertion("(?:(?<=\(word))(?\(here)\(word))|(?<!\(word))(?\(elsewhere)\(word)))")
    case "d", "D", "s", "S", "w", "W":
      out += category(scalar)
      isRepeatable = true
    case "1"..."9":
      var digits = String(scalar) + run(of: Self.isDigit, atMost: 1)
      if digits.utf8.count == 2, digits.unicodeScalars.allSatisfy(Self.isOctal), rest.first.map(Self.isOctal) == true {
        digits += run(of: Self.isOctal, atMost: 1)
        return literal(try Self.scalar(digits, radix: 8))
      }
      try backreference(Int(digits) ?? .max)
    default: literal(try character(scalar))
    }
  }

  private static func scalar(_ digits: String, radix: Int) throws -> Unicode.Scalar {
    guard let value = UInt32(digits, radix: radix), let scalar = Unicode.Scalar(value), radix != 8 || value < 0x100
    else { throw Refusal() }
    return scalar
  }

  /// What an escape stands for, inside and outside of classes.
  private mutating func character(_ scalar: Unicode.Scalar) throws -> Unicode.Scalar {
    switch scalar {
    case "a": return "\u{7}"
    case "f": return "\u{C}"
    case "n": return "\n"
    case "r": return "\r"
    case "t": return "\t"
    case "v": return "\u{B}"
    case "0": return try Self.scalar("0" + run(of: Self.isOctal, atMost: 2), radix: 8)
    case "x", "u", "U":
      let length = scalar == "x" ? 2 : scalar == "u" ? 4 : 8
      let digits = run(of: { $0.properties.isASCIIHexDigit }, atMost: length)
      guard digits.utf8.count == length else { throw Refusal() }
      return try Self.scalar(digits, radix: 16)
    case "A"..."Z", "a"..."z", "0"..."9": throw Refusal()
    default: return scalar
    }
  }

  /// `\d`, `\s`, `\w` as a set; in upper case what is none of it.
  private func category(_ name: Unicode.Scalar) -> String {
    let members: String
    switch name {
    case "d", "D": members = flags.isASCII ? "0-9" : #"\p{Nd}"#
    case "s", "S":
      members =
        flags.isASCII
        ? #"\x{9}-\x{D}\x{20}"#
        : #"\x{9}-\x{D}\x{1C}-\x{20}\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}"#
          + #"\x{3000}"#
    // `str.isalnum`: letters and whatever has a number's value.
    default: members = flags.isASCII ? "A-Za-z0-9_" : #"\p{L}\P{nt=None}_"#
    }
    return "[" + ("A"..."Z" ~= name ? "^" : "") + members + "]"
  }

  /// Behind an opening square bracket.
  private mutating func set() throws -> String {
    var text = take("^") ? "[^" : "["
    var isEmpty = true
    while true {
      let scalar = try next()
      if scalar == "]", !isEmpty { return text + "]" }
      isEmpty = false
      guard let low = try member(scalar, &text) else {
        if rest.first == "-", rest.dropFirst().first != "]" { throw Refusal() }
        continue
      }
      guard rest.first == "-", rest.dropFirst().first != "]" else {
        text += Self.text(low)
        continue
      }
      rest.removeFirst()
      guard let high = try member(next(), &text), low <= high else { throw Refusal() }
      text += Self.text(low) + "-" + Self.text(high)
    }
  }

  /// A scalar of a set; nil for a category, which is written.
  private mutating func member(_ scalar: Unicode.Scalar, _ text: inout String) throws -> Unicode.Scalar? {
    if scalar != "\\" { return scalar }
    let escaped = try next()
    switch escaped {
    case "d", "D", "s", "S", "w", "W":
      text += category(escaped)
      return nil
    case "b": return "\u{8}"
    case "1"..."7": return try Self.scalar(String(escaped) + run(of: Self.isOctal, atMost: 2), radix: 8)
    default: return try character(escaped)
    }
  }
}
