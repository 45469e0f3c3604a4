import Groundwork

/// Where one tensor lies in a safetensors file.
public struct TensorInfo: Equatable, Sendable {
  public let name: String
  public let type: ElementType
  public let shape: [Int]
  /// Byte range behind the header.
  public let range: Range<Int>

  public var count: Int { shape.reduce(1, *) }
}

/// The header of a safetensors file, checked: known types, sizes that follow from shapes, and byte ranges
/// that tile the data without holes or overlaps, so that nothing later needs to be checked again.
struct SafetensorsHeader {
  /// The reference reader's limit; a larger length field is a damaged or foreign file.
  static let maximumLength = 100_000_000
  static let maximumRank = 8

  private(set) var tensors: [TensorInfo] = []
  private(set) var metadata: [String: String] = [:]

  /// - Parameters:
  ///   - json: the header's bytes
  ///   - dataLength: bytes in the file behind the header
  init(json: UnsafeRawBufferPointer, dataLength: Int, file: String) throws {
    var scanner = JSONScanner(json, file: file)
    try scanner.expect(UInt8(ascii: "{"))
    if !scanner.take(UInt8(ascii: "}")) {
      repeat {
        let name = try scanner.string()
        try scanner.expect(UInt8(ascii: ":"))
        if name == "__metadata__" { try readMetadata(&scanner) } else { tensors.append(try Self.entry(&scanner, name)) }
      } while scanner.take(UInt8(ascii: ","))
      try scanner.expect(UInt8(ascii: "}"))
    }
    try scanner.expectEnd()
    try check(dataLength: dataLength, file: file)
  }

  private mutating func readMetadata(_ scanner: inout JSONScanner) throws {
    try scanner.expect(UInt8(ascii: "{"))
    if scanner.take(UInt8(ascii: "}")) { return }
    repeat {
      let key = try scanner.string()
      try scanner.expect(UInt8(ascii: ":"))
      metadata[key] = try scanner.string()
    } while scanner.take(UInt8(ascii: ","))
    try scanner.expect(UInt8(ascii: "}"))
  }

  private static func entry(_ scanner: inout JSONScanner, _ name: String) throws -> TensorInfo {
    var type: ElementType?
    var shape: [Int]?
    var offsets: [Int]?
    try scanner.expect(UInt8(ascii: "{"))
    repeat {
      let key = try scanner.string()
      try scanner.expect(UInt8(ascii: ":"))
      switch key {
      case "dtype":
        let text = try scanner.string()
        guard let known = ElementType(rawValue: text) else {
          throw UpcycleError(
            "unknown element type", at: "\(scanner.file): \(shown(name))",
            expected: ElementType.allCases.map(\.rawValue).joined(separator: ", "), found: shown(text))
        }
        type = known
      case "shape": shape = try scanner.integers(limit: maximumRank)
      case "data_offsets": offsets = try scanner.integers(limit: 2)
      default: throw scanner.fail("unknown field \"\(shown(key))\" of tensor \(shown(name))")
      }
    } while scanner.take(UInt8(ascii: ","))
    try scanner.expect(UInt8(ascii: "}"))
    guard let type, let shape, let offsets, offsets.count == 2, offsets[0] <= offsets[1] else {
      throw scanner.fail("tensor \(shown(name)) needs dtype, shape and two rising data_offsets")
    }
    let info = TensorInfo(name: name, type: type, shape: shape, range: offsets[0]..<offsets[1])
    try checkSize(info, file: scanner.file)
    return info
  }

  private static func checkSize(_ info: TensorInfo, file: String) throws {
    var bytes = info.type.size
    var overflow = false
    for extent in info.shape {
      let (product, over) = bytes.multipliedReportingOverflow(by: extent)
      bytes = product
      overflow = overflow || over
    }
    guard !overflow, bytes == info.range.count else {
      throw UpcycleError(
        "shape \(info.shape) of \(info.type.rawValue) does not fit its byte range", at: "\(file): \(shown(info.name))",
        expected: overflow ? "a size below 2^63 bytes" : "\(bytes) bytes", found: "\(info.range.count)",
        hint: "the file is damaged")
    }
  }

  private mutating func check(dataLength: Int, file: String) throws {
    var names = Set<String>(minimumCapacity: tensors.count)
    for info in tensors where !names.insert(info.name).inserted {
      throw UpcycleError("tensor appears twice", at: "\(file): \(shown(info.name))", hint: "the file is damaged")
    }
    tensors.sort { ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound) }
    var end = 0
    for info in tensors {
      guard info.range.lowerBound == end else {
        throw UpcycleError(
          "byte ranges overlap or leave a hole", at: "\(file): \(shown(info.name))", expected: "data from byte \(end)",
          found: "\(info.range.lowerBound)", hint: "the file is damaged")
      }
      end = info.range.upperBound
    }
    guard end == dataLength else {
      throw UpcycleError(
        end > dataLength ? "the file is truncated" : "bytes behind the last tensor", at: file,
        expected: "\(end) bytes of data", found: "\(dataLength)",
        hint: end > dataLength ? "copy or download it again" : "the file is damaged")
    }
  }
}

/// A name as an error shows it: bounded, on one line.
func shown(_ name: String) -> String {
  let line = name.replacing("\n", with: " ")
  return line.count <= 100 ? line : line.prefix(97) + "..."
}
