/// The tests behind `is`.
enum TemplateTests {
  static let names: Set<String> = [
    "boolean", "callable", "defined", "divisibleby", "eq", "equalto", "even", "false", "float", "ge", "greaterthan",
    "gt",
    "in", "integer", "iterable", "le", "lessthan", "lower", "lt", "mapping", "ne", "none", "number", "odd", "sameas",
    "sequence", "string", "true", "undefined", "upper",
  ]

  static func holds(_ name: String, _ value: TemplateValue, _ arguments: TemplateCall, _ line: Int) throws -> Bool {
    func argument() throws -> TemplateValue {
      guard let first = arguments.positional.first else {
        throw TemplateError(what: "the test '\(name)' takes a value", line: line)
      }
      return first
    }
    func integer() throws -> Int {
      guard let number = value.integer else {
        throw TemplateError(what: "the test '\(name)' takes an integer, not a \(value.typeName)", line: line)
      }
      return number
    }
    switch name {
    case "defined": return value.isDefined
    case "undefined": return !value.isDefined
    case "none": if case .none = value { return true }
    case "boolean": if case .bool = value { return true }
    case "true": if case .bool(true) = value { return true }
    case "false": if case .bool(false) = value { return true }
    case "string": if case .string = value { return true }
    case "number": return value.number != nil
    case "integer": return same(value.typeName, "int")
    case "float": if case .double = value { return true }
    case "mapping": if case .dictionary = value { return true }
    case "iterable", "sequence":
      switch value {
      case .list, .dictionary, .string, .undefined: return true
      default: return false
      }
    case "callable":
      switch value {
      case .macro, .function, .method: return true
      default: return false
      }
    case "odd": return try integer() % 2 != 0
    case "even": return try integer() % 2 == 0
    case "divisibleby":
      guard let divisor = try argument().integer, divisor != 0 else {
        throw TemplateError(what: "the test 'divisibleby' takes a number other than 0", line: line)
      }
      return try divisor == -1 || integer() % divisor == 0
    case "eq", "equalto", "sameas": return value.equals(try argument())
    case "ne": return !value.equals(try argument())
    case "lt", "lessthan": return try order(value, "<", argument(), line)
    case "le": return try order(value, "<=", argument(), line)
    case "gt", "greaterthan": return try order(value, ">", argument(), line)
    case "ge": return try order(value, ">=", argument(), line)
    case "in": return try TemplateInterpreter(variables: [:], now: .distantPast).contains(argument(), value, line)
    case "lower": return TemplateMethods.isLower(value.text)
    case "upper": return TemplateMethods.isUpper(value.text)
    default: throw TemplateError(what: "the test '\(name)' is not known", line: line)
    }
    return false
  }

  /// `<`, `<=`, `>`, `>=` of two numbers or two texts.
  static func order(_ left: TemplateValue, _ operation: String, _ right: TemplateValue, _ line: Int) throws -> Bool {
    let isLess: Bool
    let isEqual: Bool
    if let a = left.number, let b = right.number {
      (isLess, isEqual) = (a < b, a == b)
    } else if case .string(let a) = left, case .string(let b) = right {
      (isLess, isEqual) = (a.utf8.lexicographicallyPrecedes(b.utf8), same(a, b))
    } else {
      throw TemplateError(what: "'\(operation)' cannot compare a \(left.typeName) and a \(right.typeName)", line: line)
    }
    switch operation {
    case "<": return isLess
    case "<=": return isLess || isEqual
    case ">": return !isLess && !isEqual
    default: return !isLess
    }
  }
}
