/// Reads the tokens of one tag. Precedence, loosest first: `a if b else c`, `or`, `and`, `not`, comparisons, `+ -`, `~`,
/// `* / // %`, `**`, signs; filters and tests bind tightest.
struct TemplateExpressionParser {
  private static let deepestNesting = 100

  /// The word that the tag starts with, once it was read.
  var keyword = ""
  private let tokens: [TemplateLexer.Located]
  private var index = 0
  private var depth = 0
  private let firstLine: Int

  init(_ tokens: [TemplateLexer.Located], line: Int) {
    self.tokens = tokens
    firstLine = line
  }

  private var line: Int { index < tokens.count ? tokens[index].line : tokens.last?.line ?? firstLine }
  private var token: TemplateLexer.Token? { index < tokens.count ? tokens[index].token : nil }

  private func failure(_ what: String) -> TemplateError { TemplateError(what: what, line: line) }

  private var found: String {
    switch token {
    case nil: return "the end of the tag"
    case .name(let name)?: return "'\(name)'"
    case .string(let text)?: return "the text '\(text)'"
    case .int(let value)?: return "\(value)"
    case .double(let value)?: return "\(value)"
    case .symbol(let symbol)?: return "'\(symbol)'"
    }
  }

  // MARK: Tokens

  mutating func take(_ symbol: String) -> Bool {
    if token == .symbol(symbol) {
      index += 1
      return true
    }
    return false
  }

  mutating func takeName(_ name: String) -> Bool {
    if token == .name(name) {
      index += 1
      return true
    }
    return false
  }

  mutating func expect(_ symbol: String) throws {
    if !take(symbol) { throw failure("expected '\(symbol)', found \(found)") }
  }

  mutating func expectName(_ name: String) throws {
    if !takeName(name) { throw failure("expected '\(name)', found \(found)") }
  }

  mutating func name() throws -> String {
    guard case .name(let name)? = token else { throw failure("expected a name, found \(found)") }
    index += 1
    return name
  }

  func end() throws { if token != nil { throw failure("expected the end of the tag, found \(found)") } }

  /// The expression that is all the rest of the tag; several with commas are a list.
  mutating func whole() throws -> TemplateExpression {
    var items = [try expression()]
    var isList = false
    while take(",") {
      isList = true
      if token == nil { break }
      items.append(try expression())
    }
    try end()
    return isList ? .list(items) : items[0]
  }

  // MARK: Operators

  mutating func expression(withConditional: Bool = true) throws -> TemplateExpression {
    depth += 1
    defer { depth -= 1 }
    if depth > Self.deepestNesting { throw failure("expressions nested deeper than \(Self.deepestNesting)") }
    var value = try disjunction()
    while withConditional, takeName("if") {
      let condition = try disjunction()
      let otherwise = takeName("else") ? try expression() : nil
      value = .conditional(condition, then: value, otherwise: otherwise)
    }
    return value
  }

  private mutating func disjunction() throws -> TemplateExpression {
    var left = try conjunction()
    while takeName("or") { left = .or(left, try conjunction()) }
    return left
  }

  private mutating func conjunction() throws -> TemplateExpression {
    var left = try negation()
    while takeName("and") { left = .and(left, try negation()) }
    return left
  }

  private mutating func negation() throws -> TemplateExpression {
    var count = 0
    while takeName("not") { count += 1 }
    let value = try comparison()
    return count == 0 ? value : count % 2 == 1 ? .not(value) : .not(.not(value))
  }

  private mutating func comparison() throws -> TemplateExpression {
    let line = line
    let left = try sum()
    var rest: [(operation: String, value: TemplateExpression)] = []
    while true {
      if case .symbol(let symbol)? = token, ["==", "!=", "<", ">", "<=", ">="].contains(symbol) {
        index += 1
        rest.append((symbol, try sum()))
      } else if takeName("in") {
        rest.append(("in", try sum()))
      } else if token == .name("not"), index + 1 < tokens.count, tokens[index + 1].token == .name("in") {
        index += 2
        rest.append(("not in", try sum()))
      } else {
        return rest.isEmpty ? left : .comparison(left, rest, line: line)
      }
    }
  }

  private mutating func chain(
    _ symbols: Set<String>, _ operand: (inout TemplateExpressionParser) throws -> TemplateExpression
  ) throws -> TemplateExpression {
    var left = try operand(&self)
    while case .symbol(let symbol)? = token, symbols.contains(symbol) {
      let line = line
      index += 1
      left = .arithmetic(symbol, left, try operand(&self), line: line)
    }
    return left
  }

  private mutating func sum() throws -> TemplateExpression { try chain(["+", "-"]) { try $0.join() } }
  private mutating func join() throws -> TemplateExpression { try chain(["~"]) { try $0.product() } }
  private mutating func product() throws -> TemplateExpression { try chain(["*", "/", "//", "%"]) { try $0.power() } }
  private mutating func power() throws -> TemplateExpression { try chain(["**"]) { try $0.sign() } }

  private mutating func sign(withFilters: Bool = true) throws -> TemplateExpression {
    depth += 1
    defer { depth -= 1 }
    if depth > Self.deepestNesting { throw failure("expressions nested deeper than \(Self.deepestNesting)") }
    let line = line
    var value: TemplateExpression
    if take("-") {
      value = .negative(try sign(withFilters: false), line: line)
    } else if take("+") {
      value = try sign(withFilters: false)
    } else {
      value = try postfix(try primary())
    }
    return withFilters ? try filters(value) : value
  }

  // MARK: Values

  private mutating func primary() throws -> TemplateExpression {
    guard let token else { throw failure("expected a value, found \(found)") }
    index += 1
    switch token {
    case .int(let value): return .literal(.int(value))
    case .double(let value): return .literal(.double(value))
    case .string(var text):
      while case .string(let more)? = self.token {
        text += more
        index += 1
      }
      return .literal(.string(text))
    case .name(let name):
      switch name {
      case "true", "True": return .literal(.bool(true))
      case "false", "False": return .literal(.bool(false))
      case "none", "None": return .literal(.none)
      default: return .name(name)
      }
    case .symbol("("):
      let items = try list(until: ")")
      return items.values.count == 1 && !items.endsWithComma ? items.values[0] : .list(items.values)
    case .symbol("["): return .list(try list(until: "]").values)
    case .symbol("{"): return try dictionary()
    case .symbol:
      index -= 1
      throw failure("expected a value, found \(found)")
    }
  }

  private mutating func list(until close: String) throws -> (values: [TemplateExpression], endsWithComma: Bool) {
    var values: [TemplateExpression] = []
    while true {
      if take(close) { return (values, !values.isEmpty) }
      values.append(try expression())
      if take(",") { continue }
      try expect(close)
      return (values, false)
    }
  }

  private mutating func dictionary() throws -> TemplateExpression {
    var entries: [(key: TemplateExpression, value: TemplateExpression)] = []
    while !take("}") {
      let key = try expression()
      try expect(":")
      entries.append((key, try expression()))
      if !take(",") {
        try expect("}")
        break
      }
    }
    return .dictionary(entries)
  }

  private mutating func postfix(_ value: TemplateExpression) throws -> TemplateExpression {
    var value = value
    while true {
      let line = line
      if take(".") {
        if case .int(let number)? = token {
          index += 1
          value = .item(value, .literal(.int(number)), line: line)
        } else {
          value = .attribute(value, try name(), line: line)
        }
      } else if take("[") {
        value = try subscripted(value, line)
      } else if take("(") {
        value = .call(value, try arguments(), line: line)
      } else {
        return value
      }
    }
  }

  private mutating func subscripted(_ value: TemplateExpression, _ line: Int) throws -> TemplateExpression {
    var bounds: [TemplateExpression?] = [nil]
    while true {
      if take("]") { break }
      if take(":") {
        bounds.append(nil)
        if bounds.count > 3 { throw failure("a slice with more than three parts") }
        continue
      }
      if bounds.last! != nil { throw failure("expected ']', found \(found)") }
      bounds[bounds.count - 1] = try expression()
    }
    if bounds.count > 1 {
      return .slice(value, from: bounds[0], to: bounds[1], step: bounds.count > 2 ? bounds[2] : nil, line: line)
    }
    guard let index = bounds[0] else { throw failure("an empty subscript") }
    return .item(value, index, line: line)
  }

  /// Behind the opening parenthesis.
  private mutating func arguments() throws -> TemplateArguments {
    var arguments = TemplateArguments()
    while !take(")") {
      if case .name(let name)? = token, index + 1 < tokens.count, tokens[index + 1].token == .symbol("=") {
        index += 2
        arguments.named.append((name, try expression()))
      } else if take("*") || take("**") {
        throw failure("unpacked arguments are not known")
      } else {
        arguments.positional.append(try expression())
      }
      if !take(",") {
        try expect(")")
        break
      }
    }
    return arguments
  }

  // MARK: Filters and tests

  mutating func filterCall() throws -> TemplateFilterCall {
    let line = line
    let name = try name()
    if !TemplateFilters.names.contains(name) {
      throw TemplateError(
        what: "the filter '\(name)' is not known; known are \(TemplateFilters.names.sorted().joined(separator: ", "))",
        line: line)
    }
    return TemplateFilterCall(name: name, arguments: take("(") ? try arguments() : TemplateArguments())
  }

  private mutating func filters(_ value: TemplateExpression) throws -> TemplateExpression {
    var value = value
    while true {
      let line = line
      if take("|") {
        value = try postfix(.filter(value, try filterCall(), line: line))
      } else if takeName("is") {
        let isNegated = takeName("not")
        value = .test(value, try testCall(), isNegated: isNegated, line: line)
      } else {
        return value
      }
    }
  }

  private mutating func testCall() throws -> TemplateFilterCall {
    let line = line
    let name = try name()
    if !TemplateTests.names.contains(name) {
      throw TemplateError(
        what: "the test '\(name)' is not known; known are \(TemplateTests.names.sorted().joined(separator: ", "))",
        line: line)
    }
    if take("(") { return TemplateFilterCall(name: name, arguments: try arguments()) }
    var arguments = TemplateArguments()
    switch token {
    case .name(let word)? where !["else", "or", "and", "is", "if", "not", "in"].contains(word):
      arguments.positional.append(try postfix(try primary()))
    case .string?, .int?, .double?, .symbol("(")?, .symbol("[")?, .symbol("{")?:
      arguments.positional.append(try postfix(try primary()))
    default: break
    }
    return TemplateFilterCall(name: name, arguments: arguments)
  }
}
