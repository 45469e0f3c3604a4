import Foundation

/// The global functions that chat templates call.
enum TemplateFunctions {
  static let names: Set<String> = ["dict", "namespace", "raise_exception", "range", "strftime_now"]
  private static let longestRange = 100_000

  static func call(_ name: String, _ arguments: TemplateCall, _ interpreter: TemplateInterpreter, _ line: Int) throws
    -> TemplateValue
  {
    switch name {
    case "namespace", "dict":
      var values = TemplateDictionary()
      if case .dictionary(let first)? = arguments.positional.first { values = first }
      for (name, value) in arguments.named { values[name] = value }
      return name == "dict" ? .dictionary(values) : .namespace(.init(values))
    case "range":
      let bounds = try arguments.positional.map { value in
        guard let number = value.integer else { throw TemplateError(what: "range takes integers", line: line) }
        return number
      }
      guard (1...3).contains(bounds.count), bounds.count < 3 || bounds[2] != 0 else {
        throw TemplateError(what: "range takes one to three integers, the third not 0", line: line)
      }
      let numbers = stride(
        from: bounds.count > 1 ? bounds[0] : 0, to: bounds.count > 1 ? bounds[1] : bounds[0],
        by: bounds.count > 2 ? bounds[2] : 1)
      let list = Array(numbers.prefix(longestRange + 1))
      if list.count > longestRange { throw TemplateError(what: "a range of more than \(longestRange)", line: line) }
      return .list(list.map { .int($0) })
    case "raise_exception":
      throw TemplateError(
        what: "the template refuses: \(arguments.positional.first?.text ?? "no reason given")", line: line)
    default:
      guard case .string(let format)? = arguments.positional.first else {
        throw TemplateError(what: "strftime_now takes a format", line: line)
      }
      return .string(formatted(interpreter.now, format))
    }
  }

  /// `strftime` in local time.
  private static func formatted(_ date: Date, _ format: String) -> String {
    var seconds = time_t(date.timeIntervalSince1970)
    var parts = tm()
    localtime_r(&seconds, &parts)
    var buffer = [CChar](repeating: 0, count: 1024)
    let count = strftime(&buffer, buffer.count, format, &parts)
    return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
