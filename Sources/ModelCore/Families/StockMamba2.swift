import Groundwork

/// Mamba2 as it was published: mixers only, no feed-forward, and keys and names of its own.
struct StockMamba2: Family {
  let architecture = Architecture.mamba2
  let className = "Mamba2ForCausalLM"
  let isConvertible = false

  var names: TensorNames {
    var names = TensorNames()
    names.embedding = "backbone.embeddings.weight"
    names.layers = "backbone.layers"
    names.inputNorm = "norm.weight"
    names.mixers = [.mamba2: "mixer"]
    names.mixerTensors = [.mamba2: [.output: "out_proj.weight"]]
    names.finalNorm = "backbone.norm_f.weight"
    return names
  }

  /// Attention's shape is set to the inner width's, for accounting only.
  func read(_ model: JSONObject) throws -> ModelConfig {
    try refuseUnsupported(model)
    let mamba = try shape(model)
    let layers = try layerCount(model)
    return ModelConfig(
      architecture: architecture, hiddenSize: try model.required("hidden_size", in: 1...(1 << 20)), layerCount: layers,
      attentionHeads: mamba.heads, keyValueHeads: mamba.heads, headDim: mamba.headDim, intermediateSize: 0,
      vocabularySize: try model.required("vocab_size", in: 1...(1 << 26)),
      tieWordEmbeddings: try model.bool("tie_word_embeddings") ?? false, rmsNormEps: mamba.normEps,
      bosTokenId: try bosTokenId(model), eosTokenIds: try eosTokenIds(model),
      mixers: Array(repeating: .mamba2, count: layers), shapes: [mamba])
  }

  private func shape(_ model: JSONObject) throws -> MambaConfig {
    let width = 1...(1 << 20)
    let hidden = try model.required("hidden_size", in: width)
    let expand = try model.int("expand", in: 1...64) ?? 2
    let mamba = MambaConfig(
      heads: try model.required("num_heads", in: width), headDim: try model.required("head_dim", in: width),
      stateSize: try model.required("state_size", in: width), groups: try model.int("n_groups", in: width) ?? 8,
      convTaps: try model.int("conv_kernel", in: 1...64) ?? 4, chunk: try model.int("chunk_size", in: 1...65536),
      normEps: try model.positive("layer_norm_epsilon") ?? 1e-5)
    guard mamba.innerWidth == expand * hidden else {
      throw UpcycleError(
        "\"num_heads\" and \"head_dim\" do not fill the inner width", at: model.file,
        expected: "a product of expand * hidden_size = \(expand * hidden)", found: "\(mamba.innerWidth)")
    }
    if try model.bool("use_bias") == true { throw model.unsupported("use_bias", "a bias on in_proj and out_proj") }
    if try model.bool("use_conv_bias") == false {
      throw model.unsupported("use_conv_bias", "a convolution without bias")
    }
    if try model.bool("rms_norm") == false { throw model.unsupported("rms_norm", "an output without norm") }
    if let limit = try model.array("time_step_limit"), let low = limit.first?.double, low != 0 {
      throw model.unsupported("time_step_limit", "clamping the step size")
    }
    if let limit = try model.array("time_step_limit"), let high = limit.last?.double, high.isFinite {
      throw model.unsupported("time_step_limit", "clamping the step size")
    }
    return mamba
  }

  func json(_ config: ModelConfig) -> [String: JSONValue] {
    guard let mamba = config.mamba else { return identityJSON }
    return identityJSON.merging(tokenJSON(config)) { $1 }.merging([
      "hidden_size": .int(config.hiddenSize), "num_hidden_layers": .int(config.layerCount),
      "vocab_size": .int(config.vocabularySize), "tie_word_embeddings": .bool(config.tieWordEmbeddings),
      "num_heads": .int(mamba.heads), "head_dim": .int(mamba.headDim), "state_size": .int(mamba.stateSize),
      "n_groups": .int(mamba.groups), "conv_kernel": .int(mamba.convTaps), "chunk_size": .int(mamba.chunk),
      "expand": .int(mamba.innerWidth / config.hiddenSize), "hidden_act": .string("silu"),
      "layer_norm_epsilon": .double(mamba.normEps), "use_bias": .bool(false), "use_conv_bias": .bool(true),
      "rms_norm": .bool(true),
    ]) { $1 }
  }
}

extension Architecture {
  /// Mamba2 as published (`StockMamba2`).
  public static let mamba2 = Architecture(rawValue: "mamba2")
}
