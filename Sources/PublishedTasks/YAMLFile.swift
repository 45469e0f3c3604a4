import Foundation
import Groundwork
import Yams

/// A YAML file as JSON values. A Python function (`!function module.name`) is an object with its name under "!function".
enum YAMLFile {
  static let function = "!function"

  /// - Throws: where the file cannot be read or is not a mapping
  static func read(_ url: URL) throws -> [String: JSONValue] {
    let text = String(decoding: try readFile(url), as: UTF8.self)
    let node: Node?
    do { node = try Yams.compose(yaml: text) } catch {
      let reason = "\(error)".split(separator: "\n").joined(separator: " ")
      throw UpcycleError("is not YAML: \(reason)", at: url.path)
    }
    var left = 10_000 + text.utf8.count
    guard let node, case .object(let object) = try value(node, url.path, &left) else {
      throw UpcycleError("is no task", at: url.path, expected: "a YAML mapping with `task` and `doc_to_text`")
    }
    return object
  }

  /// - Parameter left: values that may come: aliases of aliases stand for more than there is memory
  private static func value(_ node: Node, _ file: String, _ left: inout Int) throws -> JSONValue {
    left -= 1
    if left < 0 { throw UpcycleError("grows beyond its size by aliases of aliases", at: file) }
    switch node {
    case .mapping(let mapping):
      var object: [String: JSONValue] = [:]
      for (key, entry) in mapping {
        guard let name = key.scalar?.string else { throw UpcycleError("has a key that is no text", at: file) }
        // Choices are a mapping's values in their order, which an object does not keep.
        if name == "doc_to_choice", case .mapping(let choices) = entry {
          object[name] = .array(try choices.map { try value($0.value, file, &left) })
          continue
        }
        object[name] = try value(entry, file, &left)
      }
      return .object(object)
    case .sequence(let items): return .array(try items.map { try value($0, file, &left) })
    case .scalar(let scalar):
      let tag = node.tag.description
      if tag == function { return .object([function: .string(scalar.string)]) }
      switch tag {
      case Tag.Name.null.rawValue: return .null
      case Tag.Name.bool.rawValue: return node.bool.map { .bool($0) } ?? .string(scalar.string)
      case Tag.Name.int.rawValue: return node.int.map { .int($0) } ?? .string(scalar.string)
      case Tag.Name.float.rawValue: return node.float.map { .double($0) } ?? .string(scalar.string)
      default: return .string(scalar.string)
      }
    case .alias: throw UpcycleError("uses an alias that is not known", at: file)
    }
  }
}
