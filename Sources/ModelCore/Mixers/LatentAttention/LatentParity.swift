extension ModelConfig {
  /// The query rank at which latent attention has as many weights as the base's q, k and v projections,
  /// the shared output projection aside:
  ///
  ///     r_q (d + n_h (d_nope + d_r)) + d (r_kv + d_r) + r_kv n_up (d_nope + d_h) = d n_h d_h + 2 d n_kv d_h
  ///
  /// Exact for Llama-3.2-1B with d_nope = d_r = 32: 880, 1200, 1360, 1440, 1460 at r_kv 512, 256, 128, 64, 48.
  public func parityQueryRank(
    kvRank: Int, nopeHeadDim: Int, ropeHeadDim: Int, upProjectionHeads: Int? = nil
  ) -> Double {
    let up = upProjectionHeads ?? attentionHeads
    let base = hiddenSize * attentionHeads * headDim + 2 * hiddenSize * keyValueHeads * headDim
    let keyValue = hiddenSize * (kvRank + ropeHeadDim) + kvRank * up * (nopeHeadDim + headDim)
    let perRank = hiddenSize + attentionHeads * (nopeHeadDim + ropeHeadDim)
    return Double(base - keyValue) / Double(perRank)
  }
}
