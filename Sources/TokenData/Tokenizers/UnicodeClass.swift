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
    let value: Int
    switch length {
    case 2: value = Int(text[index] & 0x1F) << 6 | Int(text[index + 1] & 0x3F)
    case 3:
      value = Int(text[index] & 0x0F) << 12 | Int(text[index + 1] & 0x3F) << 6 | Int(text[index + 2] & 0x3F)
    case 4:
      let high = Int(text[index] & 0x07) << 18 | Int(text[index + 1] & 0x3F) << 12
      value = high | Int(text[index + 2] & 0x3F) << 6 | Int(text[index + 3] & 0x3F)
    default: return (.other, 1)
    }
    if value < Self.tabulated { return (table[value], length) }
    return (Unicode.Scalar(UInt32(value)).map(UnicodeClass.init) ?? .other, length)
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
}
