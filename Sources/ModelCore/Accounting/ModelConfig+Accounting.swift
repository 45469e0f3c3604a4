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

  /// One layer's dense feed-forward: gate, up and down.
  public var feedForwardParameterCount: Int { architecture == .mamba2 ? 0 : 3 * hiddenSize * intermediateSize }

  /// One layer's feed-forward, or its router and all its experts.
  public func feedForwardParameterCount(layer: Int) -> Int { feedForwardTensors(layer).reduce(0) { $0 + $1.count } }

  /// Parameters of the routed experts that a token does not go to, in one layer.
  func idleParameterCount(layer: Int) -> Int {
    guard let experts, experts.isUsed(inLayer: layer) else { return 0 }
    return (experts.count - experts.perToken) * experts.expertParameters(hiddenSize: hiddenSize)
  }

  /// Parameters that a token's forward pass uses: all but the experts it does not go to.
  public var activeParameterCount: Int {
    parameterCount - (0..<layerCount).reduce(0) { $0 + idleParameterCount(layer: $1) }
  }

  // MARK: Cache

  /// Numbers that a layer caches per token: r_kv + d_r for latent attention, 2 n_kv d_h for attention, none for
  /// Mamba2 and Gated DeltaNet.
  public func kvNumbersPerToken(layer: Int) -> Int {
    switch mixers[layer] {
    case .attention: 2 * keyValueHeads * headDim
    case .latentAttention: latent.map { $0.ranks(layer: layer).kv + $0.ropeHeadDim } ?? 0
    case .mamba2, .gatedDeltaNet: 0
    }
  }

  /// Numbers that a layer remembers per sequence whatever its length; the published KV percentages leave them out.
  public func stateNumbers(layer: Int) -> Int {
    switch mixers[layer] {
    case .attention, .latentAttention: 0
    case .mamba2: mamba?.stateNumbers ?? 0
    case .gatedDeltaNet: delta?.stateNumbers ?? 0
    }
  }

  /// The same for the whole model.
  public var stateNumbers: Int { (0..<layerCount).reduce(0) { $0 + stateNumbers(layer: $1) } }

  /// Numbers that the whole model caches per token.
  public var kvNumbersPerToken: Int { (0..<layerCount).reduce(0) { $0 + kvNumbersPerToken(layer: $1) } }

  /// The same for the attention-only model it came from: L 2 n_kv d_h.
  public var baseKVNumbersPerToken: Int { layerCount * 2 * keyValueHeads * headDim }

  /// Cache as a share of the base model's, in percent (X-EcoMLA's "KV size").
  public var kvPercent: Double { 100 * Double(kvNumbersPerToken) / Double(baseKVNumbersPerToken) }

  /// Bytes that `LanguageModel.makeCache(capacity: tokens)` takes, rounding of buffers included.
  public func reservedBytes(tokens: Int) -> Int {
    (0..<layerCount).reduce(0) {
      $0
        + LayerCache.reservedBytes(
          width: kvNumbersPerToken(layer: $1), stateNumbers: stateNumbers(layer: $1), capacity: tokens)
    }
  }

  /// The most tokens a sequence may have: `max_position_embeddings`, or nil where no layer has positions.
  public var positionLimit: Int? {
    mixers.contains { $0 == .attention || $0 == .latentAttention } ? maxPosition : nil
  }

  // MARK: Work

  /// Floating-point operations of one token's forward pass in a sequence of `context` tokens: two per weight
  /// of every matrix product including the head, and the causal average of scores and weighted values.
  public func forwardFLOPsPerToken(context: Int) -> Double {
    var weights = Double(vocabularySize * hiddenSize)
    var perPosition = 0.0
    for layer in 0..<layerCount {
      // Three axes: all experts of a layer in one tensor, or the taps of a convolution.
      let matrices = layerTensors(layer).filter { $0.shape.count == 2 || ($0.shape.count == 3 && hasStackedExperts) }
      weights += Double(matrices.reduce(0) { $0 + $1.count } - idleParameterCount(layer: layer))
      switch mixers[layer] {
      case .attention: perPosition += Double(attentionHeads * 2 * headDim)
      case .latentAttention:
        perPosition += latent.map { Double(attentionHeads * ($0.queryKeyHeadDim + $0.valueHeadDim)) } ?? 0
      case .mamba2:
        // The recurrence: decay, write and read of every number of the state; the convolution's taps.
        weights += mamba.map { Double(3 * $0.heads * $0.headDim * $0.stateSize + $0.convTaps * $0.convWidth) } ?? 0
      case .gatedDeltaNet:
        // Reading for the error, writing and reading for the output; the convolution's taps.
        weights += delta.map { Double(3 * $0.recurrentNumbers + $0.convTaps * $0.convWidth) } ?? 0
      }
    }
    return 2 * weights + 2 * perPosition * Double(context + 1) / 2
  }

  /// Forward and backward: three times the forward pass.
  public func trainingFLOPsPerToken(context: Int) -> Double { 3 * forwardFLOPsPerToken(context: context) }
}
