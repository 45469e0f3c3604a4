import Foundation

extension DecodingError {
  /// What is wrong with a line of JSON, in words a user knows.
  var plainReason: String {
    switch self {
    case .keyNotFound(let key, _): return "no key \"\(key.stringValue)\""
    case .typeMismatch(_, let context), .valueNotFound(_, let context):
      return context.codingPath.last.map { "a wrong value for \"\($0.stringValue)\"" } ?? "no JSON object"
    case .dataCorrupted(let context):
      if let key = context.codingPath.last { return "a wrong value for \"\(key.stringValue)\"" }
      return "text that is not JSON"
    @unknown default: return "\(self)"
    }
  }
}
