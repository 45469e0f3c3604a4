/// What mixes tokens in one layer. The raw value is the Hub's spelling in `layer_types`.
public enum MixerKind: String, CaseIterable, Codable, Sendable {
  /// Grouped-query attention with its own query, key and value projections.
  case attention = "full_attention"
  /// Multi-head latent attention: one small latent per token stands for all keys and values.
  case latentAttention = "latent_attention"
  /// Mamba2: a state of one size stands for the past.
  case mamba2
  /// Gated DeltaNet: a state that forgets by a gate and corrects what it holds of a key.
  case gatedDeltaNet = "linear_attention"

  /// As tables and reports name it.
  public var shortName: String {
    switch self {
    case .attention: "attention"
    case .latentAttention: "MLA"
    case .mamba2: "Mamba2"
    case .gatedDeltaNet: "GDN"
    }
  }
}

/// The families whose files and names we read and write. The raw value is `model_type`.
public enum Architecture: String, CaseIterable, Codable, Sendable {
  case llama
  case qwen2
  case qwen3
  case qwen3MoE = "qwen3_moe"
  case llama4 = "llama4_text"
  case deepseekV2 = "deepseek_v2"
  case deepseekV3 = "deepseek_v3"
  /// Stock Mamba2: mixers only, no feed-forward.
  case mamba2
  /// Gated DeltaNet and gated attention in turn; its experts are not implemented, only dense feed-forwards.
  case qwen3Next = "qwen3_next"
  /// flash-linear-attention's own: Gated DeltaNet in every layer.
  case gatedDeltaNet = "gated_deltanet"
  /// Our own: any mixer in any layer (what the conversions write).
  case hybrid = "upcycle_hybrid"

  /// The entry of `architectures` in config.json.
  public var className: String {
    switch self {
    case .llama: "LlamaForCausalLM"
    case .qwen2: "Qwen2ForCausalLM"
    case .qwen3: "Qwen3ForCausalLM"
    case .qwen3MoE: "Qwen3MoeForCausalLM"
    case .llama4: "Llama4ForCausalLM"
    case .deepseekV2: "DeepseekV2ForCausalLM"
    case .deepseekV3: "DeepseekV3ForCausalLM"
    case .mamba2: "Mamba2ForCausalLM"
    case .qwen3Next: "Qwen3NextForCausalLM"
    case .gatedDeltaNet: "GatedDeltaNetForCausalLM"
    case .hybrid: "UpcycleHybridForCausalLM"
    }
  }

  /// Every layer of these is latent attention by definition.
  public var isDeepSeek: Bool { self == .deepseekV2 || self == .deepseekV3 }
}
