/// Reads the statements of a template: the part of Jinja that chat templates are written in.
struct TemplateParser {
  static let statements = ["if", "for", "set", "macro", "generation", "raw", "break", "continue"]
  private static let deepestNesting = 100

  private let parts: [TemplateLexer.Part]
  private var index = 0
  private var depth = 0
  private var loopDepth = 0

  /// - Throws: `TemplateError`.
  static func parse(_ source: String, keepsBlanks: Bool = false) throws -> [TemplateNode] {
    var parser = TemplateParser(parts: try TemplateLexer.parts(of: source, keepsBlanks: keepsBlanks))
    let (nodes, end) = try parser.body(until: [])
    precondition(end == nil)
    return nodes
  }

  private init(parts: [TemplateLexer.Part]) { self.parts = parts }

  /// Statements up to a block that starts with one of `ends`.
  private mutating func body(until ends: Set<String>, opened line: Int = 1, by name: String = "") throws -> (
    nodes: [TemplateNode], end: TemplateExpressionParser?
  ) {
    depth += 1
    defer { depth -= 1 }
    if depth > Self.deepestNesting {
      throw TemplateError(what: "statements nested deeper than \(Self.deepestNesting)", line: line)
    }
    var nodes: [TemplateNode] = []
    while index < parts.count {
      defer { index += 1 }
      switch parts[index] {
      case .text(let text): nodes.append(.text(text))
      case .output(let tokens, let line):
        var parser = TemplateExpressionParser(tokens, line: line)
        nodes.append(.output(try parser.whole(), line: line))
      case .block(let tokens, let line):
        var parser = TemplateExpressionParser(tokens, line: line)
        let keyword = try parser.name()
        if ends.contains(keyword) {
          parser.keyword = keyword
          return (nodes, parser)
        }
        index += 1
        nodes.append(try statement(keyword, &parser, line))
        index -= 1
      }
    }
    if !ends.isEmpty {
      throw TemplateError(what: "\(name) without \(ends.sorted().joined(separator: " or "))", line: line)
    }
    return (nodes, nil)
  }

  /// The statement whose opening block was read; afterwards `index` is behind its last block.
  private mutating func statement(_ keyword: String, _ parser: inout TemplateExpressionParser, _ line: Int) throws
    -> TemplateNode
  {
    switch keyword {
    case "if": return try conditional(&parser, line)
    case "for": return try loop(&parser, line)
    case "set": return try assignment(&parser, line)
    case "macro": return try macro(&parser, line)
    case "generation":
      try parser.end()
      return .generation(try closed(by: "endgeneration", opened: line, by: "generation"))
    case "break", "continue":
      try parser.end()
      if loopDepth == 0 { throw TemplateError(what: "\(keyword) outside a loop", line: line) }
      return keyword == "break" ? .leaveLoop : .nextRound
    default:
      throw TemplateError(
        what: "the statement '\(keyword)' is not known; known are \(Self.statements.joined(separator: ", "))",
        line: line)
    }
  }

  private mutating func closed(by end: String, opened line: Int, by name: String) throws -> [TemplateNode] {
    // Behind endmacro and endblock a name may stand; it says nothing.
    try body(until: [end], opened: line, by: name).nodes
  }

  private mutating func conditional(_ parser: inout TemplateExpressionParser, _ line: Int) throws -> TemplateNode {
    var branches: [(condition: TemplateExpression, body: [TemplateNode])] = []
    var condition = try parser.whole()
    while true {
      let (nodes, end) = try body(until: ["elif", "else", "endif"], opened: line, by: "if")
      branches.append((condition, nodes))
      var next = end!
      if next.keyword == "elif" {
        condition = try next.whole()
        continue
      }
      try next.end()
      if next.keyword == "endif" { return .conditional(branches, otherwise: [], line: line) }
      return .conditional(branches, otherwise: try closed(by: "endif", opened: line, by: "if"), line: line)
    }
  }

  private mutating func loop(_ parser: inout TemplateExpressionParser, _ line: Int) throws -> TemplateNode {
    var targets: [String] = []
    let isGrouped = parser.take("(")
    repeat { targets.append(try parser.name()) } while parser.take(",")
    if isGrouped { try parser.expect(")") }
    try parser.expectName("in")
    let items = try parser.expression(withConditional: false)
    let condition = parser.takeName("if") ? try parser.expression() : nil
    if parser.takeName("recursive") { throw TemplateError(what: "recursive loops are not known", line: line) }
    try parser.end()
    loopDepth += 1
    let (nodes, end) = try body(until: ["else", "endfor"], opened: line, by: "for")
    loopDepth -= 1
    var otherwise: [TemplateNode] = []
    if end!.keyword == "else" { otherwise = try closed(by: "endfor", opened: line, by: "for") }
    return .loop(
      TemplateLoop(targets: targets, items: items, condition: condition, body: nodes, otherwise: otherwise, line: line))
  }

  private mutating func assignment(_ parser: inout TemplateExpressionParser, _ line: Int) throws -> TemplateNode {
    let first = try parser.name()
    var target = TemplateTarget.names([first])
    if parser.take(".") {
      target = .attribute(of: first, name: try parser.name())
    } else if parser.take(",") {
      var names = [first]
      repeat { names.append(try parser.name()) } while parser.take(",")
      target = .names(names)
    }
    if parser.take("=") { return .assign(target, try parser.whole(), line: line) }
    var filters: [TemplateFilterCall] = []
    while parser.take("|") { filters.append(try parser.filterCall()) }
    try parser.end()
    return .assignBlock(target, filters: filters, body: try closed(by: "endset", opened: line, by: "set"), line: line)
  }

  private mutating func macro(_ parser: inout TemplateExpressionParser, _ line: Int) throws -> TemplateNode {
    let name = try parser.name()
    try parser.expect("(")
    var parameters: [(name: String, value: TemplateExpression?)] = []
    while !parser.take(")") {
      let parameter = try parser.name()
      parameters.append((parameter, parser.take("=") ? try parser.expression() : nil))
      if !parser.take(",") {
        try parser.expect(")")
        break
      }
    }
    try parser.end()
    let outer = loopDepth
    loopDepth = 0
    let nodes = try closed(by: "endmacro", opened: line, by: "macro")
    loopDepth = outer
    return .macro(TemplateMacro(name: name, parameters: parameters, body: nodes))
  }
}
