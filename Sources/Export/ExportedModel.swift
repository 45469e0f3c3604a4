import Foundation
import Groundwork
import ModelCore
import TensorCore

/// A model in another program's spelling: what its folder will hold.
struct ExportedModel {
  /// For people.
  var layout: String
  /// In file order.
  var tensors: [ExportedTensor]
  /// Files of text beside the weights, by name.
  var files: [String: String]

  /// Writes weights and files into a folder that is there.
  func write(_ source: any WeightSource, type: ElementType, to folder: URL) throws {
    let writer = try CheckpointWriter(
      folder, tensors: tensors.map { $0.spec ?? TensorSpec($0.name, $0.shape) }, type: type)
    for tensor in tensors {
      let values = try tensor.values(source)
      try tensor.check(values)
      try writer.write(tensor.name, UnsafeBufferPointer(start: values.pointer, count: values.count))
    }
    try writer.commit()
    for (name, text) in files { try writeFile(text, to: folder.appendingPathComponent(name)) }
  }
}

/// A tensor under another name, perhaps made from others.
struct ExportedTensor {
  var name: String
  var shape: [Int]
  /// The model's own tensor that this is, as its family stores it; nil for one that is spelled otherwise.
  var spec: TensorSpec?
  var values: (any WeightSource) throws -> Tensor

  var count: Int { shape.reduce(1, *) }

  init(_ name: String, _ shape: [Int], values: @escaping (any WeightSource) throws -> Tensor) {
    self.name = name
    self.shape = shape
    self.values = values
  }

  /// A tensor as it is.
  init(_ spec: TensorSpec, as name: String? = nil) {
    self.init(name ?? spec.name, spec.shape) { try $0.read(spec) }
    if name == nil { self.spec = spec }
  }

  /// Refuses what became infinite on its way into another spelling, which no format is meant to hold.
  func check(_ values: Tensor) throws {
    precondition(values.count == count, "\(name): \(values.shape) for \(shape)")
    if values.hasNonFinite {
      throw UpcycleError(
        "holds NaN or infinity once it is spelled so", at: name, hint: "the model's numbers are too large for it")
    }
  }

  /// A constant vector.
  init(_ name: String, filled count: Int, with value: Float) {
    self.init(name, [count]) { _ in
      let values = Tensor([count])
      values.fill(value)
      return values
    }
  }
}

/// A checkpoint whose tensors are refused where they hold numbers that are none: what is wrong lies in its files, which
/// the error names, whatever the tensor becomes.
struct FiniteWeights: WeightSource {
  let reader: CheckpointReader

  var names: Set<String>? { reader.names }

  func read(_ tensor: TensorSpec, into destination: UnsafeMutablePointer<Float>) throws {
    try reader.read(tensor, into: destination)
    try reader.requireFinite(tensor, hasNonFinite(UnsafeBufferPointer(start: destination, count: tensor.count)))
  }

  func location(_ tensor: TensorSpec) -> String { reader.location(tensor) }
}

extension JSONValue {
  /// A configuration as typed readers want it: whole floats keep their point.
  static func configuration(_ object: [String: JSONValue]) -> String {
    JSONValue.object(object).text(pretty: true, keepingFloats: true) + "\n"
  }
}

extension Tensor {
  /// A matrix [rows, columns] with this one in its upper left corner, times `factor`, and zeros elsewhere.
  func padded(rows: Int, columns: Int, factor: Float = 1) -> Tensor {
    let padded = Tensor.zeros([rows, columns])
    for row in 0..<rowCount {
      for column in 0..<width { padded.pointer[row * columns + column] = factor * pointer[row * width + column] }
    }
    return padded
  }

  /// The rows in another order, some perhaps twice.
  func rows(_ order: [Int]) -> Tensor {
    let chosen = Tensor([order.count, width])
    for (row, from) in order.enumerated() {
      (chosen.pointer + row * width).update(from: pointer + from * width, count: width)
    }
    return chosen
  }
}

extension ModelConfig {
  /// Whether the model consists of what exports know how to spell: a part that is new to `ModelConfig` is refused until
  /// someone writes it down for them.
  var isKnownToExports: Bool { knownToExports == self }

  /// The keys of config.json that say what exports do not know; what has no key of its own shows as the family's name.
  var keysUnknownToExports: [String] {
    let (own, known) = (json.object ?? [:], knownToExports.json.object ?? [:])
    let keys = own.keys.filter { own[$0] != known[$0] }.sorted()
    return keys.isEmpty ? [architecture.rawValue] : keys
  }

  /// The model without what exports do not know.
  private var knownToExports: ModelConfig {
    var known = ModelConfig(
      architecture: architecture, hiddenSize: hiddenSize, layerCount: layerCount, attentionHeads: attentionHeads,
      keyValueHeads: keyValueHeads, headDim: headDim, intermediateSize: intermediateSize,
      vocabularySize: vocabularySize, tieWordEmbeddings: tieWordEmbeddings, rmsNormEps: rmsNormEps,
      normOffset: normOffset,
      attention: AttentionConfig(
        qkvBias: attention.qkvBias, qkNorm: attention.qkNorm, outputGate: attention.outputGate,
        ropeInterleaved: attention.ropeInterleaved, unrotatedLayers: attention.unrotatedLayers,
        normsRotated: attention.normsRotated, temperature: attention.temperature, chunks: attention.chunks,
        // Other mixers see the whole past where the base's attention saw a window.
        windows: kinds.contains(.attention) ? nil : attention.windows),
      rope: rope, maxPosition: maxPosition, bosTokenId: bosTokenId, eosTokenIds: eosTokenIds, mixers: mixers,
      experts: experts, connectivities: connectivities)
    known.takeShapes(of: self)
    return known
  }
}
