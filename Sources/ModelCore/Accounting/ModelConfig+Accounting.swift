/// Exact arithmetic on shapes. Tables print these numbers and tests compare them with what is allocated.
extension ModelConfig {
  // MARK: Parameters

  /// All parameters; a tied head counts once.
  public var parameterCount: Int { tensors.reduce(0) { $0 + $1.count } }

  /// Embedding, plus the head when it is not tied.
  public var embeddingParameterCount: Int { vocabularySize * hiddenSize * (tieWordEmbeddings ? 1 : 2) }

  /// One decoder layer with its two norms.
  public func parameterCount(layer: Int) -> Int { layerTensors(layer).reduce(0) { $0 + $1.count } }

  /// One layer's mixer with its output projection, without the layer's norms.
  public func mixerParameterCount(layer: Int) -> Int { mixerTensors(layer).reduce(0) { $0 + $1.count } }

  /// One layer's feed-forward: gate, up and down.
  public var feedForwardParameterCount: Int { 3 * hiddenSize * intermediateSize }

  // MARK: Cache

  /// Numbers that a layer caches per token: r_kv + d_r for latent attention, 2 n_kv d_h for attention.
  public func kvNumbersPerToken(layer: Int) -> Int {
    if mixers[layer] == .latentAttention, let latent { return latent.ranks(layer: layer).kv + latent.ropeHeadDim }
    return 2 * keyValueHeads * headDim
  }

  /// Numbers that the whole model caches per token.
  public var kvNumbersPerToken: Int { (0..<layerCount).reduce(0) { $0 + kvNumbersPerToken(layer: $1) } }

  /// The same for the attention-only model it came from: L 2 n_kv d_h.
  public var baseKVNumbersPerToken: Int { layerCount * 2 * keyValueHeads * headDim }

  /// Cache as a share of the base model's, in percent (X-EcoMLA's "KV size").
  public var kvPercent: Double { 100 * Double(kvNumbersPerToken) / Double(baseKVNumbersPerToken) }

  // MARK: Work

  /// Floating-point operations of one token's forward pass in a sequence of `context` tokens: two per weight
  /// of every matrix product including the head, and the causal average of scores and weighted values.
  public func forwardFLOPsPerToken(context: Int) -> Double {
    var weights = Double(vocabularySize * hiddenSize)
    var perPosition = 0.0
    for layer in 0..<layerCount {
      weights += Double(layerTensors(layer).filter { $0.shape.count == 2 }.reduce(0) { $0 + $1.count })
      if mixers[layer] == .latentAttention, let latent {
        perPosition += Double(attentionHeads * (latent.queryKeyHeadDim + latent.valueHeadDim))
      } else {
        perPosition += Double(attentionHeads * 2 * headDim)
      }
    }
    return 2 * weights + 2 * perPosition * Double(context + 1) / 2
  }

  /// Forward and backward: three times the forward pass.
  public func trainingFLOPsPerToken(context: Int) -> Double { 3 * forwardFLOPsPerToken(context: context) }
}
