import Groundwork

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

  /// The layer that stands for attention in reports: the first that keeps rows of tokens, a converted one before others;
  /// nil where none does.
  public var attentionLayer: Int? {
    let keeping = (0..<layerCount).filter { kvNumbersPerToken(layer: $0) > 0 }
    return keeping.first { mixers[$0] != .attention } ?? keeping.first
  }

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

  /// Numbers that a layer's cache of one sequence holds.
  public func cacheNeeds(layer: Int) -> CacheNeeds { mixers[layer].mixer.cacheNeeds(self, layer: layer) }

  /// Numbers that a layer caches per token: r_kv + d_r for latent attention, 2 n_kv d_h for attention, none for
  /// Mamba2 and Gated DeltaNet.
  public func kvNumbersPerToken(layer: Int) -> Int { cacheNeeds(layer: layer).perToken }

  /// Numbers that a layer remembers per sequence whatever its length; the published KV percentages leave them out.
  public func stateNumbers(layer: Int) -> Int { cacheNeeds(layer: layer).state }

  /// The same for the whole model.
  public var stateNumbers: Int { (0..<layerCount).reduce(0) { $0 + stateNumbers(layer: $1) } }

  /// Numbers that the whole model caches per token.
  public var kvNumbersPerToken: Int { (0..<layerCount).reduce(0) { $0 + kvNumbersPerToken(layer: $1) } }

  /// Numbers of a sequence's rows in all layers, those with a window keeping only theirs.
  public func kvNumbers(context: Int) -> Int {
    (0..<layerCount).reduce(0) { $0 + cacheNeeds(layer: $1).rowNumbers(context: context) }
  }

  /// The same per token for the attention-only model it came from, without windows: L 2 n_kv d_h.
  public var baseKVNumbersPerToken: Int { layerCount * Attention.cacheNeeds(self, layer: 0).perToken }

  /// Cache as a share of the base model's, in percent (X-EcoMLA's "KV size").
  public var kvPercent: Double { 100 * Double(kvNumbersPerToken) / Double(baseKVNumbersPerToken) }

  /// Bytes that `LanguageModel.makeCache(capacity: tokens)` takes, rounding of buffers included.
  public func reservedBytes(tokens: Int) -> Int {
    (0..<layerCount).reduce(0) {
      $0
        + LayerCache.reservedBytes(
          width: kvNumbersPerToken(layer: $1), stateNumbers: stateNumbers(layer: $1),
          mostRows: cacheNeeds(layer: $1).mostTokens, capacity: tokens)
    }
  }

  /// The most tokens a sequence may have: `max_position_embeddings`, or nil where no layer keeps rows of them.
  public var positionLimit: Int? {
    kvNumbersPerToken > 0 ? readablePositions : nil
  }

  /// Tokens to which texts are cut that a model only reads: its positions, of two ropes by length those of the first.
  public var readablePositions: Int { min(maxPosition, rope.positionLimit ?? .max) }

  /// Positions beyond which its rope would turn wrongly, which no wish to go on changes; nil: none.
  public var ropeLimit: Int? { kvNumbersPerToken > 0 ? rope.positionLimit : nil }

  /// Positions beyond which nothing can be read, whatever is asked for: those that were learned, or of the first of two
  /// ropes; `Int.max`: none.
  public var hardPositionLimit: Int { block.learnsPositions ? maxPosition : ropeLimit ?? .max }

  /// Refuses sequences beyond the positions that a model has learned, or beyond the first of two ropes by length
  /// (LongRoPE); other rotary positions go on.
  /// - Parameter field: what asks for such sequences
  public func requirePositions(_ time: Int, field: String) throws {
    if block.learnsPositions && time > maxPosition {
      throw UpcycleError.usage(
        "is longer than the positions that were learned", field: field, expected: "at most \(maxPosition)",
        found: "\(time)")
    }
    if let limit = ropeLimit, time > limit {
      throw UpcycleError.usage(
        "is longer than the first of the model's two ropes reaches (LongRoPE)", field: field,
        expected: "at most \(limit)", found: "\(time)")
    }
  }

  /// What a reader of numbers on such sequences must know; nil for those that the model was made for.
  public func positionsNote(_ time: Int) -> String? {
    guard kvNumbersPerToken > 0, time > maxPosition else { return nil }
    return
      "note: sequences of \(formatCount(time)) tokens, beyond the model's \(formatCount(maxPosition)) positions, for which "
      + "it was not trained"
  }

  // MARK: Work

  /// Floating-point operations of one token's forward pass in a sequence of `context` tokens: two per weight
  /// of every matrix product including the head, and the causal average of scores and weighted values.
  public func forwardFLOPsPerToken(context: Int) -> Double {
    var weights = Double(vocabularySize * hiddenSize)
    var perPosition = 0.0
    for layer in 0..<layerCount {
      // Three axes: all experts of a layer in one tensor, or the taps of a convolution, which its mixer counts.
      let matrices = layerTensors(layer).filter {
        $0.shape.count == 2 || $0.role == .stackedGateUp || $0.role == .stackedDown
      }
      let costs = mixers[layer].mixer.costs(self, layer: layer)
      weights += Double(
        matrices.reduce(costs.productsPerToken) { $0 + $1.count } - idleParameterCount(layer: layer))
      perPosition += Double(costs.productsPerPosition) * meanPositions(context, layer: layer)
    }
    return 2 * (weights + perPosition)
  }

  /// Positions that a token of a sequence sees in a layer, the mean over its tokens: all before it, those of its window, or
  /// those of its chunk.
  private func meanPositions(_ context: Int, layer: Int) -> Double {
    func upTo(_ count: Int) -> Double { Double(count) * Double(count + 1) / 2 }
    if let windows = attention.windows, windows.layers.contains(layer), windows.size < context {
      return (upTo(windows.size) + Double(context - windows.size) * Double(windows.size)) / Double(context)
    }
    if let chunks = attention.chunks, chunks.layers.contains(layer), chunks.size < context {
      let (whole, rest) = context.quotientAndRemainder(dividingBy: chunks.size)
      return (Double(whole) * upTo(chunks.size) + upTo(rest)) / Double(context)
    }
    return Double(context + 1) / 2
  }
}
