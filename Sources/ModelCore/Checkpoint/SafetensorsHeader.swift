import Groundwork

/// Where one tensor lies in a safetensors file.
public struct TensorInfo: Equatable, Sendable {
  /// In the file.
  public let name: String
  /// Of its elements.
  public let type: ElementType
  /// Row-major.
  public let shape: [Int]
  /// Byte range behind the header.
  public let range: Range<Int>

  /// Numbers in it.
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
    try JSONReader.parse(json, file: file, what: "safetensors header") { reader in
      try reader.object { reader, key in
        let name = String(decoding: key, as: UTF8.self)
        if name == "__metadata__" {
          try reader.object { reader, key in metadata[String(decoding: key, as: UTF8.self)] = try reader.string() }
        } else {
          tensors.append(try Self.entry(&reader, name, file: file))
        }
      }
    }
    try check(dataLength: dataLength, file: file)
  }

  private static func entry(_ reader: inout JSONReader, _ name: String, file: String) throws -> TensorInfo {
    var type: ElementType?
    var shape: [Int]?
    var offsets: [Int]?
    try reader.object { reader, key in
      switch String(decoding: key, as: UTF8.self) {
      case "dtype":
        let text = try reader.string()
        guard let known = ElementType(rawValue: text) else {
          throw UpcycleError(
            "unknown element type", at: "\(file): \(shown(name))",
            expected: ElementType.allCases.map(\.rawValue).joined(separator: ", "), found: shown(text))
        }
        type = known
      case "shape": shape = try integers(&reader, limit: maximumRank)
      case "data_offsets": offsets = try integers(&reader, limit: 2)
      case let field: throw reader.malformed("unknown field \"\(shown(field))\" of tensor \(shown(name))")
      }
    }
    guard let type, let shape, let offsets, offsets.count == 2, offsets[0] <= offsets[1] else {
      throw reader.malformed("tensor \(shown(name)) needs dtype, shape and two rising data_offsets")
    }
    let info = TensorInfo(name: name, type: type, shape: shape, range: offsets[0]..<offsets[1])
    try checkSize(info, file: file)
    return info
  }

  /// Whole numbers of 0 and up in brackets, at most `limit` of them.
  private static func integers(_ reader: inout JSONReader, limit: Int) throws -> [Int] {
    var values: [Int] = []
    try reader.array { reader in
      guard values.count < limit else { throw reader.malformed("a list of more than \(limit) numbers") }
      let value = try reader.integer()
      guard value >= 0 else { throw reader.malformed("a number below 0") }
      values.append(value)
    }
    return values
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
