import Groundwork
import TensorCore

/// Element types of safetensors files, as headers spell them. All are recognised there; F32, BF16, F16 and F64 can be
/// read as floats, I64 and I32 as integers.
public enum ElementType: String, CaseIterable, Sendable {
  case float32 = "F32"
  /// The upper half of a float32.
  case bfloat16 = "BF16"
  case float16 = "F16"
  case float64 = "F64"
  case int64 = "I64"
  case int32 = "I32"
  case int16 = "I16"
  case int8 = "I8"
  case uint64 = "U64"
  case uint32 = "U32"
  case uint16 = "U16"
  case uint8 = "U8"
  /// A byte each.
  case bool = "BOOL"
  /// 4 bits of exponent, 3 of mantissa.
  case float8e4m3 = "F8_E4M3"
  /// 5 bits of exponent, 2 of mantissa.
  case float8e5m2 = "F8_E5M2"

  /// Bytes of one element.
  public var size: Int {
    switch self {
    case .float64, .int64, .uint64: 8
    case .float32, .int32, .uint32: 4
    case .bfloat16, .float16, .int16, .uint16: 2
    case .int8, .uint8, .bool, .float8e4m3, .float8e5m2: 1
    }
  }

  /// The name that config.json's `dtype` uses, for the types we write.
  public var torchName: String {
    switch self {
    case .bfloat16: "bfloat16"
    case .float16: "float16"
    default: "float32"
    }
  }
}

extension WeightMatrix.Element {
  /// The type of a file's numbers that lie like these; nil for ours alone.
  var storedType: ElementType? {
    switch self {
    case .float32: .float32
    case .bfloat16: .bfloat16
    case .float16: .float16
    case .int8: nil
    }
  }
}

/// bfloat16: the upper half of a float32.
public enum BFloat16 {
  /// Exact: every bfloat16 is a float32.
  @inlinable public static func decode(_ bits: UInt16) -> Float { Float(bitPattern: UInt32(bits) << 16) }

  /// Rounds to nearest, ties to even; NaN stays NaN (quiet).
  @inlinable public static func encode(_ value: Float) -> UInt16 {
    let bits = value.bitPattern
    if bits & 0x7FFF_FFFF > 0x7F80_0000 { return UInt16(truncatingIfNeeded: bits >> 16) | 0x0040 }
    return UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ ((bits >> 16) & 1)) >> 16)
  }
}

/// IEEE half precision, by bits: the standard library's conversion is a call per element on this machine.
public enum Half {
  /// Exact, subnormals, infinities and NaN included.
  @inlinable public static func decode(_ bits: UInt16) -> Float {
    let sign = UInt32(bits & 0x8000) << 16
    let magnitude = UInt32(bits & 0x7FFF) << 13
    if magnitude >= 0x0F80_0000 { return Float(bitPattern: sign | magnitude | 0x7000_0000) }  // inf, NaN
    // 2^112 moves the exponent bias from 15 to 127 and normalises subnormals exactly.
    let value = Float(bitPattern: magnitude) * Float(bitPattern: 0x7780_0000)
    return Float(bitPattern: sign | value.bitPattern)
  }

  /// Rounds to nearest, ties to even; too large becomes infinity, NaN stays NaN (quiet).
  @inlinable public static func encode(_ value: Float) -> UInt16 {
    let bits = value.bitPattern
    let sign = UInt16(truncatingIfNeeded: (bits >> 16) & 0x8000)
    let magnitude = bits & 0x7FFF_FFFF
    if magnitude > 0x7F80_0000 { return sign | 0x7E00 | UInt16(truncatingIfNeeded: (magnitude >> 13) & 0x03FF) }
    if magnitude >= 0x477F_F000 { return sign | 0x7C00 }
    if magnitude < 0x3880_0000 {
      // Below 2^-14: adding 0.5 puts the half's last bit at the sum's last bit, so the sum rounds for us.
      let shifted = Float(bitPattern: magnitude) + 0.5
      return sign | UInt16(truncatingIfNeeded: shifted.bitPattern &- 0x3F00_0000)
    }
    let rounded = magnitude &+ 0x0FFF &+ ((magnitude >> 13) & 1)
    return sign | UInt16(truncatingIfNeeded: (rounded &- 0x3800_0000) >> 13)
  }

  /// The largest finite number.
  public static let largest: Float = 65504

  /// Whether a finite number rounds to infinity: from 65520 on.
  @inlinable public static func isTooLarge(_ value: Float) -> Bool {
    (value.bitPattern & 0x7FFF_FFFF) &- 0x477F_F000 < 0x7F80_0000 - 0x477F_F000
  }

  /// Refuses finite numbers that would become infinity; infinity and NaN stay what they are.
  /// - Parameter location: file and tensor, for the error
  public static func requireFit(_ values: UnsafeBufferPointer<Float>, at location: @autoclosure () -> String) throws {
    guard let start = values.baseAddress else { return }
    // Without a branch, so that it is one pass of vectors.
    var anyTooLarge: UInt32 = 0
    for i in 0..<values.count { anyTooLarge |= isTooLarge(start[i]) ? 1 : 0 }
    guard anyTooLarge > 0, let first = values.first(where: isTooLarge) else { return }
    throw UpcycleError(
      "does not fit float16", at: location(), expected: "magnitudes of at most \(Int(largest))", found: "\(first)",
      hint: "choose `dtype` bfloat16")
  }
}
