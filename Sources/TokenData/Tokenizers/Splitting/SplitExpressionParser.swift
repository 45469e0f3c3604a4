/// Reads the syntax of a `SplitExpression`.
struct SplitExpressionParser {
  /// What is wrong or not known, in a few words.
  struct Failure: Error {
    var reason: String
    init(_ reason: String) { self.reason = reason }
  }

  private static let deepestGroup = 64

  private let scalars: [Unicode.Scalar]
  private var index = 0
  private var ignoresCase = false
  private var depth = 0

  init(_ source: String) { scalars = Array(source.unicodeScalars) }

  mutating func parse() throws -> SplitExpression.Node {
    let node = try alternatives()
    if index < scalars.count { throw Failure("an unmatched ')'") }
    return node
  }

  private var next: Unicode.Scalar? { index < scalars.count ? scalars[index] : nil }

  private mutating func take(_ text: String) -> Bool {
    let wanted = Array(text.unicodeScalars)
    guard scalars[index...].starts(with: wanted) else { return false }
    index += wanted.count
    return true
  }

  private mutating func advance() throws -> Unicode.Scalar {
    guard let scalar = next else { throw Failure("an unexpected end") }
    index += 1
    return scalar
  }

  // MARK: Structure

  private mutating func alternatives() throws -> SplitExpression.Node {
    depth += 1
    defer { depth -= 1 }
    if depth > Self.deepestGroup { throw Failure("groups nested deeper than \(Self.deepestGroup)") }
    let outerCase = ignoresCase
    defer { ignoresCase = outerCase }
    var branches = [try sequence()]
    while take("|") { branches.append(try sequence()) }
    return branches.count == 1 ? branches[0] : .alternatives(branches)
  }

  private mutating func sequence() throws -> SplitExpression.Node {
    var nodes: [SplitExpression.Node] = []
    while let scalar = next, scalar != "|", scalar != ")" {
      if let node = try atom() { nodes.append(try repetition(of: node)) }
    }
    return nodes.count == 1 ? nodes[0] : .sequence(nodes)
  }

  private mutating func repetition(of node: SplitExpression.Node) throws -> SplitExpression.Node {
    let bounds: (least: Int, most: Int)
    switch next {
    case "*": bounds = (0, .max)
    case "+": bounds = (1, .max)
    case "?": bounds = (0, 1)
    case "{":
      guard let counted = try counts() else { return node }
      bounds = counted
      index -= 1  // stands on the closing brace, as on the other operators
    default: return node
    }
    index += 1
    let mode: SplitExpression.Mode = take("+") ? .possessive : take("?") ? .lazy : .greedy
    return try repetition(of: .repeated(node, least: bounds.least, most: bounds.most, mode))
  }

  /// `{3}`, `{1,3}`, `{2,}`; nil when the brace is a literal one.
  private mutating func counts() throws -> (least: Int, most: Int)? {
    guard let close = scalars[index...].firstIndex(of: "}") else { return nil }
    let inside = String(String.UnicodeScalarView(scalars[index + 1..<close]))
    let parts = inside.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    guard parts.count <= 2, let least = Int(parts[0].isEmpty && parts.count == 2 ? "0" : parts[0]) else { return nil }
    let most = parts.count == 1 ? least : parts[1].isEmpty ? Int.max : Int(parts[1]) ?? -1
    guard least >= 0, most >= least, least <= 1000, most <= 1000 || most == .max else {
      throw Failure("the repetition {\(inside)}")
    }
    index = close + 1
    return (least, most)
  }

  private mutating func atom() throws -> SplitExpression.Node? {
    switch try advance() {
    case "(": return try group()
    case "[": return .set(try characterClass())
    case ".":
      var set = ScalarSet(0x0A)
      set.negate()
      return .set(set)
    case "^": return .start
    case "$": return .end
    case "\\": return .set(try escape(inClass: false))
    case let scalar where "*+?".unicodeScalars.contains(scalar): throw Failure("a repetition of nothing")
    case let scalar: return .set(literal(scalar.value))
    }
  }

  private mutating func group() throws -> SplitExpression.Node? {
    var wrap: (SplitExpression.Node) -> SplitExpression.Node = { $0 }
    let outerCase = ignoresCase
    if take("?") {
      if take("!") {
        wrap = { .lookAhead($0, isNegative: true) }
      } else if take("=") {
        wrap = { .lookAhead($0, isNegative: false) }
      } else if take(">") {
        wrap = { .atomic($0) }
      } else if !take(":") {
        let isOff = take("-")
        guard take("i") else { throw Failure("the group '(?\(next.map(String.init) ?? "")'") }
        ignoresCase = !isOff
        if take(")") { return nil }  // (?i) holds to the end of the enclosing group
        if !take(":") { throw Failure("flags other than i") }
      }
    }
    let body = try alternatives()
    ignoresCase = outerCase
    if !take(")") { throw Failure("a group without ')'") }
    return wrap(body)
  }

  // MARK: Characters

  private func literal(_ value: UInt32) -> ScalarSet {
    var set = ScalarSet(value)
    if ignoresCase { addOtherCases(of: value, to: &set) }
    return set
  }

  private func addOtherCases(of value: UInt32, to set: inout ScalarSet) {
    guard let scalar = Unicode.Scalar(value) else { return }
    let properties = scalar.properties
    for mapped in [properties.lowercaseMapping, properties.uppercaseMapping] where mapped.unicodeScalars.count == 1 {
      let other = mapped.unicodeScalars.first!.value
      set.add(other...other)
    }
    // The long s and the Kelvin sign fold to letters of ASCII.
    if value | 0x20 == 0x73 { set.add(0x17F...0x17F) }
    if value | 0x20 == 0x6B { set.add(0x212A...0x212A) }
  }

  private mutating func escape(inClass: Bool) throws -> ScalarSet {
    var set = ScalarSet()
    let scalar = try advance()
    switch scalar {
    case "s", "S": set.addSpaces(negated: scalar == "S")
    case "d": _ = set.addCategory("Nd", negated: false)
    case "D": _ = set.addCategory("Nd", negated: true)
    case "w": set.addCategories(ScalarSet.wordCategories)
    case "W": set.addCategories(~ScalarSet.wordCategories)
    case "p", "P":
      var name = String(try advance())
      if name == "{" {
        guard let close = scalars[index...].firstIndex(of: "}") else { throw Failure("\\p{ without }") }
        name = String(String.UnicodeScalarView(scalars[index..<close]))
        index = close + 1
      }
      let isInverted = name.hasPrefix("^")
      guard set.addCategory(isInverted ? String(name.dropFirst()) : name, negated: (scalar == "P") != isInverted) else {
        throw Failure("the property \\p{\(name)}")
      }
    default:
      guard let value = try escapedValue(scalar) else { throw Failure("the escape \\\(scalar)") }
      return inClass ? ScalarSet(value) : literal(value)
    }
    return set
  }

  /// The scalar that an escape stands for; nil for one that is not known.
  private mutating func escapedValue(_ scalar: Unicode.Scalar) throws -> UInt32? {
    switch scalar {
    case "n": return 10
    case "r": return 13
    case "t": return 9
    case "f": return 12
    case "v": return 11
    case "a": return 7
    case "e": return 27
    case "0": return 0
    case "x", "u":
      var digits = ""
      if take("{") {
        while let digit = next, digit != "}" { digits.unicodeScalars.append(try advance()) }
        if !take("}") { throw Failure("\\\(scalar){ without }") }
      } else {
        for _ in 0..<(scalar == "x" ? 2 : 4) { digits.unicodeScalars.append(try advance()) }
      }
      return UInt32(digits, radix: 16)
    default:
      let isWord = scalar.properties.isAlphabetic || ("0"..."9").contains(scalar)
      return isWord ? nil : scalar.value
    }
  }

  private mutating func characterClass() throws -> ScalarSet {
    depth += 1
    defer { depth -= 1 }
    if depth > Self.deepestGroup { throw Failure("classes nested deeper than \(Self.deepestGroup)") }
    let isNegated = take("^")
    var set = ScalarSet()
    var isFirst = true
    while true {
      let scalar = try advance()
      if scalar == "]", !isFirst { break }
      isFirst = false
      if scalar == "&", next == "&" { throw Failure("an intersection of classes") }
      if scalar == "[" {
        if next == ":" { throw Failure("a POSIX class") }
        if !set.formUnion(try characterClass()) { throw Failure("a negated class inside a class") }
        continue
      }
      if scalar == "\\", let kind = next, "sSdDwWpP".unicodeScalars.contains(kind) {
        _ = set.formUnion(try escape(inClass: true))
        continue
      }
      let low = try classValue(scalar)
      var high = low
      if next == "-", index + 1 < scalars.count, scalars[index + 1] != "]" {
        index += 1
        high = try classValue(try advance())
      }
      guard low <= high else { throw Failure("a range that runs backwards") }
      set.add(low...high)
      if ignoresCase, high - low < 256 { for value in low...high { addOtherCases(of: value, to: &set) } }
    }
    if isNegated { set.negate() }
    return set
  }

  private mutating func classValue(_ scalar: Unicode.Scalar) throws -> UInt32 {
    if scalar != "\\" { return scalar.value }
    let escaped = try advance()
    guard let value = try escapedValue(escaped) else { throw Failure("the escape \\\(escaped)") }
    return value
  }
}
