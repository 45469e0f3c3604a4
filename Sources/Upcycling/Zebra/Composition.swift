import Foundation
import Groundwork
import ModelCore
import TensorCore

/// A hybrid put together layer by layer from two models that were trained from one base (Zebra-Llama, section 3.1): whole
/// decoder layers from the latent-attention model, or the base itself, and the linear model; embedding, final norm and head
/// from the base.
public struct Composition {
  /// Layers that do not come from the linear model.
  private let chosenLayers: [Int]
  /// Their mixer.
  private let chosenKind: MixerKind

  /// - Parameter latentLayers: taken from the latent-attention model, as counted from 0, each once
  public init(latentLayers: [Int]) { (chosenLayers, chosenKind) = (latentLayers, .latentAttention) }

  /// - Parameter attentionLayers: taken from the base, as counted from 0, each once
  public init(attentionLayers: [Int]) { (chosenLayers, chosenKind) = (attentionLayers, .attention) }

  /// The hybrid's shape, of a base, the model that the chosen layers come from, and the linear one.
  /// - Throws: usage errors for layers out of range or named twice, and for models that are not what they should be
  public func config(base: ModelConfig, latent: ModelConfig, linear: ModelConfig) throws -> ModelConfig {
    func refuse(_ what: String, _ field: String, _ expected: String, _ found: String) -> UpcycleError {
      .usage(what, field: field, expected: expected, found: found)
    }
    if chosenLayers.isEmpty { throw refuse("names no layer", "layers", "a list like 0,5,10,14", "nothing") }
    for (index, layer) in chosenLayers.enumerated() {
      if !(0..<base.layerCount).contains(layer) {
        throw refuse("layer out of range", "layers", "0...\(base.layerCount - 1)", "\(layer)")
      }
      if chosenLayers[..<index].contains(layer) {
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
      let isChosen = chosenLayers.contains(layer)
      let kind = (isChosen ? latent : linear).mixers[layer]
      let wanted = isChosen ? [chosenKind] : Mixers.kinds.filter { $0.mixer.isLinear }
      if !wanted.contains(kind) {
        throw refuse(
          "layer \(layer) has the wrong mixer", isChosen ? (chosenKind == .attention ? "base" : "mla") : "linear",
          wanted.map(\.rawValue).joined(separator: " or "), kind.rawValue)
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

  private static func shape(_ config: ModelConfig) -> String {
    "\(config.layerCount) layers of width \(config.hiddenSize), \(config.attentionHeads) heads of \(config.headDim)"
  }

  /// Writes the hybrid's folder from the three models' folders; it appears whole or not at all.
  /// - Parameters:
  ///   - latent: where the chosen layers come from: the base's folder for its attention
  ///   - type: of the numbers that are written
  public func write(
    base: URL, latent: URL, linear: URL, to destination: URL, type: ElementType = .float32
  ) throws -> ModelConfig {
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
      chosenLayers: Set(chosenLayers))
    try writeModelFolder(config, from: weights, to: output.work, type: type)
    try copyTokenizer(from: base, to: output.work)
    try output.commit()
    return config
  }

  /// ILD leaves the embedding alone, so a model of another base shows by its. A student of another type holds it rounded.
  private func requireSameEmbedding(
    _ reader: CheckpointReader, _ base: CheckpointReader, _ config: ModelConfig, _ field: String
  ) throws {
    let embedding = config.embeddingTensor
    let (own, wanted) = (try reader.read(embedding).toArray(), try base.read(embedding).toArray())
    let isRounded = reader.type(of: embedding) != base.type(of: embedding)
    if isRounded ? zip(own, wanted).contains(where: { abs($0 - $1) > abs($1) / 128 + 1e-6 }) : own != wanted {
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
  let chosenLayers: Set<Int>

  var names: Set<String>? { nil }

  func read(_ tensor: TensorSpec, into destination: UnsafeMutablePointer<Float>) throws {
    let source = model(of: tensor)
    try source.reader.read(source.config.counterpart(of: tensor), into: destination)
  }

  func location(_ tensor: TensorSpec) -> String {
    let source = model(of: tensor)
    return source.reader.location(source.config.counterpart(of: tensor))
  }

  private func model(of tensor: TensorSpec) -> Model {
    tensor.layer.map { chosenLayers.contains($0) ? latent : linear } ?? base
  }
}
