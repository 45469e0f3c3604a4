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

/// Checkpoint names: Hugging Face's for everything except the latent layers of converted models, which
/// carry the official X-EcoMLA names (`model.layers.N.mla.*`, `out_proj`), so that released checkpoints load.
extension ModelConfig {
  public static let embeddingName = "model.embed_tokens.weight"
  public static let finalNormName = "model.norm.weight"
  public static let headName = "lm_head.weight"

  public static func layerPrefix(_ layer: Int) -> String { "model.layers.\(layer)." }

  /// `model.layers.N.self_attn.` or, for a latent layer of a converted model, `model.layers.N.mla.`.
  public func mixerPrefix(_ layer: Int) -> String {
    let module = mixers[layer] == .latentAttention && !architecture.isDeepSeek ? "mla" : "self_attn"
    return Self.layerPrefix(layer) + module + "."
  }

  /// Full name of the mixer's output projection.
  public func outputProjectionName(_ layer: Int) -> String {
    mixerPrefix(layer)
      + (mixers[layer] == .latentAttention && !architecture.isDeepSeek ? "out_proj.weight" : "o_proj.weight")
  }

  /// Every tensor of a checkpoint of this model, in file order: embedding, layers, final norm, head.
  public var tensors: [TensorSpec] {
    var all = [TensorSpec(Self.embeddingName, [vocabularySize, hiddenSize])]
    for layer in 0..<layerCount { all += layerTensors(layer) }
    all.append(TensorSpec(Self.finalNormName, [hiddenSize]))
    if !tieWordEmbeddings { all.append(TensorSpec(Self.headName, [vocabularySize, hiddenSize])) }
    return all
  }

  /// The tensors of one layer: norm, mixer, norm, feed-forward.
  public func layerTensors(_ layer: Int) -> [TensorSpec] {
    let prefix = Self.layerPrefix(layer)
    return [TensorSpec(prefix + "input_layernorm.weight", [hiddenSize])]
      + mixerTensors(layer)
      + [
        TensorSpec(prefix + "post_attention_layernorm.weight", [hiddenSize]),
        TensorSpec(prefix + "mlp.gate_proj.weight", [intermediateSize, hiddenSize]),
        TensorSpec(prefix + "mlp.up_proj.weight", [intermediateSize, hiddenSize]),
        TensorSpec(prefix + "mlp.down_proj.weight", [hiddenSize, intermediateSize]),
      ]
  }

  /// The tensors of one layer's mixer, output projection last.
  public func mixerTensors(_ layer: Int) -> [TensorSpec] {
    switch mixers[layer] {
    case .attention: attentionTensors(layer)
    case .latentAttention: latentTensors(layer)
    }
  }

  private func attentionTensors(_ layer: Int) -> [TensorSpec] {
    let prefix = mixerPrefix(layer)
    let queryWidth = attentionHeads * headDim
    let keyWidth = keyValueHeads * headDim
    var all: [TensorSpec] = []
    for (name, width) in [("q_proj", queryWidth), ("k_proj", keyWidth), ("v_proj", keyWidth)] {
      all.append(TensorSpec(prefix + name + ".weight", [width, hiddenSize]))
      if qkvBias { all.append(TensorSpec(prefix + name + ".bias", [width])) }
    }
    if qkNorm {
      all.append(TensorSpec(prefix + "q_norm.weight", [headDim]))
      all.append(TensorSpec(prefix + "k_norm.weight", [headDim]))
    }
    return all + [TensorSpec(outputProjectionName(layer), [hiddenSize, queryWidth])]
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
    return all + [TensorSpec(outputProjectionName(layer), [hiddenSize, attentionHeads * latent.valueHeadDim])]
  }
}
