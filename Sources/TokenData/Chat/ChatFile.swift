import Foundation
import Groundwork

extension DocumentReader {
  /// Calls `body` with what `make` makes of each conversation of a file of JSON Lines and the position behind it. Lines
  /// that are no conversation, or one that nothing can be made of, count as bad lines. Once only.
  /// - Parameter make: a template's text or ids, say; its errors are said of the line
  public func forEachConversation<Made>(
    as make: (Conversation) throws -> Made, _ body: (Made, Int) throws -> Void
  ) throws {
    try forEachLine { line, number, position in
      var made: Made?
      try countingBadLines {
        let conversation = try Conversation(line: UnsafeRawBufferPointer(line), number, of: name)
        do { made = try make(conversation) } catch let error as UpcycleError {
          throw error.said(of: "\(name):\(number)")
        }
      }
      if let made { try body(made, position) }
    }
  }
}

extension UpcycleError {
  /// What a template says, against the line whose conversation it was to write.
  func said(of place: String) -> UpcycleError {
    var error = self
    error.location = location.map { "\(place), \($0)" } ?? place
    error.kind = .failure
    return error
  }
}
