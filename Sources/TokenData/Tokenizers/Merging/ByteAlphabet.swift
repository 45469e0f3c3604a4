/// GPT-2's printable spelling of the 256 bytes: printable Latin-1 characters stand for themselves, the
/// other 68 bytes for U+0100, U+0101, … in order. Vocabularies and merges are written in it.
enum ByteAlphabet {
  static let scalars: [Unicode.Scalar] = {
    var next: UInt32 = 0x100
    return (0..<256).map { byte in
      let printable =
        (0x21...0x7E).contains(byte) || (0xA1...0xAC).contains(byte) || (0xAE...0xFF).contains(byte)
      defer { if !printable { next += 1 } }
      return Unicode.Scalar(printable ? UInt32(byte) : next)!
    }
  }()

  /// Byte of each scalar below U+0144, -1 where there is none.
  private static let bytes: [Int16] = {
    var table = [Int16](repeating: -1, count: 0x144)
    for (byte, scalar) in scalars.enumerated() { table[Int(scalar.value)] = Int16(byte) }
    return table
  }()

  /// The bytes that `spelling` (UTF-8) stands for; nil when a character is not of the alphabet.
  static func decode(_ spelling: some Collection<UInt8>) -> [UInt8]? {
    var out: [UInt8] = []
    out.reserveCapacity(spelling.count)
    var iterator = spelling.makeIterator()
    while let first = iterator.next() {
      var value = Int(first)
      if first >= 0x80 {
        // The alphabet ends at U+0143: two bytes, the first C2...C5.
        guard 0xC2...0xC5 ~= first, let second = iterator.next(), second & 0xC0 == 0x80 else { return nil }
        value = Int(first & 0x1F) << 6 | Int(second & 0x3F)
      }
      guard value < bytes.count, bytes[value] >= 0 else { return nil }
      out.append(UInt8(bytes[value]))
    }
    return out
  }

  static func encode(_ bytes: some Sequence<UInt8>) -> String {
    var text = String.UnicodeScalarView()
    for byte in bytes { text.append(scalars[Int(byte)]) }
    return String(text)
  }
}
