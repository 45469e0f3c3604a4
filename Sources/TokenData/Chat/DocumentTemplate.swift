import Foundation
import Groundwork

/// A Jinja template over the keys of one document, as the tasks of lm-evaluation-harness are written: white space stays
/// as it is, and a key that the document does not have is an error.
public struct DocumentTemplate: Sendable {
  private let source: String
  private let place: String

  /// - Parameter place: what errors name as the place
  /// - Throws: when it uses what is not known
  public init(_ source: String, at place: String) throws {
    self.source = source
    self.place = place
    _ = try nodes()
  }

  private func nodes() throws -> [TemplateNode] {
    do { return try TemplateParser.parse(source, keepsBlanks: true) } catch let error as TemplateError {
      throw UpcycleError("the template cannot be read: \(error.what)", at: "\(place): template line \(error.line)")
    }
  }

  /// What the template writes for each of these documents.
  /// - Parameter name: of a document, for errors
  public func texts(_ documents: [JSONValue], name: (Int) -> String) throws -> [String] {
    let nodes = try nodes()
    return try documents.enumerated().map { index, document in
      guard case .dictionary(let variables) = TemplateValue(document) else {
        throw UpcycleError("is no JSON object", at: name(index))
      }
      do {
        let output = try TemplateInterpreter.render(nodes, variables: variables, now: Date(), isStrict: true)
        return String(decoding: output.text, as: UTF8.self)
      } catch let error as TemplateError {
        throw UpcycleError("the template fails: \(error.what)", at: "\(name(index)), \(place)")
      }
    }
  }
}

/// The value of a Python literal, as a template prints a list; nil for other text.
public func pythonLiteral(_ text: String) -> JSONValue? {
  let trimmed = TemplateMethods.stripped(text, nil, left: true, right: true)
  guard let first = trimmed.unicodeScalars.first, "[('\"{-0123456789TFN".unicodeScalars.contains(first),
    let nodes = try? TemplateParser.parse("{{ \(trimmed) }}"), nodes.count == 1,
    case .output(let expression, _) = nodes[0]
  else { return nil }
  var interpreter = TemplateInterpreter(variables: TemplateDictionary(), now: Date())
  return (try? interpreter.evaluate(expression))?.jsonValue
}

extension TemplateValue {
  /// nil for what JSON does not have.
  fileprivate var jsonValue: JSONValue? {
    switch self {
    case .none: return .null
    case .bool(let value): return .bool(value)
    case .int(let value): return .int(value)
    case .digits(let text): return Double(text).map(JSONValue.double)
    case .double(let value): return .double(value)
    case .string(let text): return .string(text)
    case .list(let items):
      let values = items.compactMap(\.jsonValue)
      return values.count == items.count ? .array(values) : nil
    case .dictionary(let dictionary):
      let values = dictionary.entries.compactMap { entry in entry.value.jsonValue.map { (entry.key, $0) } }
      return values.count == dictionary.entries.count ? .object(Dictionary(values) { $1 }) : nil
    case .undefined, .namespace, .macro, .function, .method: return nil
    }
  }
}
