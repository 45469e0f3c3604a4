import Foundation
import Groundwork

extension DocumentReader {
  /// Calls `body` with each conversation of a file of JSON Lines and the position behind it. Lines that are none count
  /// as bad lines. Once only.
  public func forEachConversation(_ body: (Conversation, Int) throws -> Void) throws {
    try forEachLine { line, number, position in
      try countingBadLines { try body(Conversation(line: UnsafeRawBufferPointer(line), number, of: name), position) }
    }
  }
}
