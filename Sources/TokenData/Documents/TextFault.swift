import Groundwork

/// The first byte of a stretch that is no text: a zero, or no part of a UTF-8 character.
struct TextFault {
  /// From the first byte of the stretch.
  let offset: Int
  private let isZero: Bool
  /// The stretch ends within the character that begins there, as a block or `head -c` cuts it.
  let isCut: Bool

  /// nil where all is text.
  init?(in text: UnsafeBufferPointer<UInt8>) {
    guard let bytes = text.baseAddress else { return nil }
    var index = 0
    while index < text.count {
      // Eight bytes at a time that are ASCII and not zero: neither they nor what is one less have the highest bit.
      while index + 8 <= text.count {
        let word = UnsafeRawPointer(bytes).loadUnaligned(fromByteOffset: index, as: UInt64.self)
        if (word | (word &- 0x0101_0101_0101_0101)) & 0x8080_8080_8080_8080 != 0 { break }
        index += 8
      }
      if index == text.count { return nil }
      let length = bytes[index] == 0 ? 0 : ScalarClassifier.sequenceLength(bytes, at: index, end: text.count)
      if length == 0 {
        offset = index
        isZero = bytes[index] == 0
        isCut = Self.beginsACharacter(text[index...])
        return
      }
      index += length
    }
    return nil
  }

  /// Whether these are the first bytes of a character of UTF-8, and not all of it.
  private static func beginsACharacter(_ bytes: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
    guard let lead = bytes.first, bytes.count < 4, bytes.dropFirst().allSatisfy({ 0x80...0xBF ~= $0 }) else {
      return false
    }
    switch lead {
    case 0xC2...0xDF: return bytes.count < 2
    case 0xE0...0xEF: return bytes.count < 3
    case 0xF0...0xF4: return true
    default: return false
    }
  }

  /// - Parameters:
  ///   - name: of the text
  ///   - start: where in it the stretch begins
  func error(in name: String, from start: Int = 0) -> UpcycleError {
    UpcycleError(
      "is not text", at: name, expected: "UTF-8 text or JSON Lines, plain, .gz or .zst",
      found: isZero
        ? "a zero byte at \(start + offset), so a binary file" : "a byte of no UTF-8 character at \(start + offset)",
      hint: isZero ? "convert it to text first" : "convert it: iconv -f latin1 -t UTF-8 IN > OUT")
  }
}
