import Groundwork

/// Arithmetic over named numbers: `+ - * /`, parentheses, and `abs min max mean round` of a list.
/// Experiment files use it for parameters (`= budget * unit_tokens`) and for claims (`fixed - random`).
struct Expression: Sendable {
  indirect enum Node: Sendable {
    case number(Double)
    case name(String)
    case binary(Character, Node, Node)
    case call(String, [Node])
  }

  let source: String
  let root: Node

  init(_ source: String) throws {
    self.source = source
    var parser = Parser(source: source)
    root = try parser.parse()
  }

  /// Every name the expression needs, sorted.
  var names: [String] {
    func walk(_ node: Node) -> Set<String> {
      switch node {
      case .number: []
      case .name(let name): [name]
      case .binary(_, let left, let right): walk(left).union(walk(right))
      case .call(_, let items): items.reduce(into: []) { $0.formUnion(walk($1)) }
      }
    }
    return walk(root).sorted()
  }

  /// The functions it calls.
  var functions: Set<String> {
    func walk(_ node: Node) -> Set<String> {
      switch node {
      case .number, .name: []
      case .binary(_, let left, let right): walk(left).union(walk(right))
      case .call(let name, let items): items.reduce(into: [name]) { $0.formUnion(walk($1)) }
      }
    }
    return walk(root)
  }

  /// The expression as text with its names replaced.
  func described(_ name: (String) -> String) -> String {
    var result = ""
    var word = ""
    for character in source + " " {
      if character.isLetter || character == "_" || (!word.isEmpty && (character.isNumber || character == ".")) {
        word.append(character)
        continue
      }
      if !word.isEmpty { result += names.contains(word) ? name(word) : word }
      word = ""
      result.append(character)
    }
    return String(result.dropLast())
  }

  func evaluate(_ value: (String) throws -> Double) throws -> Double { try dual(by: nil, value).value }

  /// The derivative by one of its names, exact.
  func derivative(by name: String, _ value: (String) throws -> Double) throws -> Double {
    try dual(by: name, value).slope
  }

  private func dual(
    by variable: String?, _ value: (String) throws -> Double
  ) throws -> (value: Double, slope: Double) {
    func walk(_ node: Node) throws -> (value: Double, slope: Double) {
      switch node {
      case .number(let number): return (number, 0)
      case .name(let name): return (try value(name), name == variable ? 1 : 0)
      case .binary(let sign, let left, let right):
        let (a, b) = (try walk(left), try walk(right))
        switch sign {
        case "+": return (a.value + b.value, a.slope + b.slope)
        case "-": return (a.value - b.value, a.slope - b.slope)
        case "*": return (a.value * b.value, a.slope * b.value + a.value * b.slope)
        default:
          let quotient = a.value / b.value
          return (quotient, (a.slope - quotient * b.slope) / b.value)
        }
      case .call(let name, let items):
        let found = try items.map(walk)
        switch name {
        case "abs": return found[0].value < 0 ? (-found[0].value, -found[0].slope) : found[0]
        case "round": return (found[0].value.rounded(), 0)
        case "min": return found.min { $0.value < $1.value }!
        case "max": return found.max { $0.value < $1.value }!
        default:
          let count = Double(found.count)
          return (found.reduce(0) { $0 + $1.value } / count, found.reduce(0) { $0 + $1.slope } / count)
        }
      }
    }
    return try walk(root)
  }
}

/// Recursive descent: sum of products of signed atoms. Depth and size are bounded, since parsing and evaluating take a
/// piece of the stack for each.
private struct Parser {
  let source: String
  private var rest: Substring
  private var depth = 0
  private var size = 0
  private static let functions = ["abs", "max", "mean", "min", "round"]
  private static let (deepest, largest) = (100, 500)

  init(source: String) {
    self.source = source
    rest = Substring(source)
  }

  mutating func parse() throws -> Expression.Node {
    let node = try sum()
    if peek() != nil { throw failure("ends too late") }
    return node
  }

  private func failure(_ what: String) -> UpcycleError {
    func short(_ text: some StringProtocol) -> String { text.count <= 80 ? "\"\(text)\"" : "\"\(text.prefix(80))…\"" }
    return UpcycleError("the expression \(short(source)) \(what)", found: rest.isEmpty ? "its end" : short(rest))
  }

  private mutating func peek() -> Character? {
    rest = rest.drop { $0 == " " }
    return rest.first
  }

  private mutating func take(_ choices: String) -> Character? {
    guard let next = peek(), choices.contains(next) else { return nil }
    return rest.removeFirst()
  }

  private mutating func sum() throws -> Expression.Node {
    var node = try product()
    while let sign = take("+-") { node = .binary(sign, node, try product()) }
    return node
  }

  private mutating func product() throws -> Expression.Node {
    var node = try atom()
    while let sign = take("*/") { node = .binary(sign, node, try atom()) }
    return node
  }

  private mutating func atom() throws -> Expression.Node {
    depth += 1
    size += 1
    defer { depth -= 1 }
    if depth > Self.deepest { throw failure("is nested deeper than \(Self.deepest) levels") }
    if size > Self.largest { throw failure("has more than \(Self.largest) parts") }
    if take("-") != nil { return .binary("-", .number(0), try atom()) }
    if take("(") != nil {
      let node = try sum()
      if take(")") == nil { throw failure("lacks a closing parenthesis") }
      return node
    }
    guard let next = peek() else { throw failure("stops too early") }
    if next.isNumber || next == "." {
      let digits = rest.prefix { $0.isNumber || $0 == "." }
      guard let number = Double(digits) else { throw failure("holds a malformed number") }
      rest = rest.dropFirst(digits.count)
      return .number(number)
    }
    let name = String(rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" || $0 == "." })
    if name.isEmpty { throw failure("holds something that is no number, name or sign") }
    rest = rest.dropFirst(name.count)
    guard take("(") != nil else { return .name(name) }
    guard Self.functions.contains(name) else {
      throw failure("calls an unknown function \(name) (known: \(Self.functions.joined(separator: ", ")))")
    }
    var items = [try sum()]
    while take(",") != nil { items.append(try sum()) }
    if take(")") == nil { throw failure("lacks a closing parenthesis") }
    return .call(name, items)
  }
}
