import Groundwork

extension ModelConfig {
  /// Refuses features that would change the result and that we do not compute.
  static func refuseUnsupported(_ model: ConfigObject, architecture: Architecture) throws {
    for key in ["hidden_act", "hidden_activation"] {
      if let name = try model.string(key), name != "silu", name != "swish" {
        throw model.unsupported(key, "this activation (known: silu)")
      }
    }
    if try model.bool("mlp_bias") == true { throw model.unsupported("mlp_bias", "a bias in the feed-forward layer") }
    if architecture != .qwen2, try model.bool("attention_bias") == true {
      throw model.unsupported("attention_bias", "a bias on the attention's output projection")
    }
    if model["quantization_config"] != nil { throw model.unsupported("quantization_config", "a quantised checkpoint") }
    for key in ["attn_logit_softcapping", "final_logit_softcapping", "logits_scaling", "residual_multiplier"] {
      if let value = try model.double(key), value != 1 {
        throw model.unsupported(key, "scaling or capping of this kind")
      }
    }
    try refuseSlidingWindow(model)
    try refuseExperts(model, architecture: architecture)
  }

  private static func refuseSlidingWindow(_ model: ConfigObject) throws {
    guard let window = model["sliding_window"] else { return }
    let used = try model.bool("use_sliding_window") ?? true
    guard used else { return }
    // Qwen2 windows only the layers from max_window_layers on; a window as long as the context is none.
    let layers = try model.int("num_hidden_layers", in: 1...4096) ?? 0
    if let from = model["max_window_layers"]?.int, from >= layers { return }
    if let width = window.int, let context = model["max_position_embeddings"]?.int, width >= context { return }
    throw model.unsupported("sliding_window", "sliding-window attention")
  }

  private static func refuseExperts(_ model: ConfigObject, architecture: Architecture) throws {
    for key in ["num_experts", "num_local_experts", "n_routed_experts"] {
      guard let count = model[key]?.int, count > 0 else { continue }
      let layers = try model.required("num_hidden_layers", in: 1...4096)
      if architecture == .qwen3Next, try Self.isDense(model, layers: layers) { continue }
      if architecture.isDeepSeek || architecture == .qwen3MoE || architecture == .llama4 { continue }
      throw model.unsupported(key, "mixture of experts")
    }
  }

  /// Whether `mlp_only_layers` names every layer.
  private static func isDense(_ model: ConfigObject, layers: Int) throws -> Bool {
    let dense = Set(try (model.array("mlp_only_layers") ?? []).compactMap(\.int))
    return dense.isSuperset(of: 0..<layers)
  }

  /// Refuses impossible values, naming the key, the allowed range and the value.
  public func validate(file: String) throws {
    func require(_ condition: Bool, _ key: String, _ expected: String, _ found: Any, _ what: String) throws {
      if !condition { throw UpcycleError("\"\(key)\": \(what)", at: file, expected: expected, found: "\(found)") }
    }
    let limit = 1 << 26
    for (key, value) in [
      ("hidden_size", hiddenSize), ("num_attention_heads", attentionHeads), ("num_key_value_heads", keyValueHeads),
      ("head_dim", headDim), ("intermediate_size", intermediateSize), ("vocab_size", vocabularySize),
    ] { try require((1...limit).contains(value), key, "1...\(limit)", value, "out of range") }
    try require((1...4096).contains(layerCount), "num_hidden_layers", "1...4096", layerCount, "out of range")
    try require(
      keyValueHeads <= attentionHeads && attentionHeads % keyValueHeads == 0, "num_key_value_heads",
      "a divisor of num_attention_heads (\(attentionHeads))", keyValueHeads, "query heads must fill whole groups")
    try require(mixers.count == layerCount, "layer_types", "\(layerCount) entries", mixers.count, "one kind per layer")
    try require(rope.theta > 1, "rope_theta", "a number above 1", rope.theta, "out of range")
    try validateRotatedShare(require: require)
    if mixers.contains(.attention) {
      try require(headDim % 2 == 0, "head_dim", "an even number", headDim, "rotary pairs need two dimensions each")
    }
    for id in eosTokenIds + (bosTokenId.map { [$0] } ?? []) {
      try require(
        id < vocabularySize, "eos_token_id, bos_token_id", "0..<\(vocabularySize)", id, "outside the vocabulary")
    }
    try validateExperts(require: require)
    if mixers.contains(.mamba2) {
      guard let mamba else {
        throw UpcycleError("\"mamba_n_heads\" is missing although layer_types names mamba2", at: file)
      }
      try mamba.validate(require: require)
    }
    if mixers.contains(.gatedDeltaNet) {
      guard let delta else {
        throw UpcycleError(
          "\"linear_num_value_heads\" is missing although layer_types names linear_attention", at: file)
      }
      try delta.validate(require: require)
    }
    guard mixers.contains(.latentAttention) else { return }
    guard let latent else {
      throw UpcycleError("\"kv_lora_rank\" is missing although layer_types names latent_attention", at: file)
    }
    try validate(latent, require: require)
  }

  /// Only Qwen3-Next turns a part of each head.
  private func validateRotatedShare(require: Require) throws {
    let share = rope.rotatedShare
    if architecture == .qwen3Next {
      let fits = share <= 1 && rotaryDim > 0 && rotaryDim % 2 == 0
      try require(
        fits, "partial_rotary_factor", "a share of head_dim (\(headDim)) that is even", share,
        "rotary pairs need two dimensions each")
    } else {
      let found = share != 1 ? share : latent?.rope?.rotatedShare ?? 1
      try require(
        found == 1, "partial_rotary_factor", "1", found, "rotating only a part of each head is not implemented")
    }
  }

  private typealias Require = (Bool, String, String, Any, String) throws -> Void

  private func validate(_ latent: LatentConfig, require: Require) throws {
    let rope = latent.ropeHeadDim
    try require(
      rope > 0 && rope % 2 == 0, "qk_rope_head_dim", "an even number", rope, "rotary pairs need two dimensions each")
    try require(latent.nopeHeadDim >= 0, "qk_nope_head_dim", "at least 0", latent.nopeHeadDim, "out of range")
    try require(latent.valueHeadDim > 0, "v_head_dim", "at least 1", latent.valueHeadDim, "out of range")
    try require(
      latent.upProjectionHeads == attentionHeads || latent.upProjectionHeads == keyValueHeads, "use_full_kv_head",
      "\(attentionHeads) or \(keyValueHeads) heads", latent.upProjectionHeads, "unknown number of up-projected heads")
    if !architecture.isDeepSeek {
      try require(rope <= headDim, "qk_rope_head_dim", "at most head_dim (\(headDim))", rope, "wider than the head")
      try require(
        latent.nopeHeadDim <= headDim, "qk_nope_head_dim", "at most head_dim (\(headDim))", latent.nopeHeadDim,
        "wider than the head")
    }
    for layer in latent.layerRanks.keys.sorted() {
      try require(
        (0..<layerCount).contains(layer), "layer_rank_list", "0...\(layerCount - 1)", layer, "layer index out of range")
    }
    for layer in layers(of: .latentAttention) {
      let ranks = latent.ranks(layer: layer)
      try require(
        (1...maxKVRank).contains(ranks.kv), "kv_lora_rank",
        "1...\(maxKVRank), the rank of the stacked key and value matrix",
        ranks.kv, "rank of layer \(layer) out of range")
      if let q = ranks.q {
        try require(
          (1...maxQueryRank).contains(q), "q_lora_rank", "1...\(maxQueryRank), the rank of the query matrix", q,
          "rank of layer \(layer) out of range")
      }
    }
  }

  /// Rank of the stacked key and value matrix: min(d, 2 n_kv d_h); in DeepSeek models that of the up-projection.
  public var maxKVRank: Int {
    if architecture.isDeepSeek, let latent {
      return min(hiddenSize, latent.upProjectionHeads * (latent.nopeHeadDim + latent.valueHeadDim))
    }
    return min(hiddenSize, 2 * keyValueHeads * headDim)
  }

  /// Rank of the query matrix: min(d, n_h d_h); in DeepSeek models min(d, n_h (d_nope + d_rope)).
  public var maxQueryRank: Int {
    if architecture.isDeepSeek, let latent { return min(hiddenSize, attentionHeads * latent.queryKeyHeadDim) }
    return min(hiddenSize, attentionHeads * headDim)
  }
}
