/// HyLo's twelve models (Table 7 and the model cards): seven of them, all with Gated DeltaNet and one with
/// Mamba2, were released and print their exact number of parameters.
public struct HyLoModel: Sendable {
  /// As `ModelConfig.preset` knows it.
  public var name: String
  /// Preset of the model it came from.
  public var base: String
  public var latentLayers: [Int]
  public var linear: MixerKind
  /// Table 7, billions of parameters.
  public var billionParameters: String
  /// The model card's number of parameters; nil: not released.
  public var parameters: Int?
  /// KV percent to Table 7's digits.
  public var kvPercent: String
  /// The announcement's "KV cache reduction", percent; nil: not released.
  public var kvReduction: String?

  /// Base, r_q, r_kv and d_rope; the rest of each head has no position.
  private static let ranks = [
    "llama-3.2-1b": (q: 1344, kv: 128, rope: 32), "llama-3.2-3b": (q: 1536, kv: 128, rope: 64),
    "qwen3-1.7b": (q: 1344, kv: 256, rope: 64),
  ]

  /// Latent attention's shape in HyLo for a base; nil for a base that HyLo has no model of.
  /// No norms on the latents, the base's KV heads in the up-projection, and for Qwen the base's norms over query and
  /// key heads: the only reading that gives every released total, Qwen's + 256 weights a layer.
  public static func latent(replacing base: ModelConfig) -> LatentConfig? {
    guard let preset = ranks.keys.first(where: { (try? ModelConfig.preset($0))?.hasAttentionShape(of: base) == true })
    else {
      return nil
    }
    return latent(preset, base)
  }

  static func latent(_ preset: String, _ base: ModelConfig) -> LatentConfig {
    let ranks = ranks[preset]!
    return LatentConfig(
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
    config.latent = Self.latent(self.base, base)
    config.mixers = (0..<base.layerCount).map { latentLayers.contains($0) ? .latentAttention : linear }
    if linear == .mamba2 {
      config.mamba = MambaConfig(grouping: base)
    } else {
      config.delta = DeltaConfig(heads: 3 * base.hiddenSize / 4 / 256, keyDim: 256, valueDim: 512)
    }
    return config
  }

  public static let all: [HyLoModel] =
    pair("llama-3.2-1b", [1, 5, 10, 14], "3.906", mamba2: ("1.5", nil), delta: ("1.7", 1_673_797_776), "96.1")
    + pair("llama-3.2-1b", even(16), "7.813", mamba2: ("1.5", nil), delta: ("1.6", 1_613_437_024), "92.2")
    + pair(
      "llama-3.2-3b", [0, 5, 10, 16, 21, 26], "2.009", mamba2: ("3.8", nil), delta: ("4.3", 4_267_821_452), "98.0")
    + pair("llama-3.2-3b", even(28), "4.688", mamba2: ("3.7", nil), delta: ("4.0", 3_971_381_500), "95.3")
    + pair(
      "qwen3-1.7b", [1, 5, 9, 13, 17, 21, 25], "3.906", mamba2: ("2.1", nil), delta: ("2.3", 2_284_173_820), "96.1")
    + pair("qwen3-1.7b", even(28), "7.813", mamba2: ("2.1", 2_065_541_280), delta: ("2.2", 2_182_902_440), "92.2")

  private static func even(_ layers: Int) -> [Int] { Array(stride(from: 0, to: layers, by: 2)) }

  private static func pair(
    _ base: String, _ latent: [Int], _ percent: String, mamba2: (String, Int?), delta: (String, Int?),
    _ reduction: String
  ) -> [HyLoModel] {
    let layers = base == "llama-3.2-1b" ? 16 : 28
    let prefix = "hylo-\(base.prefix { $0.isLetter })-\(latent.count)mla\(layers - latent.count)"
    return [(MixerKind.mamba2, "m2", mamba2), (.gatedDeltaNet, "gdn", delta)].map { kind, suffix, sizes in
      HyLoModel(
        name: prefix + suffix, base: base, latentLayers: latent, linear: kind, billionParameters: sizes.0,
        parameters: sizes.1, kvPercent: percent, kvReduction: sizes.1 == nil ? nil : reduction)
    }
  }
}
