/// What the split patterns of GPT-2, Llama-3 and Qwen distinguish: `\p{L}`, `\p{N}`, `\s`, and `\r\n`.
enum UnicodeClass: UInt8 {
  case other, letter, number, space, newline

  init(_ scalar: Unicode.Scalar) {
    switch scalar.properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: self = .letter
    case .decimalNumber, .letterNumber, .otherNumber: self = .number
    default:
      if scalar == "\r" || scalar == "\n" {
        self = .newline
      } else {
        self = scalar.properties.isWhitespace ? .space : .other
      }
    }
  }

  var isWhitespace: Bool { self == .space || self == .newline }
}

/// A cursor over UTF-8 that classifies one scalar at a time. Planes 0 and 1 come from a table made once
/// (128 KiB, a few milliseconds); a byte that belongs to no valid sequence is one `other` scalar, so that
/// any bytes can be split.
struct ScalarClassifier: @unchecked Sendable {  // the table is written once, before it is shared
  static let shared = ScalarClassifier()
  private static let tabulated = 0x20000

  private let table: UnsafePointer<UnicodeClass>

  private init() {
    let table = UnsafeMutablePointer<UnicodeClass>.allocate(capacity: Self.tabulated)
    for value in 0..<Self.tabulated {
      table[value] = Unicode.Scalar(UInt32(value)).map(UnicodeClass.init) ?? .other
    }
    self.table = UnsafePointer(table)
  }

  /// The class and the length in bytes of the scalar at `index`; `index < end`.
  @inline(__always)
  func scalar(_ text: UnsafePointer<UInt8>, at index: Int, end: Int) -> (kind: UnicodeClass, length: Int) {
    let first = text[index]
    if first < 0x80 { return (table[Int(first)], 1) }
    return multibyte(text, at: index, end: end)
  }

  private func multibyte(_ text: UnsafePointer<UInt8>, at index: Int, end: Int) -> (
    kind: UnicodeClass, length: Int
  ) {
    let length = Self.sequenceLength(text, at: index, end: end)
    if length == 0 { return (.other, 1) }
    let value = Int(Self.value(text, at: index, length: length))
    if value < Self.tabulated { return (table[value], length) }
    return (Unicode.Scalar(UInt32(value)).map(UnicodeClass.init) ?? .other, length)
  }

  /// The scalar of the valid sequence of `length` bytes at `index`.
  @inline(__always)
  static func value(_ text: UnsafePointer<UInt8>, at index: Int, length: Int) -> UInt32 {
    func rest(_ offset: Int) -> UInt32 { UInt32(text[index + offset] & 0x3F) }
    let first = UInt32(text[index])
    switch length {
    case 1: return first
    case 2: return (first & 0x1F) << 6 | rest(1)
    case 3: return (first & 0x0F) << 12 | rest(1) << 6 | rest(2)
    default: return (first & 0x07) << 18 | rest(1) << 12 | rest(2) << 6 | rest(3)
    }
  }

  /// Length of the valid UTF-8 sequence at `index` (Unicode table 3-7), or 0.
  static func sequenceLength(_ text: UnsafePointer<UInt8>, at index: Int, end: Int) -> Int {
    let first = text[index]
    if first < 0x80 { return 1 }
    let length = first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0
    guard length > 0, index + length <= end else { return 0 }
    let second = text[index + 1]
    switch first {
    case 0xE0: if !(0xA0...0xBF ~= second) { return 0 }
    case 0xED: if !(0x80...0x9F ~= second) { return 0 }
    case 0xF0: if !(0x90...0xBF ~= second) { return 0 }
    case 0xF4: if !(0x80...0x8F ~= second) { return 0 }
    default: if !(0x80...0xBF ~= second) { return 0 }
    }
    for offset in 2..<max(length, 2) where text[index + offset] & 0xC0 != 0x80 { return 0 }
    return length
  }

  /// Where the scalar that ends at `end` starts; `start < end`, the first scalar of the text starts at `start`
  /// or before.
  static func previous(_ text: UnsafePointer<UInt8>, start: Int, end: Int) -> Int {
    for length in 1...4 where end - length >= start {
      if sequenceLength(text, at: end - length, end: end) == length { return end - length }
    }
    return end - 1
  }
}
