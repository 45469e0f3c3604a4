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

/// Tensor names are Hugging Face's everywhere in memory. On disk the latent layers of converted models carry
/// the official X-EcoMLA names (`model.layers.N.mla.*`, `out_proj`), so that released checkpoints load and ours
/// load there; `CheckpointReader` and `CheckpointWriter` translate.
extension ModelConfig {
  public static let embeddingName = "model.embed_tokens.weight"
  public static let finalNormName = "model.norm.weight"
  public static let headName = "lm_head.weight"

  public static func layerPrefix(_ layer: Int) -> String { "model.layers.\(layer)." }

  public static func mixerPrefix(_ layer: Int) -> String { layerPrefix(layer) + "self_attn." }

  /// The name that a tensor has on disk.
  public func storedName(_ name: String) -> String {
    guard architecture == .hybrid, name.hasPrefix("model.layers.") else { return name }
    let parts = name.split(separator: ".", maxSplits: 4)
    guard parts.count == 5, parts[3] == "self_attn", let layer = Int(parts[2]), mixers.indices.contains(layer),
      mixers[layer] == .latentAttention
    else { return name }
    let rest = parts[4] == "o_proj.weight" ? "out_proj.weight" : String(parts[4])
    return Self.layerPrefix(layer) + "mla." + rest
  }

  /// The name that a stored tensor has in memory: the official latent names become Hugging Face's.
  public static func name(stored: String) -> String {
    guard stored.hasPrefix("model.layers."), stored.contains(".mla.") || stored.hasSuffix(".self_attn.out_proj.weight")
    else { return stored }
    return stored.replacing(".mla.", with: ".self_attn.").replacing(".out_proj.", with: ".o_proj.")
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
    let prefix = Self.mixerPrefix(layer)
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
    return all + [TensorSpec(prefix + "o_proj.weight", [hiddenSize, queryWidth])]
  }

  private func latentTensors(_ layer: Int) -> [TensorSpec] {
    guard let latent else { return [] }
    let prefix = Self.mixerPrefix(layer)
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
    return all + [TensorSpec(prefix + "o_proj.weight", [hiddenSize, attentionHeads * latent.valueHeadDim])]
  }
}
