import Autograd
import CKernels
import TensorCore

/// MHA2MLA (Ji et al. 2025, arXiv 2502.14837, section 3): every KV head g keeps the rotation of some pairs S_g of its
/// dimensions; the others lose their positions and share one latent with the values.
///
///   q_h = x W_q^T, its dimensions in the order [not in S_g | in S_g];   c = x W_a^T;   [k_nope | v]_g = c W_b^T
///   K_g = [k_nope_g ; rope_{S_g}(x W_kr,g^T)],   Q_h = [q_nope ; rope_{S_g}(q_rope)]
///   out = softmax(Q K^T / sqrt(K)) V W_o^T
///
/// A pair turns as it did in the base. The cache row is [c | rotated keys of all heads]: R + G d_r numbers a token.
///
/// Legend: H query heads, G KV heads, K head width, R latent rank, d_r rotated width of a head.
public struct PartialRopeAttention: Mixer {
  let heads: Int
  let groups: Int
  let headWidth: Int
  let kvRank: Int
  let rope: Int
  let query: Parameter  // [H K, D]
  let latentDown: Parameter  // [R, D]
  let ropeKey: Parameter  // [G d_r, D]
  let keyValueUp: Parameter  // [G (K - d_r + K), R]
  let output: Parameter  // [D, H K]
  let scale: Float
  /// Neighbouring KV heads that keep the same pairs, and how these turn.
  private let turning: [(heads: Range<Int>, positions: RotaryPositions)]

  /// Which pairs turn is the layer's choice in `config.partialRope`.
  /// - Throws: what `weights` throws
  public init(_ config: ModelConfig, layer: Int, weights: LayerWeights) throws {
    let shape = config.partialRope ?? PartialRopeConfig(kvRank: 0, pairs: [:])
    heads = config.attentionHeads
    groups = config.keyValueHeads
    headWidth = config.headDim
    kvRank = shape.kvRank
    rope = shape.ropeHeadDim
    // Side by side: one product makes queries, latent and rope keys.
    query = try weights[.query]
    latentDown = try weights[.latentDown]
    ropeKey = try weights[.ropeKey]
    keyValueUp = try weights[.keyValueUp]
    output = try weights[.output]
    scale = Float(config.attentionScale)
    let pairs = shape.pairs[layer] ?? []
    var turning: [(heads: Range<Int>, positions: RotaryPositions)] = []
    for (head, own) in pairs.enumerated() {
      if head > 0, own == pairs[head - 1], let last = turning.last {
        turning[turning.count - 1].heads = last.heads.lowerBound..<head + 1
      } else {
        let positions = RotaryPositions(
          config.rope, dim: config.headDim, interleaved: false, pairs: own)
        turning.append((head..<head + 1, positions))
      }
    }
    self.turning = turning
  }

  private var nope: Int { headWidth - rope }
  private var perGroup: Int { heads / groups }
  private var queryWidth: Int { heads * headWidth }
  private var queryLayout: HeadLayout { HeadLayout(stride: headWidth, heads: heads, width: headWidth) }
  private var keyLayout: HeadLayout { HeadLayout(stride: headWidth, heads: groups, width: headWidth) }
  private var nopeLayout: HeadLayout { HeadLayout(stride: nope + headWidth, heads: groups, width: nope) }
  private var valueLayout: HeadLayout {
    HeadLayout(offset: nope, stride: nope + headWidth, heads: groups, width: headWidth)
  }
  private func ropeLayout(offset: Int) -> HeadLayout {
    HeadLayout(offset: offset, stride: rope, heads: groups, width: rope)
  }

  /// x [B, T, D] -> [B, T, D]: keys are made from the latent, beside those that were rotated.
  public func forward(
    _ tape: Tape, _ x: Variable, batch: Int, time: Int, positionIds: [Int32], between: () -> Void
  ) -> Variable {
    let projected = project(tape, x, positionIds)
    let kv = tape.linear(projected, keyValueUp, columns: queryWidth..<queryWidth + kvRank)
    let keys = tape.joinKeys(kv, nopeLayout, projected, ropeLayout(offset: queryWidth + kvRank))
    between()
    let mixed = tape.attention(
      q: HeadSlices(projected, queryLayout), k: HeadSlices(keys, keyLayout), v: HeadSlices(kv, valueLayout),
      batch: batch, time: time, scale: scale)
    return tape.linear(mixed, output)
  }

  /// [queries H K | latent R | keys G d_r], the rope parts of queries and keys rotated.
  private func project(_ tape: Tape, _ x: Variable, _ positionIds: [Int32]) -> Variable {
    var all = tape.linear(x, [query, latentDown, ropeKey])
    for (some, positions) in turning {
      let (table, rows) = positions.rows(positionIds)
      let queries = HeadLayout(
        offset: some.lowerBound * perGroup * headWidth + nope, stride: headWidth, heads: some.count * perGroup,
        width: rope)
      let keys = HeadLayout(
        offset: queryWidth + kvRank + some.lowerBound * rope, stride: rope, heads: some.count, width: rope)
      all = tape.rotary(all, queries, table, positions: rows)
      all = tape.rotary(all, keys, table, positions: rows)
    }
    return all
  }

  /// Decoding: rows of several sequences [N, D]; latents and rotated keys join each segment's cache.
  public func extend(_ tape: Tape, _ x: Variable, _ segments: [CacheSegment], positionIds: [Int32]) -> Variable {
    let projected = project(tape, x, positionIds).value
    let cacheWidth = kvRank + groups * rope
    let mixed = Tensor([x.rowCount, queryWidth])
    for segment in segments { segment.append(projected, columns: queryWidth..<queryWidth + cacheWidth) }
    let attention = ExpandedAttention(
      groups: groups, heads: perGroup, keys: keyLayout, values: valueLayout, scale: scale)
    for segment in segments {
      attention.attend(projected, segment, into: mixed) { cache, tokens in
        let tape = Tape(recording: false)
        let rows = Tensor([tokens.count, cacheWidth])
        cache.gather(tokens, into: rows.pointer)
        let cached = tape.constant(rows)
        let kv = tape.linear(cached, keyValueUp, columns: 0..<kvRank)
        return (tape.joinKeys(kv, nopeLayout, cached, ropeLayout(offset: kvRank)).value, kv.value)
      }
    }
    return tape.linear(tape.constant(mixed), output)
  }
}
