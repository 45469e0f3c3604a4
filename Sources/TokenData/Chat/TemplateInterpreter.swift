import Foundation

/// Runs a template: a tree walk with Jinja's scopes, bounded in steps and in the size of what it writes.
struct TemplateInterpreter {
  /// What a template wrote, and where in it (in bytes) `generation` blocks stand and what loops wrote for a message.
  struct Output {
    var text: [UInt8] = []
    var generations: [Range<Int>] = []
    var turns: [(message: Int, text: Range<Int>)] = []
  }

  /// How a statement ends.
  private enum Flow { case onward, leaveLoop, nextRound }

  private static let mostSteps = 5_000_000
  private static let mostBytes = 1 << 26
  private static let deepestCall = 60

  /// Innermost last; a loop's round and a macro have scopes of their own.
  private var scopes: [TemplateDictionary]
  var output = Output()
  private var steps = 0
  private var depth = 0
  private var bufferDepth = 0
  /// Messages that this round of a loop looked up in lists, by their places there.
  var lookedUp: [Int: Int] = [:]
  /// For `strftime_now`.
  let now: Date
  /// An unknown name is an error where its text is asked for (Jinja's `StrictUndefined`): a template over documents.
  let isStrict: Bool

  init(variables: TemplateDictionary, now: Date, isStrict: Bool = false) {
    scopes = [variables]
    self.now = now
    self.isStrict = isStrict
  }

  /// - Throws: `TemplateError`.
  static func render(
    _ nodes: [TemplateNode], variables: TemplateDictionary, now: Date, isStrict: Bool = false
  ) throws -> Output {
    var interpreter = TemplateInterpreter(variables: variables, now: now, isStrict: isStrict)
    _ = try interpreter.run(nodes)
    return interpreter.output
  }

  mutating func step(_ line: Int) throws {
    steps += 1
    if steps > Self.mostSteps { throw TemplateError(what: "takes more than \(Self.mostSteps) steps", line: line) }
  }

  private mutating func write(_ text: String, _ line: Int) throws {
    output.text += Array(text.utf8)
    if output.text.count > Self.mostBytes {
      throw TemplateError(what: "writes more than \(Self.mostBytes) bytes", line: line)
    }
  }

  // MARK: Names

  func lookup(_ name: String) -> TemplateValue {
    for scope in scopes.reversed() { if let value = scope[name] { return value } }
    return TemplateFunctions.names.contains(name) ? .function(name) : .undefined(name)
  }

  private mutating func assign(_ target: TemplateTarget, _ value: TemplateValue, _ line: Int) throws {
    switch target {
    case .names(let names):
      if names.count == 1 { return scopes[scopes.count - 1][names[0]] = value }
      for (name, value) in zip(names, try unpack(value, into: names.count, line)) {
        scopes[scopes.count - 1][name] = value
      }
    case .attribute(let object, let name):
      guard case .namespace(let namespace) = lookup(object) else {
        throw TemplateError(what: "'\(object)' is no namespace, so its attributes cannot be set", line: line)
      }
      namespace.values[name] = value
    }
  }

  private func unpack(_ value: TemplateValue, into count: Int, _ line: Int) throws -> [TemplateValue] {
    let items = try items(of: value, line)
    if items.count != count {
      throw TemplateError(what: "\(items.count) values for \(count) names", line: line)
    }
    return items
  }

  /// What a loop or filter goes through.
  func items(of value: TemplateValue, _ line: Int) throws -> [TemplateValue] {
    switch value {
    case .list(let items): return items
    case .dictionary(let dictionary): return dictionary.keys.map { .string($0) }
    case .string(let text): return text.unicodeScalars.map { .string(String($0)) }
    case .undefined: return []
    default: throw TemplateError(what: "a \(value.typeName) cannot be gone through", line: line)
    }
  }

  // MARK: Statements

  private mutating func run(_ nodes: [TemplateNode]) throws -> Flow {
    for node in nodes {
      let flow = try run(node)
      if flow != .onward { return flow }
    }
    return .onward
  }

  private mutating func run(_ node: TemplateNode) throws -> Flow {
    switch node {
    case .text(let text): try write(text, 0)
    case .output(let expression, let line):
      try step(line)
      let value = try evaluate(expression)
      if isStrict, case .undefined(let name) = value { throw TemplateError(what: "'\(name)' is undefined", line: line) }
      try write(value.text, line)
    case .conditional(let branches, let otherwise, let line):
      try step(line)
      for branch in branches where try evaluate(branch.condition).isTrue { return try run(branch.body) }
      return try run(otherwise)
    case .loop(let loop): try run(loop)
    case .assign(let target, let expression, let line):
      try step(line)
      try assign(target, evaluate(expression), line)
    case .assignBlock(let target, let filters, let body, let line):
      try step(line)
      var value = TemplateValue.string(try captured(body, in: [:]))
      for filter in filters {
        value = try TemplateFilters.apply(filter.name, to: value, call(filter.arguments), &self, line)
      }
      try assign(target, value, line)
    case .macro(let macro): scopes[scopes.count - 1][macro.name] = .macro(macro)
    case .generation(let body):
      let start = output.text.count
      scopes.append(TemplateDictionary())
      defer { scopes.removeLast() }
      let flow = try run(body)
      if bufferDepth == 0 { output.generations.append(start..<output.text.count) }
      return flow
    case .leaveLoop: return .leaveLoop
    case .nextRound: return .nextRound
    }
    return .onward
  }

  private mutating func run(_ loop: TemplateLoop) throws {
    try step(loop.line)
    var rounds: [[TemplateValue]] = []
    for item in try items(of: evaluate(loop.items), loop.line) {
      try step(loop.line)
      let values = loop.targets.count == 1 ? [item] : try unpack(item, into: loop.targets.count, loop.line)
      if let condition = loop.condition {
        scopes.append(TemplateDictionary(Array(zip(loop.targets, values))))
        defer { scopes.removeLast() }
        if !(try evaluate(condition).isTrue) { continue }
      }
      rounds.append(values)
    }
    var finishesRound = false
    for (index, values) in rounds.enumerated() {
      try step(loop.line)
      var scope = TemplateDictionary(Array(zip(loop.targets, values)))
      scope["loop"] = Self.state(index, rounds, loop.targets.count)
      scopes.append(scope)
      let (start, outer) = (output.text.count, lookedUp)
      lookedUp = [:]
      let flow = try run(loop.body)
      scopes.removeLast()
      noteTurn(of: values.first, from: start)
      lookedUp = outer
      if flow == .leaveLoop { break }
      if flow == .onward { finishesRound = true }
    }
    // As in Jinja, `else` also follows where every round was cut short.
    if !finishesRound { _ = try run(loop.otherwise) }
  }

  /// Notes what a loop's round wrote where it is about a message: its item is one, or the place of one that it looked
  /// up.
  private mutating func noteTurn(of item: TemplateValue?, from start: Int) {
    guard bufferDepth == 0, output.text.count > start else { return }
    let message: Int?
    switch item {
    case .dictionary(let dictionary)?: message = dictionary.message
    case .int(let place)?: message = lookedUp[place]
    default: message = nil
    }
    if let message { output.turns.append((message, start..<output.text.count)) }
  }

  /// The variable `loop` of a round.
  private static func state(_ index: Int, _ rounds: [[TemplateValue]], _ targets: Int) -> TemplateValue {
    func item(_ index: Int) -> TemplateValue {
      guard rounds.indices.contains(index) else { return .undefined("loop item") }
      return targets == 1 ? rounds[index][0] : .list(rounds[index])
    }
    return .dictionary(
      TemplateDictionary([
        ("index", .int(index + 1)), ("index0", .int(index)), ("first", .bool(index == 0)),
        ("last", .bool(index == rounds.count - 1)), ("length", .int(rounds.count)),
        ("revindex", .int(rounds.count - index)), ("revindex0", .int(rounds.count - index - 1)),
        ("previtem", item(index - 1)), ("nextitem", item(index + 1)),
      ]))
  }

  /// What `body` writes, run in a scope of its own with `values`.
  private mutating func captured(_ body: [TemplateNode], in values: TemplateDictionary?) throws -> String {
    let outer = output.text
    output.text = []
    bufferDepth += 1
    if let values { scopes.append(values) }
    defer {
      output.text = outer
      bufferDepth -= 1
      if values != nil { scopes.removeLast() }
    }
    _ = try run(body)
    return String(decoding: output.text, as: UTF8.self)
  }

  /// Calls a macro: it sees the template's own variables and its parameters.
  mutating func call(_ macro: TemplateMacro, _ arguments: TemplateCall, _ line: Int) throws -> TemplateValue {
    depth += 1
    defer { depth -= 1 }
    if depth > Self.deepestCall { throw TemplateError(what: "macros call each other too deeply", line: line) }
    if arguments.positional.count > macro.parameters.count {
      throw TemplateError(what: "too many arguments for the macro '\(macro.name)'", line: line)
    }
    for (name, _) in arguments.named where !macro.parameters.contains(where: { $0.name == name }) {
      throw TemplateError(what: "the macro '\(macro.name)' has no parameter '\(name)'", line: line)
    }
    let caller = scopes
    scopes = [caller[0], TemplateDictionary()]
    defer { scopes = [scopes[0]] + caller.dropFirst() }
    for (index, parameter) in macro.parameters.enumerated() {
      let value: TemplateValue
      if index < arguments.positional.count {
        value = arguments.positional[index]
      } else if let named = arguments.named.first(where: { $0.name == parameter.name }) {
        value = named.value
      } else {
        value = try parameter.value.map { try evaluate($0) } ?? .undefined(parameter.name)
      }
      scopes[1][parameter.name] = value
    }
    return .string(try captured(macro.body, in: nil))
  }
}

extension TemplateDictionary: ExpressibleByDictionaryLiteral {
  init(dictionaryLiteral elements: (String, TemplateValue)...) { self.init(elements) }
}

/// Arguments of a call, evaluated.
struct TemplateCall {
  var positional: [TemplateValue] = []
  var named: [(name: String, value: TemplateValue)] = []

  /// The argument at a position or under a name.
  func value(_ index: Int, _ name: String) -> TemplateValue? {
    positional.indices.contains(index) ? positional[index] : named.first { $0.name == name }?.value
  }
}
