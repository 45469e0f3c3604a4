extension ModelConfig {
  /// The key of something that the model's attention has beside projections and rotary positions of whole half-split
  /// heads; nil: nothing. Mixers made from such attention would leave it out.
  public var extraAttentionKey: String? {
    let traits = attention
    let extras = [
      (traits.qkvBias, "qkv_bias"), (traits.qkNorm, "qk_norm"), (traits.outputGate, "attn_output_gate"),
      (traits.normsRotated, "use_qk_norm"), (traits.ropeInterleaved, "rope_interleave"),
      (traits.outputBias, "o_proj.bias"), (!traits.unrotatedLayers.isEmpty, "no_rope_layers"),
      (traits.chunks != nil, "attention_chunk_size"),
      (traits.scoreCap != nil, "attn_logit_softcapping"),
      (rope.rotatedShare != 1, "partial_rotary_factor"), (rope.frequencyDim != nil, "frequency_dim"),
    ]
    return extras.first { $0.0 }?.1
  }

  /// Refuses a model with such an extra.
  func requirePlainAttention(_ check: ConfigCheck, for kind: MixerKind) throws {
    if let key = extraAttentionKey {
      try check.require(
        false, key, "attention of projections and rotary positions alone", "more",
        "\(kind.rawValue) has no place for it")
    }
  }
}
