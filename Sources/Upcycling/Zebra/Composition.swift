import Foundation
import Groundwork
import ModelCore
import TensorCore

/// A hybrid put together layer by layer from two models that ILD trained from one base (Zebra-Llama, section 3.1): whole
/// decoder layers from the latent-attention and the linear model; embedding, final norm and head from the base.
public struct Composition {
  /// Layers taken from the latent-attention model; the others come from the linear one.
  public var latentLayers: [Int]

  /// - Parameter latentLayers: as counted from 0, each once
  public init(latentLayers: [Int]) { self.latentLayers = latentLayers }

  /// The hybrid's shape. Refuses layers out of range or named twice, and models that are not what they should be.
  public func config(base: ModelConfig, latent: ModelConfig, linear: ModelConfig) throws -> ModelConfig {
    func refuse(_ what: String, _ field: String, _ expected: String, _ found: String) -> UpcycleError {
      .usage(what, field: field, expected: expected, found: found)
    }
    if latentLayers.isEmpty { throw refuse("names no layer", "layers", "a list like 0,5,10,14", "nothing") }
    for (index, layer) in latentLayers.enumerated() {
      if !(0..<base.layerCount).contains(layer) {
        throw refuse("layer out of range", "layers", "0...\(base.layerCount - 1)", "\(layer)")
      }
      if latentLayers[..<index].contains(layer) {
        throw refuse("names a layer twice", "layers", "each once", "\(layer)")
      }
    }
    for (field, model) in [("mla", latent), ("linear", linear)] {
      if model.baseModel != base.baseModel {
        throw refuse("has another shape than the base", field, Self.shape(base), Self.shape(model))
      }
    }
    var mixers = base.mixers
    for layer in 0..<base.layerCount {
      let isLatent = latentLayers.contains(layer)
      let kind = (isLatent ? latent : linear).mixers[layer]
      if (kind == .latentAttention) != isLatent || kind == .attention {
        throw refuse(
          "layer \(layer) has the wrong mixer", isLatent ? "mla" : "linear",
          (isLatent ? [MixerKind.latentAttention] : [.mamba2, .gatedDeltaNet]).map(\.rawValue).joined(
            separator: " or "),
          kind.rawValue)
      }
      mixers[layer] = kind
    }
    var config = base
    config.architecture = .hybrid
    config.mixers = mixers
    config.takeShapes(of: linear)
    config.latent = latent.latent
    try config.validate(file: "hybrid")
    return config
  }

  /// Refuses an output folder that holds something else, before long work whose result goes there.
  public static func requireFree(_ destination: URL, base: URL) throws {
    try requireModelPlace(destination, keepingApartFrom: base)
  }

  private static func shape(_ config: ModelConfig) -> String {
    "\(config.layerCount) layers of width \(config.hiddenSize), \(config.attentionHeads) heads of \(config.headDim)"
  }

  /// Writes the hybrid's folder from the three models' folders; it appears whole or not at all.
  public func write(base: URL, latent: URL, linear: URL, to destination: URL) throws -> ModelConfig {
    let (baseConfig, latentConfig, linearConfig) = (
      try ModelConfig(contentsOf: base), try ModelConfig(contentsOf: latent), try ModelConfig(contentsOf: linear)
    )
    let config = try config(base: baseConfig, latent: latentConfig, linear: linearConfig)
    let readers = (
      base: try CheckpointReader(base), latent: try CheckpointReader(latent), linear: try CheckpointReader(linear)
    )
    for (field, reader) in [("mla", readers.latent), ("linear", readers.linear)] {
      try requireSameEmbedding(reader, readers.base, baseConfig, field)
    }
    let output = try outputFolder(destination, keepingApartFrom: base)
    let weights = ComposedWeights(
      base: (baseConfig, readers.base), latent: (latentConfig, readers.latent), linear: (linearConfig, readers.linear),
      latentLayers: Set(latentLayers))
    try writeModelFolder(config, from: weights, to: output.work, type: .float32)
    try copyTokenizer(from: base, to: output.work)
    try output.commit()
    return config
  }

  /// ILD leaves the embedding alone, so a model of another base shows by its.
  private func requireSameEmbedding(
    _ reader: CheckpointReader, _ base: CheckpointReader, _ config: ModelConfig, _ field: String
  ) throws {
    let embedding = config.embeddingTensor
    if try reader.read(embedding).toArray() != base.read(embedding).toArray() {
      throw UpcycleError.usage(
        "was trained from another base", field: field, expected: "the embedding of \(base.folder.path)",
        found: "another in \(reader.folder.path)")
    }
  }
}

/// Layers from two models, the rest from the base.
private struct ComposedWeights: WeightSource {
  typealias Model = (config: ModelConfig, reader: CheckpointReader)
  let base: Model
  let latent: Model
  let linear: Model
  let latentLayers: Set<Int>

  var names: Set<String>? { nil }

  func read(_ tensor: TensorSpec, into destination: UnsafeMutablePointer<Float>) throws {
    let source = tensor.layer.map { latentLayers.contains($0) ? latent : linear } ?? base
    try source.reader.read(source.config.counterpart(of: tensor), into: destination)
  }
}
