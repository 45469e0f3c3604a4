import Foundation

extension TemplateInterpreter {
  mutating func evaluate(_ expression: TemplateExpression) throws -> TemplateValue {
    try step(0)
    switch expression {
    case .literal(let value): return value
    case .name(let name): return lookup(name)
    case .list(let items): return .list(try items.map { try evaluate($0) })
    case .dictionary(let entries):
      var dictionary = TemplateDictionary()
      for entry in entries { dictionary[try evaluate(entry.key).text] = try evaluate(entry.value) }
      return .dictionary(dictionary)
    case .attribute(let object, let name, let line): return try attribute(name, of: evaluate(object), line)
    case .item(let object, let key, let line):
      let (place, whole) = (try evaluate(key), try evaluate(object))
      let value = try item(place, of: whole, line)
      if case .int(let place) = place, case .dictionary(let dictionary) = value, let message = dictionary.message {
        lookedUp[place] = lookedUp[place] ?? message
      }
      return value
    case .slice(let object, let from, let to, let step, let line):
      return try slice(evaluate(object), bound(from, line), bound(to, line), bound(step, line), line)
    case .call(let function, let arguments, let line): return try call(evaluate(function), call(arguments), line)
    case .filter(let value, let filter, let line):
      return try TemplateFilters.apply(filter.name, to: evaluate(value), call(filter.arguments), &self, line)
    case .test(let value, let test, let isNegated, let line):
      return .bool(try TemplateTests.holds(test.name, evaluate(value), call(test.arguments), line) != isNegated)
    case .not(let value): return .bool(!(try evaluate(value).isTrue))
    case .negative(let value, let line):
      switch try evaluate(value) {
      case .int(.min): throw TemplateError(what: "a number that is too large", line: line)
      case .int(let number): return .int(-number)
      case .double(let number): return .double(-number)
      case let other: throw TemplateError(what: "a \(other.typeName) has no sign", line: line)
      }
    case .and(let left, let right):
      let value = try evaluate(left)
      return value.isTrue ? try evaluate(right) : value
    case .or(let left, let right):
      let value = try evaluate(left)
      return value.isTrue ? value : try evaluate(right)
    case .comparison(let left, let rest, let line):
      var value = try evaluate(left)
      for (operation, right) in rest {
        let next = try evaluate(right)
        if !(try compare(value, operation, next, line)) { return .bool(false) }
        value = next
      }
      return .bool(true)
    case .arithmetic(let symbol, let left, let right, let line):
      return try arithmetic(symbol, evaluate(left), evaluate(right), line)
    case .conditional(let condition, let value, let otherwise):
      if try evaluate(condition).isTrue { return try evaluate(value) }
      return try otherwise.map { try evaluate($0) } ?? .undefined("the value of an if without else")
    }
  }

  mutating func call(_ arguments: TemplateArguments) throws -> TemplateCall {
    var call = TemplateCall()
    for argument in arguments.positional { call.positional.append(try evaluate(argument)) }
    for (name, argument) in arguments.named { call.named.append((name, try evaluate(argument))) }
    return call
  }

  private mutating func call(_ function: TemplateValue, _ arguments: TemplateCall, _ line: Int) throws -> TemplateValue
  {
    switch function {
    case .macro(let macro): return try call(macro, arguments, line)
    case .function(let name): return try TemplateFunctions.call(name, arguments, self, line)
    case .method(let object, let name): return try TemplateMethods.call(name, of: object, arguments, line)
    case .undefined(let name): throw TemplateError(what: "'\(name)' is undefined and cannot be called", line: line)
    default: throw TemplateError(what: "a \(function.typeName) cannot be called", line: line)
    }
  }

  // MARK: Parts of values

  /// `object.name`: for a dictionary its method or its key.
  func attribute(_ name: String, of object: TemplateValue, _ line: Int) throws -> TemplateValue {
    switch object {
    case .undefined(let what): throw TemplateError(what: "'\(what)' is undefined, so it has no '\(name)'", line: line)
    case .namespace(let namespace): return namespace.values[name] ?? .undefined(name)
    case .dictionary(let dictionary):
      if TemplateMethods.ofDictionaries.contains(name) { return .method(object, name) }
      return dictionary[name] ?? .undefined(name)
    case .string where TemplateMethods.ofTexts.contains(name): return .method(object, name)
    case .list where TemplateMethods.ofLists.contains(name): return .method(object, name)
    default: return .undefined(name)
    }
  }

  private func item(_ key: TemplateValue, of object: TemplateValue, _ line: Int) throws -> TemplateValue {
    switch (object, key) {
    case (.undefined(let what), _):
      throw TemplateError(what: "'\(what)' is undefined, so it has no item \(key.text)", line: line)
    case (.dictionary(let dictionary), .string(let name)):
      return try dictionary[name] ?? attribute(name, of: object, line)
    case (.dictionary(let dictionary), _): return dictionary[key.text] ?? .undefined(key.text)
    case (.list(let items), _):
      guard let index = key.integer else { break }
      let place = index < 0 ? items.count + index : index
      return items.indices.contains(place) ? items[place] : .undefined("item \(index)")
    case (.string(let text), _):
      guard let index = key.integer else { break }
      let scalars = Array(text.unicodeScalars)
      let place = index < 0 ? scalars.count + index : index
      return scalars.indices.contains(place) ? .string(String(scalars[place])) : .undefined("character \(index)")
    case (.namespace(let namespace), .string(let name)): return namespace.values[name] ?? .undefined(name)
    default: break
    }
    if case .string(let name) = key { return try attribute(name, of: object, line) }
    return .undefined(key.text)
  }

  private mutating func bound(_ expression: TemplateExpression?, _ line: Int) throws -> Int? {
    guard let expression else { return nil }
    let value = try evaluate(expression)
    if case .none = value { return nil }
    guard let number = value.integer else {
      throw TemplateError(what: "a slice takes integers, not a \(value.typeName)", line: line)
    }
    return number
  }

  private func slice(_ value: TemplateValue, _ from: Int?, _ to: Int?, _ by: Int?, _ line: Int) throws -> TemplateValue
  {
    let by = by ?? 1
    if by == 0 { throw TemplateError(what: "a slice with step 0", line: line) }
    func indices(_ count: Int) -> [Int] {
      func clamp(_ bound: Int, _ low: Int, _ high: Int) -> Int {
        min(max(bound < 0 ? max(bound, -count - 1) + count : min(bound, count), low), high)
      }
      let start = from.map { by > 0 ? clamp($0, 0, count) : clamp($0, -1, count - 1) } ?? (by > 0 ? 0 : count - 1)
      let stop = to.map { by > 0 ? clamp($0, 0, count) : clamp($0, -1, count - 1) } ?? (by > 0 ? count : -1)
      return Array(stride(from: start, to: stop, by: by))
    }
    switch value {
    case .list(let items): return .list(indices(items.count).map { items[$0] })
    case .string(let text):
      let scalars = Array(text.unicodeScalars)
      var out = String.UnicodeScalarView()
      for index in indices(scalars.count) { out.append(scalars[index]) }
      return .string(String(out))
    case .undefined(let name): throw TemplateError(what: "'\(name)' is undefined and cannot be sliced", line: line)
    default: throw TemplateError(what: "a \(value.typeName) cannot be sliced", line: line)
    }
  }

  // MARK: Operators

  private func compare(_ left: TemplateValue, _ operation: String, _ right: TemplateValue, _ line: Int) throws -> Bool {
    switch operation {
    case "==": return left.equals(right)
    case "!=": return !left.equals(right)
    case "in": return try contains(right, left, line)
    case "not in": return !(try contains(right, left, line))
    default: return try TemplateTests.order(left, operation, right, line)
    }
  }

  func contains(_ whole: TemplateValue, _ part: TemplateValue, _ line: Int) throws -> Bool {
    switch whole {
    case .string(let text):
      guard case .string(let wanted) = part else {
        throw TemplateError(what: "a text cannot hold a \(part.typeName)", line: line)
      }
      return TemplateMethods.find(Array(wanted.utf8), in: Array(text.utf8)) != nil
    case .list(let items): return items.contains { $0.equals(part) }
    case .dictionary(let dictionary): return dictionary[part.text] != nil
    case .undefined: return false
    default: throw TemplateError(what: "a \(whole.typeName) holds nothing", line: line)
    }
  }

  private func arithmetic(_ symbol: String, _ left: TemplateValue, _ right: TemplateValue, _ line: Int) throws
    -> TemplateValue
  {
    if symbol == "~" { return .string(try TemplateMethods.joined([left.text, right.text], "", line)) }
    for case .undefined(let name) in [left, right] {
      throw TemplateError(what: "'\(name)' is undefined, so '\(symbol)' cannot take it", line: line)
    }
    switch (symbol, left, right) {
    case ("+", .string(let a), .string(let b)): return .string(try TemplateMethods.joined([a, b], "", line))
    case ("+", .list(let a), .list(let b)): return .list(a + b)
    case ("*", .string(let text), .int(let count)), ("*", .int(let count), .string(let text)):
      try TemplateMethods.requireShort(text.utf8.count, times: max(count, 0), line)
      return .string(String(repeating: text, count: max(count, 0)))
    case ("%", .string(let format), _): return .string(try TemplateMethods.formatted(format, right, line))
    default: break
    }
    if let a = left.integer, let b = right.integer, symbol != "/" { return try integers(symbol, a, b, line) }
    guard let a = left.number, let b = right.number else {
      throw TemplateError(what: "'\(symbol)' cannot take a \(left.typeName) and a \(right.typeName)", line: line)
    }
    switch symbol {
    case "+": return .double(a + b)
    case "-": return .double(a - b)
    case "*": return .double(a * b)
    case "**": return .double(pow(a, b))
    case "/" where b != 0: return .double(a / b)
    case "//" where b != 0: return .double((a / b).rounded(.down))
    case "%" where b != 0: return .double(a - b * (a / b).rounded(.down))
    default: throw TemplateError(what: "a division by zero", line: line)
    }
  }

  private func integers(_ symbol: String, _ a: Int, _ b: Int, _ line: Int) throws -> TemplateValue {
    let result: (partialValue: Int, overflow: Bool)
    switch symbol {
    case "+": result = a.addingReportingOverflow(b)
    case "-": result = a.subtractingReportingOverflow(b)
    case "*": result = a.multipliedReportingOverflow(by: b)
    case "**":
      let value = pow(Double(a), Double(b))
      if b < 0 { return .double(value) }
      guard let exact = Int(exactly: value), value.magnitude < 0x1p53 else {
        throw TemplateError(what: "a number that is too large", line: line)
      }
      return .int(exact)
    default:
      if b == 0 { throw TemplateError(what: "a division by zero", line: line) }
      if b == -1 { return symbol == "//" ? .int(0 &- a) : .int(0) }
      let (quotient, remainder) = a.quotientAndRemainder(dividingBy: b)
      let isBelow = remainder != 0 && (remainder < 0) != (b < 0)
      return .int(symbol == "//" ? quotient - (isBelow ? 1 : 0) : remainder + (isBelow ? b : 0))
    }
    if result.overflow { throw TemplateError(what: "a number that is too large", line: line) }
    return .int(result.partialValue)
  }
}
