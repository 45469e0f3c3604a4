/// Turns ids into text one at a time, as generation yields them: a character that spans several tokens
/// comes out whole once its last byte is there.
public struct TextStream {
  private let tokenizer: Tokenizer
  private var firstSpace: Tokenizer.FirstSpace
  private var pending: [UInt8] = []

  /// - Parameter continuing: the ids continue a text, so that a leading space belongs to them.
  public init(_ tokenizer: Tokenizer, continuing: Bool = false) {
    self.tokenizer = tokenizer
    firstSpace = Tokenizer.FirstSpace(tokenizer, continuing: continuing)
  }

  /// The text that is complete after this id; bytes that can never be UTF-8 become U+FFFD.
  public mutating func append(_ id: Int32) -> String {
    var bytes: [UInt8] = []
    let isSpecial = tokenizer.appendBytes(of: id, showingSpecials: false, to: &bytes)
    firstSpace.drop(from: &bytes, at: 0, isSpecial: isSpecial)
    pending += bytes
    let held = Self.incompleteSuffix(pending)
    defer { pending.removeFirst(pending.count - held) }
    return String(decoding: pending.dropLast(held), as: UTF8.self)
  }

  /// What is left when no more ids come: U+FFFD for a character that was cut off.
  public mutating func finish() -> String {
    defer { pending = [] }
    return String(decoding: pending, as: UTF8.self)
  }

  /// How many bytes at the end may be the beginning of a character (0...3).
  private static func incompleteSuffix(_ bytes: [UInt8]) -> Int {
    for back in 1...3 where back <= bytes.count {
      let byte = bytes[bytes.count - back]
      if byte & 0xC0 == 0x80 { continue }
      let needed = byte >= 0xF0 && byte < 0xF5 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC2 ? 2 : 1
      return byte < 0xF5 && needed > back ? back : 0
    }
    return 0
  }
}
