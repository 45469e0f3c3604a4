import CUTF8proc

/// A set of Unicode scalars as a character class of a regular expression spells it: ranges, general categories,
/// white space.
struct ScalarSet: Sendable, Equatable {
  private var ranges: [ClosedRange<UInt32>] = []
  /// A bit for each general category, numbered as utf8proc does.
  private var categories: UInt32 = 0
  private var hasSpaces = false
  private var hasNonSpaces = false
  private var isNegated = false
  /// Membership of the ASCII scalars.
  private var ascii: (low: UInt64, high: UInt64) = (0, 0)

  init() {}

  init(_ scalar: UInt32) { add(scalar...scalar) }

  static func == (a: ScalarSet, b: ScalarSet) -> Bool {
    a.ranges == b.ranges && a.categories == b.categories && a.hasSpaces == b.hasSpaces
      && a.hasNonSpaces == b.hasNonSpaces && a.isNegated == b.isNegated
  }

  // MARK: Making one

  mutating func add(_ range: ClosedRange<UInt32>) {
    ranges.append(range)
    tabulate()
  }

  mutating func addSpaces(negated: Bool) {
    if negated { hasNonSpaces = true } else { hasSpaces = true }
    tabulate()
  }

  /// Adds a general category such as "L" or "Lu", or all others; false when there is no such category.
  mutating func addCategory(_ name: String, negated: Bool) -> Bool {
    let bits = Self.names.enumerated().reduce(UInt32(0)) { bits, entry in
      entry.element == name || String(entry.element.prefix(1)) == name ? bits | 1 << UInt32(entry.offset) : bits
    }
    if bits == 0 { return false }
    addCategories(negated ? ~bits : bits)
    return true
  }

  mutating func addCategories(_ bits: UInt32) {
    categories |= bits
    tabulate()
  }

  /// `\w`: letters, marks, decimal digits and connectors.
  static let wordCategories: UInt32 = names.enumerated().reduce(0) {
    $1.element.hasPrefix("L") || $1.element.hasPrefix("M") || ["Nd", "Pc"].contains($1.element)
      ? $0 | 1 << UInt32($1.offset) : $0
  }

  mutating func formUnion(_ other: ScalarSet) -> Bool {
    if other.isNegated { return false }
    ranges += other.ranges
    categories |= other.categories
    hasSpaces = hasSpaces || other.hasSpaces
    hasNonSpaces = hasNonSpaces || other.hasNonSpaces
    tabulate()
    return true
  }

  mutating func negate() {
    isNegated.toggle()
    tabulate()
  }

  /// In utf8proc's order.
  private static let names = [
    "Cn", "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po",
    "Sm", "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co",
  ]

  private mutating func tabulate() {
    ascii = (0, 0)
    for scalar in UInt32(0)..<128 where computed(scalar) {
      if scalar < 64 { ascii.low |= 1 << UInt64(scalar) } else { ascii.high |= 1 << UInt64(scalar - 64) }
    }
  }

  // MARK: Asking it

  @inline(__always)
  func contains(_ scalar: UInt32) -> Bool {
    if scalar < 64 { return ascii.low >> UInt64(scalar) & 1 == 1 }
    if scalar < 128 { return ascii.high >> UInt64(scalar - 64) & 1 == 1 }
    return computed(scalar)
  }

  private func computed(_ scalar: UInt32) -> Bool {
    var found = ranges.contains { $0.contains(scalar) }
    if !found, categories != 0 { found = categories >> UInt32(utf8proc_category(Int32(scalar)).rawValue) & 1 == 1 }
    if !found, hasSpaces || hasNonSpaces { found = Self.isSpace(scalar) ? hasSpaces : hasNonSpaces }
    return found != isNegated
  }

  /// Unicode's White_Space.
  static func isSpace(_ scalar: UInt32) -> Bool {
    switch scalar {
    case 9...13, 0x20, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000: return true
    default: return false
    }
  }
}
