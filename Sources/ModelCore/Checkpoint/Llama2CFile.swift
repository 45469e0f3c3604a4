import Foundation
import Groundwork

/// A llama2.c checkpoint of the first ("version 0") format as a source of Hugging Face tensors.
///
/// Seven int32: dim, hidden_dim, layers, heads, KV heads, vocabulary, context; a negative vocabulary means a
/// head of its own. Then float32, each kind stacked over layers: embedding, attention norms, wq, wk, wv, wo,
/// feed-forward norms, w1 (gate), w2 (down), w3 (up), final norm, two tables of rotary angles (passed over),
/// and the head if there is one.
///
/// llama2.c rotates neighbouring dimensions (2j, 2j+1), Hugging Face rotates halves (j, j + d_h/2): the rows
/// of each query and key head are re-ordered when they are read.
public struct Llama2CFile: WeightSource {
  /// The Llama that the header describes.
  public let config: ModelConfig
  private let map: MappedFile
  /// First float of each tensor, behind the header.
  private let starts: [TensorPlace: Int]

  private static let headerBytes = 28

  /// - Throws: failures for files that are not of this format, cut short, or too long
  public init(_ url: URL) throws {
    let map = try MappedFile(url)
    self.map = map
    guard map.bytes.count >= Self.headerBytes else {
      throw UpcycleError(
        "is not a llama2.c checkpoint", at: url.path, expected: "a header of 28 bytes",
        found: "\(map.bytes.count) bytes")
    }
    let header = (0..<7).map {
      Int(Int32(littleEndian: map.bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Int32.self)))
    }
    config = try Self.config(header, file: url.path)
    let (starts, floats) = Self.layout(config)
    self.starts = starts
    let expected = Self.headerBytes + 4 * floats
    guard map.bytes.count == expected else {
      throw UpcycleError(
        map.bytes.count < expected ? "the llama2.c checkpoint is truncated" : "is not a version 0 llama2.c checkpoint",
        at: url.path, expected: "\(expected) bytes", found: "\(map.bytes.count)")
    }
  }

  private static func config(_ header: [Int], file: String) throws -> ModelConfig {
    func field(_ index: Int, _ name: String, _ limit: Int) throws -> Int {
      let value = name == "vocab_size" ? abs(header[index]) : header[index]
      guard (1...limit).contains(value) else {
        throw UpcycleError(
          "is not a llama2.c checkpoint (\(name))", at: file, expected: "1...\(limit)", found: "\(header[index])")
      }
      return value
    }
    let dim = try field(0, "dim", 1 << 16)
    let heads = try field(3, "n_heads", 1 << 10)
    guard dim % heads == 0 else {
      throw UpcycleError(
        "is not a llama2.c checkpoint (n_heads)", at: file, expected: "a divisor of \(dim)", found: "\(heads)")
    }
    let config = ModelConfig(
      hiddenSize: dim, layerCount: try field(2, "n_layers", 1 << 10), attentionHeads: heads,
      keyValueHeads: try field(4, "n_kv_heads", 1 << 10), intermediateSize: try field(1, "hidden_dim", 1 << 20),
      vocabularySize: try field(5, "vocab_size", 1 << 24), tieWordEmbeddings: header[5] > 0, rmsNormEps: 1e-5,
      rope: RopeConfig(theta: 10_000), maxPosition: try field(6, "seq_len", 1 << 24),
      bosTokenId: header[5].magnitude > 1 ? 1 : nil,
      eosTokenIds: header[5].magnitude > 2 ? [2] : [])
    try config.validate(file: file)
    return config
  }

  /// Start of every tensor and the number of floats in the file.
  private static func layout(_ config: ModelConfig) -> (starts: [TensorPlace: Int], floats: Int) {
    var starts: [TensorPlace: Int] = [:]
    var next = 0
    func place(_ role: TensorRole, layer: Int? = nil) {
      let place = TensorPlace(role, layer: layer)
      starts[place] = next
      next += config.tensor(place)?.count ?? 0
    }
    func stack(_ role: TensorRole) { for layer in 0..<config.layerCount { place(role, layer: layer) } }
    place(.embedding)
    for role: TensorRole in [
      .inputNorm, .mixer(.query), .mixer(.key), .mixer(.value), .mixer(.output), .transformNorm, .feedForward(.gate),
      .feedForward(.down), .feedForward(.up),
    ] { stack(role) }
    place(.finalNorm)
    next += config.maxPosition * config.headDim  // cosines and sines, half a head each
    if !config.tieWordEmbeddings { place(.head) }
    return (starts, next)
  }

  /// Those that the header implies: the file itself names nothing.
  public var names: Set<String>? { Set(config.tensors.map(\.name)) }

  /// Rows of queries and keys come in the order of Hugging Face.
  /// - Throws: a failure for a tensor that the file's Llama does not have
  public func read(_ tensor: TensorSpec, into destination: UnsafeMutablePointer<Float>) throws {
    guard let start = starts[tensor.place], let base = map.bytes.baseAddress else {
      throw UpcycleError(
        "tensor is missing", at: "\(map.url.path): \(tensor.name)", expected: "shape \(tensor.shape)")
    }
    let source = base + Self.headerBytes + 4 * start
    let width = config.hiddenSize
    guard tensor.role == .mixer(.query) || tensor.role == .mixer(.key) else {
      memcpy(destination, source, 4 * tensor.count)
      return
    }
    let half = config.headDim / 2
    for row in 0..<tensor.shape[0] {
      let (head, dim) = row.quotientAndRemainder(dividingBy: config.headDim)
      let from = head * config.headDim + 2 * (dim % half) + dim / half
      memcpy(destination + row * width, source + 4 * from * width, 4 * width)
    }
  }
}
