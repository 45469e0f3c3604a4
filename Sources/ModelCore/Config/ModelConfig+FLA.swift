import Groundwork

/// The keys of flash-linear-attention's own models (`model_type` gated_deltanet): Gated DeltaNet and a SwiGLU
/// feed-forward in every layer, no positions. Its defaults fill what is absent.
extension ModelConfig {
  /// Attention's shape is set to the key heads', for accounting only.
  init(fla model: ConfigObject) throws {
    let width = 1...(1 << 20)
    if model["attn"] != nil {
      throw model.unsupported("attn", "flash-linear-attention's own hybrid of attention layers")
    }
    try Self.refuseUnsupported(model, architecture: .gatedDeltaNet)
    let hidden = try model.int("hidden_size", in: width) ?? 2048
    let eps = try model.positive("norm_eps") ?? 1e-6
    let delta = try DeltaConfig(fla: model, heads: 6, normEps: eps)
    let layers = try model.int("num_hidden_layers", in: 1...4096) ?? 21
    self.init(
      architecture: .gatedDeltaNet, hiddenSize: hidden, layerCount: layers, attentionHeads: delta.heads,
      keyValueHeads: delta.heads, headDim: delta.keyDim,
      intermediateSize: try model.int("intermediate_size", in: 1...(1 << 24))
        ?? Self.feedForwardWidth(hidden, ratio: try model.int("hidden_ratio", in: 1...1024) ?? 4),
      vocabularySize: try model.int("vocab_size", in: 1...(1 << 26)) ?? 32_000,
      tieWordEmbeddings: try model.bool("tie_word_embeddings") ?? false, rmsNormEps: eps,
      maxPosition: try model.int("max_position_embeddings", in: 1...(1 << 40)) ?? 2048,
      bosTokenId: try model.int("bos_token_id", in: 0...(1 << 26)), eosTokenIds: try Self.ids(model, "eos_token_id"),
      mixers: Array(repeating: .gatedDeltaNet, count: layers), delta: delta)
  }

  /// Two thirds of `ratio` times the width, rounded up to a multiple of 256.
  private static func feedForwardWidth(_ hidden: Int, ratio: Int) -> Int { (hidden * ratio * 2 / 3 + 255) / 256 * 256 }

  func flaJSON(_ delta: DeltaConfig) -> JSONValue {
    var object: [String: JSONValue] = [
      "model_type": .string(architecture.rawValue), "architectures": .array([.string(architecture.className)]),
      "hidden_size": .int(hiddenSize), "num_hidden_layers": .int(layerCount), "vocab_size": .int(vocabularySize),
      "intermediate_size": .int(intermediateSize), "tie_word_embeddings": .bool(tieWordEmbeddings),
      "max_position_embeddings": .int(maxPosition), "hidden_act": .string("swish"),
    ]
    object.merge(delta.flaJSON) { $1 }
    object["bos_token_id"] = bosTokenId.map { .int($0) }
    if !eosTokenIds.isEmpty {
      object["eos_token_id"] = eosTokenIds.count == 1 ? .int(eosTokenIds[0]) : .array(eosTokenIds.map { .int($0) })
    }
    return .object(object)
  }
}
