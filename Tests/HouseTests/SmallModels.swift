import Autograd
import ModelCore

/// One small model of every mixer and of every family, of odd sizes: G != H, K != V.
enum SmallModels {
  static let vocabulary = 11

  private static func base(_ change: (inout ModelConfig) -> Void = { _ in }) -> ModelConfig {
    var config = ModelConfig(
      hiddenSize: 12, layerCount: 2, attentionHeads: 6, keyValueHeads: 3, headDim: 4, intermediateSize: 10,
      vocabularySize: vocabulary, tieWordEmbeddings: true, rope: RopeConfig(theta: 50), maxPosition: 64)
    change(&config)
    return config
  }

  private static let latent = LatentConfig(
    qRank: 7, kvRank: 5, nopeHeadDim: 3, ropeHeadDim: 4, valueHeadDim: 5, upProjectionHeads: 3)
  private static let mamba = MambaConfig(heads: 4, headDim: 3, stateSize: 5, groups: 2, chunk: 4)
  private static let delta = DeltaConfig(heads: 4, keyHeads: 2, keyDim: 9, valueDim: 5, chunk: 4)
  private static let jet = JetConfig(heads: 3, keyDim: 4, valueDim: 5, convTaps: 3, generatorReduction: 5, chunk: 4)

  private static let lightning = LightningConfig(heads: 3, headDim: 6, chunk: 4)

  /// Models that no mixer or family stands for: biases carried into latent attention and Mamba2, latents with norms.
  static func carryingBiases() throws -> [(name: String, config: ModelConfig)] {
    let base = base { $0.attention.qkvBias = true }
    var latent = latent
    latent.qkvBias = true
    var (normed, direct) = (latent, latent)
    normed.latentNorm = true
    direct.qRank = nil
    return [
      ("biased MLA", try base.withLatentAttention(latent, layers: [0])),
      ("biased MLA with latent norms", try base.withLatentAttention(normed, layers: [0])),
      ("biased MLA with direct queries", try base.withLatentAttention(direct, layers: [0])),
      ("biased Mamba2", try base.withMamba2(layers: [0])),
      ("biased Gated DeltaNet", try base.withGatedDeltaNet(DeltaConfig(replacing: base, heads: 3), layers: [0])),
    ]
  }

  /// A layer of this kind below one of attention.
  static func of(_ kind: MixerKind) throws -> ModelConfig {
    if kind == .attention { return base() }
    if kind == .lowRankAttention {
      return try base().withLowRankAttention(
        LowRankConfig(layerRanks: [0: .init(key: [2, 3, 1], value: [4, 1, 2])]))
    }
    if kind == .partialRopeAttention {
      return try base().withPartialRopeAttention(PartialRopeConfig(kvRank: 5, pairs: [0: [[1], [1], [0]]]))
    }
    var config = base()
    config.latent = kind == .latentAttention ? latent : nil
    config.mamba = kind == .mamba2 ? mamba : nil
    config.delta = kind == .gatedDeltaNet ? delta : nil
    config.jet = kind == .jetBlock ? jet : nil
    config.lightning = kind == .lightningAttention ? lightning : nil
    return try config.replacingMixers([0], with: kind)
  }

  /// nil for a family that nobody wrote a small model of.
  static func of(_ architecture: Architecture) throws -> ModelConfig? {
    func native(_ experts: ExpertConfig) -> ModelConfig {
      base {
        $0.mixers = [.latentAttention, .latentAttention]
        ($0.keyValueHeads, $0.headDim) = (6, 5)
        $0.latent = LatentConfig(
          qRank: nil, kvRank: 5, nopeHeadDim: 3, ropeHeadDim: 4, valueHeadDim: 5, upProjectionHeads: 6,
          latentNorm: true, isNative: true)
        $0.experts = experts
      }
    }
    func experts(_ layers: [Int], _ rule: RoutingRule) -> ExpertConfig {
      ExpertConfig(count: 4, perToken: 2, width: 7, layers: layers, rule: rule)
    }
    func gemma(_ change: (inout ModelConfig) -> Void) -> ModelConfig {
      base {
        $0.normOffset = 1
        $0.block = BlockConfig(
          norms: .around, activation: .gelu, embeddingMultiplier: 12.0.squareRoot(), logitCap: 1.5)
        $0.attention.scale = 0.25
        $0.attention.windows = .init(layers: [0], size: 4)
        change(&$0)
      }
    }
    var config: ModelConfig
    switch architecture {
    case .llama: config = base()
    case .qwen2: config = base { $0.attention.qkvBias = true }
    case .qwen3: config = base { $0.attention.qkNorm = true }
    case .qwen3MoE:
      config = base {
        $0.attention.qkNorm = true
        $0.experts = experts([0, 1], RoutingRule(score: .softmax, isNormalized: true))
      }
    case .deepseekV2: config = native(experts([1], ExpertConfig.deepSeekV2(scale: 1.5)))
    case .deepseekV3:
      config = native(experts([1], ExpertConfig.deepSeekV3(scale: 2.5, groups: 2, keptGroups: 2)))
      config.experts?.hasCorrectionBias = true
    case .llama4:
      config = base {
        $0.attention = AttentionConfig(
          ropeInterleaved: true, unrotatedLayers: [1], normsRotated: true,
          temperature: .init(floorScale: 3, slope: 0.5), chunks: .init(layers: [0], size: 4))
        $0.experts = ExpertConfig(
          count: 4, perToken: 1, width: 7, sharedWidth: 7, layers: [1], rule: RoutingRule(score: .sigmoid),
          weighsInput: true, isStacked: true)
      }
    case .qwen3Next:
      config = base {
        $0.mixers = [.gatedDeltaNet, .attention]
        $0.delta = DeltaConfig(
          heads: 4, keyHeads: 2, keyDim: 9, valueDim: 5, chunk: 4, normEps: $0.rmsNormEps, isFused: true)
        $0.normOffset = 1
        $0.rope.rotatedShare = 0.5
        $0.attention = AttentionConfig(qkNorm: true, outputGate: true)
      }
    case .mamba2:
      config = base {
        $0.mixers = [.mamba2, .mamba2]
        $0.mamba = MambaConfig(heads: 8, headDim: 3, stateSize: 5, groups: 2, chunk: 4)
        ($0.attentionHeads, $0.keyValueHeads, $0.headDim, $0.intermediateSize) = (8, 8, 3, 0)
        ($0.rope, $0.maxPosition) = (RopeConfig(), 2048)
      }
    case .qwen3Dot5:
      config = base {
        $0.mixers = [.gatedDeltaNet, .attention]
        $0.delta = DeltaConfig(heads: 4, keyHeads: 2, keyDim: 9, valueDim: 5, chunk: 4, normEps: $0.rmsNormEps)
        $0.normOffset = 1
        $0.rope.rotatedShare = 0.5
        $0.attention = AttentionConfig(qkNorm: true, outputGate: true)
      }
    case .mistral: config = base { $0.attention.windows = .init(layers: [0, 1], size: 3) }
    case .smolLM3: config = base { $0.attention.unrotatedLayers = [1] }
    case .olmo2:
      config = base {
        $0.block.norms = .after
        $0.attention = AttentionConfig(qkNorm: true, qkNormSpansHeads: true)
      }
    case .phi3: config = base { $0.rope.rotatedShare = 0.5 }
    case .granite:
      config = base {
        $0.block = BlockConfig(embeddingMultiplier: 3, residualMultiplier: 0.5, logitDivisor: 2)
        $0.attention.scale = 0.3
      }
    case .gemma2: config = gemma { $0.attention.scoreCap = 2 }
    case .gemma3:
      config = gemma {
        $0.attention.qkNorm = true
        $0.attention.windows?.rope = RopeConfig(theta: 20)
        $0.block.logitCap = nil
      }
    case .miniCPM3:
      config = base {
        $0.mixers = [.latentAttention, .latentAttention]
        ($0.keyValueHeads, $0.headDim) = (6, 5)
        $0.latent = LatentConfig(
          qRank: 7, kvRank: 5, nopeHeadDim: 3, ropeHeadDim: 4, valueHeadDim: 5, upProjectionHeads: 6,
          latentNorm: true, ropeInterleaved: false, isNative: true)
        // scale_depth 1.4 over the root of two layers, dim_model_base 6 of 12.
        $0.block = BlockConfig(
          embeddingMultiplier: 3, residualMultiplier: 1.4 / 2.0.squareRoot(), logitDivisor: 2)
      }
    case .gpt2:
      config = base {
        ($0.keyValueHeads, $0.headDim, $0.rope) = (6, 2, RopeConfig())
        $0.block = BlockConfig(activation: .gelu, usesLayerNorm: true, isUngated: true, learnsPositions: true)
        $0.attention = AttentionConfig(qkvBias: true, unrotatedLayers: [0, 1], outputBias: true)
      }
    case .flashLinear:
      config = base {
        $0.mixers = [.gatedDeltaNet, .gatedDeltaNet]
        $0.delta = DeltaConfig(heads: 4, keyHeads: 2, keyDim: 8, valueDim: 12, normEps: 1e-5)
        ($0.attentionHeads, $0.keyValueHeads, $0.headDim, $0.rope) = (4, 4, 8, RopeConfig())
      }
    case .hybrid: return try of(.latentAttention)
    case Toy().architecture:
      return ModelConfig(
        architecture: Toy().architecture, hiddenSize: 12, layerCount: 2, attentionHeads: 3, keyValueHeads: 3,
        intermediateSize: 10, vocabularySize: vocabulary, tieWordEmbeddings: true,
        mixers: [RunningMean.kind, .attention])
    default: return nil
    }
    config.architecture = architecture
    return config
  }
}
