/// One tensor of a checkpoint: its name and its row-major shape (weights are out x in, as in PyTorch).
public struct TensorSpec: Equatable, Sendable {
  public var name: String
  public var shape: [Int]

  public init(_ name: String, _ shape: [Int]) {
    self.name = name
    self.shape = shape
  }

  public var count: Int { shape.reduce(1, *) }
}

/// Checkpoint names: Hugging Face's for everything except the replaced mixers of converted
/// models, which carry the official names (`model.layers.N.mla.*`, `.mamba.*`, `out_proj`), so that released
/// checkpoints load.
extension ModelConfig {
  public static let headName = "lm_head.weight"
  public var embeddingName: String {
    switch architecture {
    case .mamba2: "backbone.embeddings.weight"
    case .gatedDeltaNet: "model.embeddings.weight"
    default: "model.embed_tokens.weight"
    }
  }
  public var finalNormName: String { architecture == .mamba2 ? "backbone.norm_f.weight" : "model.norm.weight" }

  public static func layerPrefix(_ layer: Int) -> String { "model.layers.\(layer)." }

  /// The norm before the mixer.
  public func inputNormName(_ layer: Int) -> String {
    switch architecture {
    case .mamba2: "backbone.layers.\(layer).norm.weight"
    case .gatedDeltaNet: Self.layerPrefix(layer) + "attn_norm.weight"
    default: Self.layerPrefix(layer) + "input_layernorm.weight"
    }
  }

  /// The norm before the feed-forward.
  public func transformNormName(_ layer: Int) -> String {
    Self.layerPrefix(layer) + (architecture == .gatedDeltaNet ? "mlp_norm.weight" : "post_attention_layernorm.weight")
  }

  /// `model.layers.N.self_attn.` or, in a converted model, `model.layers.N.mla.` for a latent layer,
  /// `model.layers.N.mamba.` for a Mamba2 layer and `model.layers.N.gdn.` for a Gated DeltaNet layer.
  public func mixerPrefix(_ layer: Int) -> String {
    if architecture == .mamba2 { return "backbone.layers.\(layer).mixer." }
    let module =
      switch mixers[layer] {
      case .latentAttention where !architecture.isDeepSeek: "mla"
      case .mamba2: "mamba"
      case .gatedDeltaNet where architecture == .qwen3Next: "linear_attn"
      case .gatedDeltaNet: architecture == .gatedDeltaNet ? "attn" : "gdn"
      default: "self_attn"
      }
    return Self.layerPrefix(layer) + module + "."
  }

  /// Full name of the mixer's output projection.
  public func outputProjectionName(_ layer: Int) -> String {
    let isOwn =
      switch mixers[layer] {
      case .attention: true
      case .gatedDeltaNet: !hasFusedDelta
      case .latentAttention, .mamba2: architecture.isDeepSeek
      }
    return mixerPrefix(layer) + (isOwn ? "o_proj.weight" : "out_proj.weight")
  }

  /// Every tensor of a checkpoint of this model, in file order: embedding, layers, final norm, head.
  public var tensors: [TensorSpec] {
    var all = [TensorSpec(embeddingName, [vocabularySize, hiddenSize])]
    for layer in 0..<layerCount { all += layerTensors(layer) }
    all.append(TensorSpec(finalNormName, [hiddenSize]))
    if !tieWordEmbeddings { all.append(TensorSpec(Self.headName, [vocabularySize, hiddenSize])) }
    return all
  }

  /// The tensors of one layer: norm, mixer, norm, feed-forward.
  public func layerTensors(_ layer: Int) -> [TensorSpec] {
    let mixer = [TensorSpec(inputNormName(layer), [hiddenSize])] + mixerTensors(layer)
    if architecture == .mamba2 { return mixer }
    return mixer + [TensorSpec(transformNormName(layer), [hiddenSize])] + feedForwardTensors(layer)
  }

  /// The tensors of one layer's mixer, output projection last.
  public func mixerTensors(_ layer: Int) -> [TensorSpec] {
    switch mixers[layer] {
    case .attention: attentionTensors(layer)
    case .latentAttention: latentTensors(layer)
    case .mamba2: mambaTensors(layer)
    case .gatedDeltaNet: deltaTensors(layer)
    }
  }

  private func mambaTensors(_ layer: Int) -> [TensorSpec] {
    guard let mamba else { return [] }
    let prefix = mixerPrefix(layer)
    return [
      TensorSpec(prefix + "in_proj.weight", [mamba.inputRows, hiddenSize]),
      TensorSpec(prefix + "conv1d.weight", [mamba.convWidth, 1, mamba.convTaps]),
      TensorSpec(prefix + "conv1d.bias", [mamba.convWidth]),
      TensorSpec(prefix + "dt_bias", [mamba.heads]),
      TensorSpec(prefix + "A_log", [mamba.heads]),
      TensorSpec(prefix + "D", [mamba.heads]),
      TensorSpec(prefix + "norm.weight", [mamba.innerWidth]),
      TensorSpec(outputProjectionName(layer), [hiddenSize, mamba.innerWidth]),
    ]
  }

  private func attentionTensors(_ layer: Int) -> [TensorSpec] {
    let prefix = mixerPrefix(layer)
    let keyWidth = keyValueHeads * headDim
    var all: [TensorSpec] = []
    for (name, width) in [("q_proj", attentionQueryWidth), ("k_proj", keyWidth), ("v_proj", keyWidth)] {
      all.append(TensorSpec(prefix + name + ".weight", [width, hiddenSize]))
      if qkvBias { all.append(TensorSpec(prefix + name + ".bias", [width])) }
    }
    if qkNorm {
      all.append(TensorSpec(prefix + "q_norm.weight", [headDim]))
      all.append(TensorSpec(prefix + "k_norm.weight", [headDim]))
    }
    return all + [TensorSpec(outputProjectionName(layer), [hiddenSize, attentionHeads * headDim])]
  }

  private func latentTensors(_ layer: Int) -> [TensorSpec] {
    guard let latent else { return [] }
    let prefix = mixerPrefix(layer)
    let ranks = latent.ranks(layer: layer)
    let queryWidth = attentionHeads * latent.queryKeyHeadDim
    var all: [TensorSpec] = []
    if let q = ranks.q {
      all.append(TensorSpec(prefix + "q_a_proj.weight", [q, hiddenSize]))
      if latent.latentNorm { all.append(TensorSpec(prefix + "q_a_layernorm.weight", [q])) }
      all.append(TensorSpec(prefix + "q_b_proj.weight", [queryWidth, q]))
    } else {
      all.append(TensorSpec(prefix + "q_proj.weight", [queryWidth, hiddenSize]))
    }
    all.append(TensorSpec(prefix + "kv_a_proj_with_mqa.weight", [ranks.kv + latent.ropeHeadDim, hiddenSize]))
    if latent.latentNorm { all.append(TensorSpec(prefix + "kv_a_layernorm.weight", [ranks.kv])) }
    let upWidth = latent.upProjectionHeads * (latent.nopeHeadDim + latent.valueHeadDim)
    all.append(TensorSpec(prefix + "kv_b_proj.weight", [upWidth, ranks.kv]))
    if latent.qkNorm {
      all.append(TensorSpec(prefix + "q_norm.weight", [latent.queryKeyHeadDim]))
      all.append(TensorSpec(prefix + "k_norm.weight", [latent.queryKeyHeadDim]))
    }
    let mixed = attentionHeads * latent.valueHeadDim
    if latent.outputGate { all.append(TensorSpec(prefix + "gate_proj.weight", [mixed, hiddenSize])) }
    return all + [TensorSpec(outputProjectionName(layer), [hiddenSize, mixed])]
  }
}
