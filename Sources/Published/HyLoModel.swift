import ModelCore

/// HyLo's twelve models (Table 7 and the model cards): seven of them, all with Gated DeltaNet and one with Mamba2, were
/// released and print their exact number of parameters.
public struct HyLoModel: Sendable {
  /// As `ModelConfig.preset` knows it.
  public var name: String
  /// Preset of the model it came from.
  public var base: String
  /// Ascending, from 0.
  public var latentLayers: [Int]
  /// The mixer of the other layers.
  public var linear: MixerKind
  /// r_q, r_kv and d_r; the rest of each head has no position.
  public var ranks: (q: Int, kv: Int, rope: Int)
  /// Table 7, billions of parameters.
  public var billionParameters: String?
  /// The model card's number of parameters; nil: not released.
  public var parameters: Int?
  /// KV percent to Table 7's digits.
  public var kvPercent: String?
  /// The announcement's "KV cache reduction", percent; nil: not released.
  public var kvReduction: String?

  /// In the order of Table 7.
  public static let all: [HyLoModel] = {
    let reductions = PublishedData.hyloReductions.rows
    return PublishedData.hyloModels.rows.map { row in
      guard let base = row["base"], let q = row.int("r_q"), let kv = row.int("r_kv"), let rope = row.int("d_rope"),
        let layers = row["mla_layers"]?.split(separator: " ").map({ Int($0) ?? -1 })
      else { preconditionFailure("HyLo's Table 7 lacks a number of \(row.preset)") }
      return HyLoModel(
        name: row.preset, base: base.lowercased(), latentLayers: layers,
        linear: row.preset.hasSuffix("m2") ? .mamba2 : .gatedDeltaNet, ranks: (q, kv, rope),
        billionParameters: row["params_billion"], parameters: row.int("params"), kvPercent: row["kv_percent"],
        kvReduction: reductions.first { $0.preset == row.preset }?["kv_reduction"])
    }
  }()

  /// Latent attention's shape in HyLo for a base; nil for a base that HyLo has no model of.
  public static func latent(replacing base: ModelConfig) -> LatentConfig? {
    all.first { (try? ModelConfig.preset($0.base))?.hasAttentionShape(of: base) == true }?.latent(base)
  }

  /// No norms on the latents, the base's KV heads in the up-projection, and for Qwen the base's norms over query and
  /// key heads: the only reading that gives every released total, Qwen's + 256 weights a layer.
  private func latent(_ base: ModelConfig) -> LatentConfig {
    LatentConfig(
      qRank: ranks.q, kvRank: ranks.kv, nopeHeadDim: base.headDim - ranks.rope, ropeHeadDim: ranks.rope,
      valueHeadDim: base.headDim, upProjectionHeads: base.keyValueHeads, qkNorm: base.attention.qkNorm)
  }

  /// The hybrid. Embedding and head are stored apart; Llama 3's rope scaling is dropped, and YaRN, which depends on
  /// the training stage, is left out.
  func config(base: ModelConfig) -> ModelConfig {
    var config = base
    config.architecture = .hybrid
    config.tieWordEmbeddings = false
    config.rope = RopeConfig(theta: base.rope.theta)
    config.latent = latent(base)
    config.mixers = (0..<base.layerCount).map { latentLayers.contains($0) ? .latentAttention : linear }
    if linear == .mamba2 {
      config.mamba = MambaConfig(grouping: base)
    } else {
      // The heads of Table 8.
      config.delta = DeltaConfig(heads: 3 * base.hiddenSize / 4 / 256, keyDim: 256, valueDim: 512)
    }
    return config
  }
}
