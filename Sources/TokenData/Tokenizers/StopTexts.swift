/// Ends a text that streams where one of some texts begins: what may be the beginning of one is held back until it is
/// decided.
public struct StopTexts: Sendable {
  private let stops: [[UInt8]]
  private var held: [UInt8] = []
  /// One of the texts came; nothing more is given.
  public private(set) var isDone = false

  /// Empty texts stop nothing.
  public init(_ stops: [String]) { self.stops = stops.map { Array($0.utf8) }.filter { !$0.isEmpty } }

  /// - Returns: the text that can be shown after `piece` came.
  public mutating func append(_ piece: String) -> String {
    if isDone { return "" }
    if stops.isEmpty { return piece }
    held += Array(piece.utf8)
    for index in held.indices {
      let rest = held[index...]
      if stops.contains(where: { rest.starts(with: $0) }) {
        isDone = true
        defer { held = [] }
        return String(decoding: held[..<index], as: UTF8.self)
      }
      if stops.contains(where: { $0.starts(with: rest) }) {
        defer { held.removeFirst(index) }
        return String(decoding: held[..<index], as: UTF8.self)
      }
    }
    defer { held = [] }
    return String(decoding: held, as: UTF8.self)
  }

  /// What was held back when no more text comes: it may have been the beginning of one text while it holds
  /// all of another.
  public mutating func finish() -> String {
    defer { held = [] }
    if isDone { return "" }
    let end = held.indices.first { index in stops.contains { held[index...].starts(with: $0) } }
    isDone = end != nil
    return String(decoding: held[..<(end ?? held.count)], as: UTF8.self)
  }
}
