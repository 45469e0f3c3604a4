import Groundwork

/// flash-linear-attention's own models (`model_type` gated_deltanet): Gated DeltaNet and a SwiGLU feed-forward in every
/// layer, no positions. Its defaults fill what is absent.
struct FlashLinear: Family {
  let architecture = Architecture.flashLinear
  let className = "GatedDeltaNetForCausalLM"
  let isConvertible = false

  var names: TensorNames {
    var names = TensorNames()
    names.embedding = "model.embeddings.weight"
    names.inputNorm = "attn_norm.weight"
    names.mixers = [.gatedDeltaNet: "attn"]
    names.transformNorm = "mlp_norm.weight"
    return names
  }

  /// Attention's shape is set to the key heads', for accounting only.
  func read(_ model: JSONObject) throws -> ModelConfig {
    let width = 1...(1 << 20)
    if model["attn"] != nil {
      throw model.unsupported("attn", "flash-linear-attention's own hybrid of attention layers")
    }
    try refuseUnsupported(model)
    let hidden = try model.int("hidden_size", in: width) ?? 2048
    let eps = try model.positive("norm_eps") ?? 1e-6
    let delta = try shape(model, normEps: eps)
    let layers = try model.int("num_hidden_layers", in: 1...4096) ?? 21
    return ModelConfig(
      architecture: architecture, hiddenSize: hidden, layerCount: layers, attentionHeads: delta.heads,
      keyValueHeads: delta.heads, headDim: delta.keyDim,
      intermediateSize: try model.int("intermediate_size", in: 1...(1 << 24))
        ?? feedForwardWidth(hidden, ratio: try model.int("hidden_ratio", in: 1...1024) ?? 4),
      vocabularySize: try model.int("vocab_size", in: 1...(1 << 26)) ?? 32_000,
      tieWordEmbeddings: try model.bool("tie_word_embeddings") ?? false, rmsNormEps: eps,
      maxPosition: try model.int("max_position_embeddings", in: 1...(1 << 40)) ?? 2048,
      bosTokenId: try bosTokenId(model), eosTokenIds: try eosTokenIds(model),
      mixers: Array(repeating: .gatedDeltaNet, count: layers), shapes: [delta])
  }

  /// Two thirds of `ratio` times the width, rounded up to a multiple of 256.
  private func feedForwardWidth(_ hidden: Int, ratio: Int) -> Int { (hidden * ratio * 2 / 3 + 255) / 256 * 256 }

  /// `GatedDeltaNetConfig`, whose defaults fill what is absent.
  private func shape(_ model: JSONObject, normEps: Double) throws -> DeltaConfig {
    let width = 1...(1 << 20)
    for key in ["use_gate", "use_short_conv"] where try model.bool(key) == false {
      throw model.unsupported(key, "a layer without it")
    }
    for key in ["allow_neg_eigval", "conv_bias"] where try model.bool(key) == true {
      throw model.unsupported(key, "a layer with it")
    }
    let keyHeads = try model.int("num_heads", in: width) ?? 6
    let keyDim = try model.int("head_dim", in: width) ?? 256
    let expansion = try model.positive("expand_v") ?? 2
    let valueDim = Double(keyDim) * expansion
    guard valueDim == valueDim.rounded(), valueDim >= 1, valueDim <= Double(width.upperBound) else {
      throw model.fail("expand_v", expected: "a number that makes head_dim (\(keyDim)) * expand_v whole")
    }
    return DeltaConfig(
      heads: try model.int("num_v_heads", in: width) ?? keyHeads, keyHeads: keyHeads, keyDim: keyDim,
      valueDim: Int(valueDim), convTaps: try model.int("conv_size", in: 1...64) ?? 4,
      normEps: normEps)
  }

  func json(_ config: ModelConfig) -> [String: JSONValue] {
    guard let delta = config.delta else { return identityJSON }
    var object = identityJSON.merging(tokenJSON(config)) { $1 }
    object.merge([
      "hidden_size": .int(config.hiddenSize), "num_hidden_layers": .int(config.layerCount),
      "vocab_size": .int(config.vocabularySize), "intermediate_size": .int(config.intermediateSize),
      "tie_word_embeddings": .bool(config.tieWordEmbeddings), "max_position_embeddings": .int(config.maxPosition),
      "hidden_act": .string("swish"), "num_heads": .int(delta.keyHeads), "head_dim": .int(delta.keyDim),
      "expand_v": .double(Double(delta.valueDim) / Double(delta.keyDim)), "conv_size": .int(delta.convTaps),
      "norm_eps": .double(delta.normEps), "use_gate": .bool(true), "use_short_conv": .bool(true),
      "allow_neg_eigval": .bool(false),
    ]) { $1 }
    if delta.heads != delta.keyHeads { object["num_v_heads"] = .int(delta.heads) }
    return object
  }
}

extension Architecture {
  /// Flash-linear-attention's Gated DeltaNet (`FlashLinear`).
  public static let flashLinear = Architecture(rawValue: "gated_deltanet")
}
