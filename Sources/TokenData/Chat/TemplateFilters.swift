import Foundation

/// The filters behind `|`.
enum TemplateFilters {
  static let names: Set<String> = [
    "abs", "capitalize", "count", "d", "default", "dictsort", "first", "float", "indent", "int", "items", "join",
    "last",
    "length", "list", "lower", "map", "max", "min", "regex_replace", "reject", "rejectattr", "replace", "reverse",
    "round", "safe", "select",
    "selectattr", "sort", "string", "sum", "title", "tojson", "trim", "unique", "upper", "wordcount",
  ]

  static func apply(
    _ name: String, to value: TemplateValue, _ arguments: TemplateCall, _ interpreter: inout TemplateInterpreter,
    _ line: Int
  ) throws -> TemplateValue {
    func failure(_ what: String) -> TemplateError { TemplateError(what: what, line: line) }
    func items() throws -> [TemplateValue] { try interpreter.items(of: value, line) }
    switch name {
    // Texts
    case "trim":
      return .string(TemplateMethods.stripped(value.text, arguments.value(0, "chars")?.text, left: true, right: true))
    case "lower": return .string(value.text.lowercased())
    case "upper": return .string(value.text.uppercased())
    case "capitalize": return .string(TemplateMethods.capitalized(value.text))
    case "title": return .string(titled(value.text))
    case "string", "safe": return .string(value.text)
    case "wordcount":
      let isWord = value.text.unicodeScalars.map { $0 == "_" || TemplateMethods.isAlphanumeric($0) }
      return .int(isWord.split(separator: false).count)
    case "replace":
      guard let old = arguments.value(0, "old")?.text, let new = arguments.value(1, "new")?.text else {
        throw failure("replace takes two texts")
      }
      let count = arguments.value(2, "count")?.integer ?? -1
      return .string(try TemplateMethods.replaced(value.text, old, new, count: count, line))
    // lm-evaluation-harness's own, which chat templates do not have.
    case "regex_replace" where interpreter.isStrict:
      guard case .string(let text) = value, let pattern = arguments.value(0, "pattern")?.text,
        let replacement = arguments.value(1, "repl")?.text
      else { throw failure("regex_replace takes a text, a pattern and a replacement") }
      guard let found = try? TextPattern(pattern, name) else {
        throw failure("'\(pattern)' cannot be read as a regular expression")
      }
      let count = arguments.value(2, "count")?.integer ?? 0
      guard let written = found.replaced(in: text, with: replacement, count: count) else {
        throw failure("'\(replacement)' is no replacement of '\(pattern)'")
      }
      return .string(written)
    case "indent": return .string(indented(value.text, arguments))
    case "join":
      let attribute = arguments.value(1, "attribute")
      let values = try items().map { item in try attribute.map { try part($0, of: item, interpreter, line) } ?? item }
      return .string(
        try TemplateMethods.joined(values.map(\.text), arguments.value(0, "d")?.text ?? "", line))
    case "tojson":
      guard let json = value.json(try jsonStyle(arguments, line)) else {
        throw failure("a value that JSON does not have")
      }
      return .string(json)
    // Numbers
    case "int": return whole(value, or: arguments.value(0, "default") ?? .int(0))
    case "float":
      if let number = value.number { return .double(number) }
      return Double(value.text).map { .double($0) } ?? arguments.value(0, "default") ?? .double(0)
    case "abs":
      if let number = value.integer { return .int(number < 0 ? 0 &- number : number) }
      guard let number = value.number else { throw failure("abs takes a number") }
      return .double(number.magnitude)
    case "round": return try rounded(value, arguments, line)
    // Defaults
    case "default", "d":
      let replaces = !value.isDefined || (arguments.value(1, "boolean")?.isTrue ?? false) && !value.isTrue
      return replaces ? arguments.value(0, "default_value") ?? .string("") : value
    // Lists
    case "length", "count":
      switch value {
      case .string(let text): return .int(text.unicodeScalars.count)
      case .list(let items): return .int(items.count)
      case .dictionary(let dictionary): return .int(dictionary.entries.count)
      case .undefined: return .int(0)
      default: throw failure("a \(value.typeName) has no length")
      }
    case "first": return try items().first ?? .undefined("the first item")
    case "last": return try items().last ?? .undefined("the last item")
    case "list": return .list(try items())
    case "reverse":
      if case .string(let text) = value {
        return .string(String(String.UnicodeScalarView(text.unicodeScalars.reversed())))
      }
      return .list(try items().reversed())
    case "unique":
      var kept: [(key: TemplateValue, item: TemplateValue)] = []
      for pair in try keyed(items(), arguments, case: 0, attribute: 1, interpreter, line)
      where !kept.contains(where: { $0.key.equals(pair.key) }) { kept.append(pair) }
      return .list(kept.map(\.item))
    case "sum":
      var numbers = [arguments.value(1, "start") ?? .int(0)]
      numbers += try items().map { item in
        try arguments.value(0, "attribute").map { try part($0, of: item, interpreter, line) } ?? item
      }
      if let other = numbers.first(where: { $0.number == nil }) { throw failure("sum cannot add a \(other.typeName)") }
      return .double(0).sum(numbers)
    case "min", "max":
      let all = try keyed(items(), arguments, case: 0, attribute: 1, interpreter, line)
      guard var best = all.first else { return .undefined("the \(name) of nothing") }
      for pair in all.dropFirst() where try TemplateTests.order(pair.key, name == "min" ? "<" : ">", best.key, line) {
        best = pair
      }
      return best.item
    case "sort":
      let all = try keyed(items(), arguments, case: 1, attribute: 2, interpreter, line)
      return .list(try sorted(all, arguments.value(0, "reverse")?.isTrue ?? false, line))
    case "items", "dictsort": return .list(try pairs(of: value, name, arguments, line))
    case "map": return .list(try mapped(items(), arguments, &interpreter, line))
    case "select", "reject":
      return .list(try chosen(items(), keeping: name == "select", arguments.positional[...], line) { $0 })
    case "selectattr", "rejectattr":
      guard let attribute = arguments.positional.first else { throw failure("\(name) takes an attribute") }
      let reader = interpreter
      return .list(
        try chosen(items(), keeping: name == "selectattr", arguments.positional.dropFirst(), line) {
          try part(attribute, of: $0, reader, line)
        })
    default: throw failure("the filter '\(name)' is not known")
    }
  }

  /// Numbers lose their fractions, texts are read as Python reads them.
  private static func whole(_ value: TemplateValue, or fallback: TemplateValue) -> TemplateValue {
    if case .digits = value { return value }
    if let number = value.number, number.magnitude < 1e18 { return .int(value.integer ?? Int(number)) }
    let text = TemplateMethods.stripped(value.text, nil, left: true, right: true)
    guard let read = Int(text) ?? Double(text).flatMap({ Int(exactly: $0.rounded(.towardZero)) }) else {
      return fallback
    }
    return .int(read)
  }

  private static func rounded(
    _ value: TemplateValue, _ arguments: TemplateCall, _ line: Int
  ) throws -> TemplateValue {
    guard let number = value.number else { throw TemplateError(what: "round takes a number", line: line) }
    let precision = arguments.value(0, "precision")?.integer ?? 0
    let method = arguments.value(1, "method")?.text ?? "common"
    if same(method, "common"), precision >= 0, let whole = value.integer { return .int(whole) }
    let scale = pow(10, Double(precision))
    let rule: FloatingPointRoundingRule =
      switch method {
      case "ceil": .up
      case "floor": .down
      default: .toNearestOrEven
      }
    return .double((number * scale).rounded(rule) / scale)
  }

  /// A dictionary's keys with their values, sorted for `dictsort`.
  private static func pairs(
    of value: TemplateValue, _ name: String, _ arguments: TemplateCall, _ line: Int
  ) throws -> [TemplateValue] {
    guard case .dictionary(let dictionary) = value else {
      if !value.isDefined, name == "items" { return [] }
      throw TemplateError(what: "\(name) takes a dict, not a \(value.typeName)", line: line)
    }
    let pairs = dictionary.entries.map { TemplateValue.list([.string($0.key), $0.value]) }
    if name == "items" { return pairs }
    let isSensitive = arguments.value(0, "case_sensitive")?.isTrue ?? false
    let byValue = same(arguments.value(1, "by")?.text ?? "key", "value")
    let all = zip(dictionary.entries, pairs).map { entry, pair in
      (key: folded(byValue ? entry.value : .string(entry.key), unless: isSensitive), item: pair)
    }
    return try sorted(all, arguments.value(2, "reverse")?.isTrue ?? false, line)
  }

  /// What `tojson` is told, in transformers' order.
  private static func jsonStyle(_ arguments: TemplateCall, _ line: Int) throws -> TemplateValue.JSONStyle {
    func told(_ index: Int, _ name: String) -> TemplateValue? {
      guard let value = arguments.value(index, name), !value.equals(TemplateValue.none) else { return nil }
      return value
    }
    var style = TemplateValue.JSONStyle()
    style.isASCII = arguments.value(0, "ensure_ascii")?.isTrue ?? false
    style.sortsKeys = arguments.value(3, "sort_keys")?.isTrue ?? false
    if let indent = told(1, "indent") {
      guard let spaces = indent.integer else { throw TemplateError(what: "tojson indents by spaces", line: line) }
      style.indent = spaces
    }
    if let separators = told(2, "separators") {
      guard case .list(let pair) = separators, pair.count == 2, case .string(let item) = pair[0],
        case .string(let key) = pair[1]
      else { throw TemplateError(what: "tojson takes two texts as separators", line: line) }
      style.separators = (item: item, key: key)
    }
    return style
  }

  /// Upper case behind spaces, hyphens and opening brackets, unlike the method.
  private static func titled(_ text: String) -> String {
    var out = ""
    var opens = true
    for scalar in text.unicodeScalars {
      out += opens ? scalar.properties.uppercaseMapping : scalar.properties.lowercaseMapping
      opens = TemplateMethods.isSpace(scalar) || ["-", "(", "{", "[", "<"].contains(scalar)
    }
    return out
  }

  private static func indented(_ text: String, _ arguments: TemplateCall) -> String {
    let width = arguments.value(0, "width")
    let indent =
      width.flatMap { $0.integer }.map { String(repeating: " ", count: max(0, min($0, 1000))) } ?? width?.text ?? "    "
    let (first, blank) = (arguments.value(1, "first")?.isTrue ?? false, arguments.value(2, "blank")?.isTrue ?? false)
    return TemplateMethods.lines(text + "\n").enumerated().map { index, line in
      index == 0 ? (first ? indent + line : line) : line.isEmpty && !blank ? "" : indent + line
    }.joined(separator: "\n")
  }

  /// Texts in lower case, as sorting and comparing filters take them unless told otherwise.
  private static func folded(_ value: TemplateValue, unless isSensitive: Bool) -> TemplateValue {
    if case .string(let text) = value, !isSensitive { return .string(text.lowercased()) }
    return value
  }

  /// Items by what a filter compares them by.
  /// - Parameters:
  ///   - case: the place of `case_sensitive` among the arguments
  ///   - attribute: likewise
  private static func keyed(
    _ items: [TemplateValue], _ arguments: TemplateCall, case: Int, attribute: Int,
    _ interpreter: TemplateInterpreter, _ line: Int
  ) throws -> [(key: TemplateValue, item: TemplateValue)] {
    let isSensitive = arguments.value(`case`, "case_sensitive")?.isTrue ?? false
    let attribute = arguments.value(attribute, "attribute")
    return try items.map { item in
      let key = try attribute.map { try part($0, of: item, interpreter, line) } ?? item
      return (key: folded(key, unless: isSensitive), item: item)
    }
  }

  /// An attribute by name ("a.b" goes deeper), or an item by number.
  private static func part(
    _ key: TemplateValue, of value: TemplateValue, _ interpreter: TemplateInterpreter, _ line: Int
  ) throws
    -> TemplateValue
  {
    if case .list(let items) = value, let index = key.integer {
      return items.indices.contains(index) ? items[index] : .undefined("item \(index)")
    }
    return try key.text.split(separator: ".").reduce(value) { value, name in
      if case .dictionary(let dictionary) = value { return dictionary[String(name)] ?? .undefined(String(name)) }
      return try interpreter.attribute(String(name), of: value, line)
    }
  }

  private static func sorted(_ keyed: [(key: TemplateValue, item: TemplateValue)], _ isReversed: Bool, _ line: Int)
    throws
    -> [TemplateValue]
  {
    let places = try keyed.indices.sorted { a, b in
      if try TemplateTests.order(keyed[a].key, isReversed ? ">" : "<", keyed[b].key, line) { return true }
      return try !TemplateTests.order(keyed[b].key, isReversed ? ">" : "<", keyed[a].key, line) && a < b
    }
    return places.map { keyed[$0].item }
  }

  private static func mapped(
    _ items: [TemplateValue], _ arguments: TemplateCall, _ interpreter: inout TemplateInterpreter, _ line: Int
  ) throws -> [TemplateValue] {
    if let attribute = arguments.named.first(where: { $0.name == "attribute" })?.value {
      let otherwise = arguments.named.first { $0.name == "default" }?.value
      return try items.map { item in
        let value = try part(attribute, of: item, interpreter, line)
        return value.isDefined ? value : otherwise ?? value
      }
    }
    guard let filter = arguments.positional.first?.text, names.contains(filter) else {
      throw TemplateError(what: "map takes a filter or an attribute", line: line)
    }
    let rest = TemplateCall(positional: Array(arguments.positional.dropFirst()), named: arguments.named)
    return try items.map { try apply(filter, to: $0, rest, &interpreter, line) }
  }

  private static func chosen(
    _ items: [TemplateValue], keeping: Bool, _ test: ArraySlice<TemplateValue>, _ line: Int,
    _ value: (TemplateValue) throws -> TemplateValue
  ) throws -> [TemplateValue] {
    try items.filter { item in
      guard let name = test.first?.text else { return try value(item).isTrue == keeping }
      let symbols = ["==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"]
      let call = TemplateCall(positional: Array(test.dropFirst()))
      return try TemplateTests.holds(symbols[name] ?? name, value(item), call, line) == keeping
    }
  }
}

extension TemplateValue {
  /// The sum of numbers: an integer when all are.
  fileprivate func sum(_ values: [TemplateValue]) -> TemplateValue {
    if values.allSatisfy({ $0.integer != nil }) { return .int(values.reduce(0) { $0 &+ $1.integer! }) }
    return .double(values.reduce(0) { $0 + ($1.number ?? 0) })
  }
}
