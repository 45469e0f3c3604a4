import Autograd
import Foundation
import Groundwork
import ModelCore

/// Small random models of every mixer kind and of odd sizes (G != H, K != V, odd ranks).
enum TinyModels {
  static let vocabulary = 41

  static func config(_ change: (inout ModelConfig) -> Void = { _ in }) throws -> ModelConfig {
    var config = ModelConfig(
      hiddenSize: 24, layerCount: 3, attentionHeads: 6, keyValueHeads: 3, headDim: 4, intermediateSize: 36,
      vocabularySize: vocabulary, tieWordEmbeddings: true, maxPosition: 256, bosTokenId: 1, eosTokenIds: [2])
    change(&config)
    try config.validate(file: "tiny")
    return config
  }

  static func latent(_ change: (inout LatentConfig) -> Void = { _ in }, layers: [Int]? = nil) throws -> ModelConfig {
    var latent = LatentConfig(
      qRank: 13, kvRank: 9, nopeHeadDim: 3, ropeHeadDim: 2, valueHeadDim: 5, upProjectionHeads: 6)
    change(&latent)
    return try config().withLatentAttention(latent, layers: layers)
  }

  static func mamba(_ change: (inout MambaConfig) -> Void = { _ in }, layers: [Int]? = nil) throws -> ModelConfig {
    let base = try config()
    var mamba = MambaConfig(grouping: base)
    mamba.chunk = 5
    change(&mamba)
    return try base.withMamba2(mamba, layers: layers)
  }

  static func delta(_ change: (inout DeltaConfig) -> Void = { _ in }, layers: [Int]? = nil) throws -> ModelConfig {
    var delta = DeltaConfig(heads: 6, keyDim: 8, valueDim: 5, chunk: 5)
    change(&delta)
    return try config().withGatedDeltaNet(delta, layers: layers)
  }

  /// Fused projections, gated attention on half of each head, norms about one.
  static func qwen3Next() throws -> ModelConfig {
    try config {
      $0.architecture = .qwen3Next
      $0.mixers = [.gatedDeltaNet, .attention, .gatedDeltaNet]
      $0.delta = DeltaConfig(heads: 6, keyHeads: 3, keyDim: 8, valueDim: 5, chunk: 16, isFused: true)
      $0.rope.rotatedShare = 0.5
      $0.normOffset = 1
      $0.attention = AttentionConfig(qkNorm: true, outputGate: true)
    }
  }

  /// Experts in the last two layers, in every family and connectivity; Llama-4's attention in chunks of 16.
  static func experts() throws -> [(name: String, config: ModelConfig)] {
    func experts(_ count: Int, _ perToken: Int, shared: Int, _ rule: RoutingRule) -> ExpertConfig {
      ExpertConfig(count: count, perToken: perToken, width: 13, sharedWidth: shared, layers: [1, 2], rule: rule)
    }
    func deepSeek(_ architecture: Architecture, _ experts: ExpertConfig) throws -> ModelConfig {
      try config {
        $0.architecture = architecture
        $0.mixers = Array(repeating: .latentAttention, count: 3)
        $0.headDim = 5
        $0.latent = LatentConfig(
          qRank: architecture == .deepseekV3 ? 13 : nil, kvRank: 9, nopeHeadDim: 3, ropeHeadDim: 2, valueHeadDim: 5,
          upProjectionHeads: 6, latentNorm: true, isNative: true)
        $0.experts = experts
      }
    }
    var v3 = experts(8, 3, shared: 13, ExpertConfig.deepSeekV3(scale: 2.5, groups: 4, keptGroups: 2))
    v3.hasCorrectionBias = true
    var scout = experts(4, 1, shared: 13, RoutingRule(score: .sigmoid))
    (scout.weighsInput, scout.isStacked) = (true, true)
    let families = [
      ("deepseek-v2", try deepSeek(.deepseekV2, experts(5, 2, shared: 26, ExpertConfig.deepSeekV2()))),
      ("deepseek-v3", try deepSeek(.deepseekV3, v3)),
      (
        "qwen3-moe",
        try config {
          $0.architecture = .qwen3MoE
          $0.attention.qkNorm = true
          $0.experts = experts(6, 2, shared: 0, RoutingRule(score: .softmax, isNormalized: true))
        }
      ),
      (
        "llama4",
        try config {
          $0.architecture = .llama4
          $0.experts = scout
          $0.attention = AttentionConfig(
            ropeInterleaved: true, unrotatedLayers: [1], normsRotated: true,
            temperature: .init(floorScale: 7, slope: 0.3), chunks: .init(layers: [2], size: 16))
        }
      ),
    ]
    return try families.flatMap { name, config in
      try Connectivity.allCases.map { ("\(name), \($0.rawValue)", try config.connecting([0, 1, 2], as: $0)) }
    }
  }

  static func all() throws -> [(name: String, config: ModelConfig)] {
    try dense() + experts()
  }

  private static func dense() throws -> [(name: String, config: ModelConfig)] {
    [
      ("attention", try config()),
      (
        "attention, biases",
        try config {
          $0.attention.qkvBias = true; $0.architecture = .qwen2
        }
      ),
      (
        "attention, qk norms",
        try config {
          $0.attention.qkNorm = true; $0.architecture = .qwen3
        }
      ),
      ("untied head", try config { $0.tieWordEmbeddings = false }),
      ("latent", try latent()),
      ("latent, shared heads", try latent({ $0.upProjectionHeads = 3 })),
      ("latent, norms", try latent({ $0.latentNorm = true })),
      ("latent, half-split rope", try latent({ $0.ropeInterleaved = false })),
      ("latent, direct queries", try latent({ $0.qRank = nil })),
      ("latent, qk norms", try latent({ $0.qkNorm = true })),
      ("latent, position-free", try latent({ $0.isPositionFree = true })),
      (
        "latent, position-free, qk norms",
        try latent({
          $0.isPositionFree = true; $0.qkNorm = true
        })
      ),
      (
        "latent, output gate",
        try latent({
          $0.outputGate = true; $0.upProjectionHeads = 3
        })
      ),
      ("latent, ranks by layer", try latent({ $0.layerRanks = [1: .init(q: 7, kv: 5)] })),
      ("hybrid", try latent({ $0.ropeHeadDim = 4 }, layers: [0, 2])),
      (
        "low-rank attention, one group and three",
        try config().withLowRankAttention(
          LowRankConfig(layerRanks: [0: .init(key: [7], value: [5]), 2: .init(key: [1, 4, 2], value: [3, 3, 1])]))
      ),
      (
        "partial rope",
        try config().withPartialRopeAttention(
          PartialRopeConfig(kvRank: 7, pairs: [0: [[0], [1], [1]], 1: [[1], [1], [1]]]))
      ),
      ("mamba2, grouped", try mamba()),
      (
        "mamba2, as in stock",
        try mamba {
          $0.groupedWidth = nil; $0.groups = 2; $0.stateSize = 7; $0.heads = 4; $0.headDim = 3
        }
      ),
      ("mamba2 and attention", try mamba(layers: [1])),
      ("mamba2 and latent", try latent().withMamba2(layers: [0, 2])),
      ("gated deltanet", try delta()),
      (
        "gated deltanet, shared key heads",
        try delta {
          $0.keyHeads = 2; $0.convTaps = 3
        }
      ),
      ("gated deltanet and attention", try delta(layers: [1])),
      (
        "gated deltanet and latent",
        try latent().withGatedDeltaNet(DeltaConfig(heads: 3, keyDim: 7, valueDim: 9), layers: [0, 2])
      ),
      ("qwen3-next", try qwen3Next()),
    ]
  }

  /// Weights large enough that logits differ visibly and attention is not uniform.
  static func model(_ config: ModelConfig, seed: UInt64 = 7, deviation: Double = 0.25) throws -> LanguageModel {
    try LanguageModel(config, weights: RandomWeights(seed: seed, deviation: deviation, layers: config.layerCount))
  }

  static func ids(_ count: Int, seed: UInt64 = 3) -> [Int32] {
    let stream = RandomStream(seed: seed, "ids")
    return (0..<count).map { Int32(stream.below(vocabulary, at: UInt64($0))) }
  }
}
