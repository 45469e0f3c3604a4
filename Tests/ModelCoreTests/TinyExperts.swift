import Autograd
import ModelCore
import TensorCore
import TestKit

/// Small models of the four families with experts, of odd sizes: G != H, K != V, a dense layer in the middle or in
/// front.
enum TinyExperts {
  static let vocabulary = 11
  static let layers = 3

  private static func config(_ architecture: Architecture, _ experts: ExpertConfig) -> ModelConfig {
    ModelConfig(
      architecture: architecture, hiddenSize: 12, layerCount: layers, attentionHeads: 6, keyValueHeads: 3, headDim: 4,
      intermediateSize: 10, vocabularySize: vocabulary, rope: RopeConfig(theta: 50), experts: experts)
  }

  private static func latent(_ config: inout ModelConfig, qRank: Int?, gated: Bool = false) {
    config.mixers = Array(repeating: .latentAttention, count: layers)
    config.headDim = 5
    config.latent = LatentConfig(
      qRank: qRank, kvRank: 5, nopeHeadDim: 3, ropeHeadDim: 4, valueHeadDim: 5, upProjectionHeads: 6, latentNorm: true,
      outputGate: gated, isNative: true)
  }

  /// - Parameter dense: keep the families' dense layers; otherwise every layer has experts
  static func all(dense: Bool = true) throws -> [(name: String, config: ModelConfig)] {
    let last = Array((dense ? 1 : 0)..<layers)
    var v2 = config(
      .deepseekV2,
      ExpertConfig(
        count: 5, perToken: 2, width: 7, sharedWidth: 14, layers: last, rule: ExpertConfig.deepSeekV2(scale: 1.5)))
    latent(&v2, qRank: nil)
    var grouped = config(
      .deepseekV2,
      ExpertConfig(
        count: 6, perToken: 2, width: 7, layers: last, rule: ExpertConfig.deepSeekV2(scale: 3, groups: 3, keptGroups: 2)
      ))
    latent(&grouped, qRank: 7)
    var v3 = config(
      .deepseekV3,
      ExpertConfig(
        count: 8, perToken: 3, width: 7, sharedWidth: 7, layers: last,
        rule: ExpertConfig.deepSeekV3(scale: 2.5, groups: 4, keptGroups: 2), hasCorrectionBias: true))
    latent(&v3, qRank: 7, gated: true)
    var qwen = config(
      .qwen3MoE,
      ExpertConfig(
        count: 5, perToken: 2, width: 7, layers: dense ? [0, 2] : last,
        rule: RoutingRule(score: .softmax, isNormalized: true)))
    qwen.attention.qkNorm = true
    var scout = config(
      .llama4,
      ExpertConfig(
        count: 4, perToken: 1, width: 7, sharedWidth: 7, layers: dense ? [1, 2] : last,
        rule: RoutingRule(score: .sigmoid),
        weighsInput: true, isStacked: true))
    scout.attention = AttentionConfig(
      ropeInterleaved: true, unrotatedLayers: [1], normsRotated: true, temperature: .init(floorScale: 3, slope: 0.5),
      chunks: .init(layers: [2], size: 4))
    let all = [
      ("deepseek-v2", v2), ("deepseek-v2, groups", grouped), ("deepseek-v3, gated", v3), ("qwen3-moe", qwen),
      ("llama4", scout),
    ]
    for (name, config) in all { try config.validate(file: name) }
    return all
  }

  /// Weights of order 1, biases and norms moved off their initial 0 and 1.
  static func model(_ config: ModelConfig, deviation: Double = 0.4) throws -> LanguageModel {
    let model = try LanguageModel(
      config, weights: RandomWeights(seed: 3, deviation: deviation, layers: config.layerCount))
    for parameter in model.parameters.parameters where parameter.shape.count == 1 {
      let noise = randomFloats(parameter.value.count, parameter.name, scale: 0.3)
      for (i, value) in noise.enumerated() { parameter.value.pointer[i] += value }
    }
    return model
  }
}
