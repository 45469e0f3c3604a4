import Groundwork
import ModelCore
import TensorCore

/// HypeNet's hybrid (HyPE, arXiv 2601.22156, section 4): a few attention layers of the base without rotary positions and with a
/// gate on their outputs, beside linear layers that have positions.
///
/// The gates start half open everywhere (their rows of q_proj are zero), and W_O is doubled, so that they change nothing at
/// first. What YaRN or LongRoPE multiplied the base's logits by goes with the rotation: queries, or their norms, take it.
public struct PositionFreeHybrid {
  /// Layers that keep attention, as counted from 0, each once.
  public var attentionLayers: [Int]

  /// - Parameter attentionLayers: from 0, each once; `config` refuses others
  public init(attentionLayers: [Int]) { self.attentionLayers = attentionLayers }

  /// The hybrid's shape.
  /// - Throws: usage errors for layers out of range or named twice, and for a base whose attention has gates already
  public func config(base: ModelConfig, linear: ModelConfig) throws -> ModelConfig {
    if base.attention.outputGate {
      throw UpcycleError.usage(
        "the method has no place for all of this attention", field: "model", expected: "attention without gates",
        found: "attn_output_gate")
    }
    var config = try Composition(attentionLayers: attentionLayers).config(base: base, latent: base, linear: linear)
    config.attention.outputGate = true
    config.attention.unrotatedLayers = Set(config.attention.unrotatedLayers + attentionLayers).sorted()
    try config.validate(file: "hybrid")
    return config
  }

  /// The hybrid of a base and a model with linear layers that learnt from it; both are left as they were.
  public func model(base: LanguageModel, linear: LanguageModel) throws -> LanguageModel {
    let config = try config(base: base.config, linear: linear.config)
    return try LanguageModel(
      config,
      weights: GatedWeights(
        base: (base.config, ModelWeights(base)), linear: (linear.config, ModelWeights(linear)),
        attentionLayers: Set(attentionLayers)), file: "hybrid")
  }
}

/// Attention layers of the base with gates, the other layers from the linear model, the rest from the base.
private struct GatedWeights: WeightSource {
  typealias Model = (config: ModelConfig, weights: ModelWeights)
  let base: Model
  let linear: Model
  let attentionLayers: Set<Int>

  var names: Set<String>? { nil }

  func read(_ tensor: TensorSpec, into destination: UnsafeMutablePointer<Float>) throws {
    let isLinear = tensor.layer.map { !attentionLayers.contains($0) } ?? false
    let source = isLinear ? linear : base
    let own = source.config.counterpart(of: tensor)
    guard !isLinear, let layer = tensor.layer else { return try source.weights.read(own, into: destination) }
    let factor = logitFactor(layer)
    if tensor.role == .mixer(.query) || tensor.role == .mixer(.queryBias) {
      // Each head's rows, then its gate's.
      let values = try source.weights.read(own)
      let head = base.config.headDim * (own.count / own.shape[0])
      destination.update(repeating: 0, count: tensor.count)
      for index in 0..<base.config.attentionHeads {
        (destination + 2 * index * head).update(from: values.pointer + index * head, count: head)
      }
      // Norms behind the projection would take it away again.
      if !base.config.attention.qkNorm { for index in 0..<tensor.count { destination[index] *= factor } }
      return
    }
    try source.weights.read(own, into: destination)
    switch tensor.role {
    case .mixer(.output): for index in 0..<tensor.count { destination[index] *= 2 }
    case .mixer(.queryNorm) where factor != 1:
      let offset = base.config.normOffset
      for index in 0..<tensor.count { destination[index] = factor * (destination[index] + offset) - offset }
    default: break
    }
  }

  /// What the rope of a layer of the base multiplies every logit by.
  private func logitFactor(_ layer: Int) -> Float {
    if base.config.attention.unrotatedLayers.contains(layer) { return 1 }
    let magnitude = base.config.attentionRope(layer: layer).magnitude
    return Float(magnitude * magnitude)
  }
}
