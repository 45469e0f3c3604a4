import Groundwork

extension JSONValue {
  /// The value as it stands in tables and cell names: texts bare, everything else as JSON.
  var plainText: String { string ?? text() }
}
