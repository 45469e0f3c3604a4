import Autograd
import CKernels
import Groundwork
import TensorCore

/// Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434, section 2.1; X-EcoMLA, section 2).
///
///   c_q = x W_q_a^T (optional norm);   [q_nope | q_rope]_h = c_q W_q_b^T      (or directly from x)
///   [c_kv | k_rope] = x W_kv_a^T;      [k_nope | v]_g = norm?(c_kv) W_kv_b^T
///   K_g = [k_nope_g ; rope(k_rope)], Q_h = [q_nope_h ; rope(q_rope_h)], the rope key shared by all heads
///   out = softmax(Q K^T * scale) V W_o^T,  scale = (nope + rope)^(-1/2) (times YaRN's softmax factor)
///
/// The cache row is [norm?(c_kv) | rope(k_rope)]: kv_lora_rank + qk_rope_head_dim numbers per token.
/// With norms over whole query and key heads (`q_norm`, `k_norm`, before rope) the cached rope key is not yet
/// rotated and decoding expands. Otherwise decoding absorbs W_UK into the queries and W_UV into the output:
///   score = (q_nope W_UK) . c_kv + q_rope . k_rope;   out_h = (sum_s p_s c_kv_s) W_UV^T
///
/// Two variants of HyLo's Table 5: without positions nothing is rotated; with an output gate
///   out = (softmax(Q K^T * scale) V * sigmoid(x W_g^T)) W_o^T.
///
/// Legend: H query heads, G up-projection heads (H, or the base's KV heads), R latent rank.
public struct LatentAttention: Mixer {
  let heads: Int
  let groups: Int
  let latent: LatentConfig
  let queryRank: Int?
  let kvRank: Int
  /// Numbers of a cache row.
  private let cacheWidth: Int
  let eps: Float
  let scale: Float
  let queryDown: Parameter?  // [Rq, D]
  let queryNorm: Parameter?  // [Rq]
  let queryUp: Parameter  // [H (nope + rope), Rq or D]
  let keyValueDown: Parameter  // [R + rope, D]
  let keyValueNorm: Parameter?  // [R]
  let keyValueUp: Parameter  // [G (nope + V), R]
  let output: Parameter  // [D, H V]
  /// Of up-projections and rotary key; none in most models.
  let queryBias: Parameter?  // [H (nope + rope)]
  let keyValueDownBias: Parameter?  // [R + rope]
  let keyValueUpBias: Parameter?  // [G (nope + V)]
  let queryHeadNorm: Parameter?  // [nope + rope], before rope
  let keyHeadNorm: Parameter?
  let outputGate: Parameter?  // [H V, D]
  let positions: RotaryPositions
  /// Everywhere in the model, or in this layer as it was in the base (SmolLM3).
  let isPositionFree: Bool

  /// Ranks are the layer's own (`LatentConfig.ranks`).
  /// - Throws: a failure that names the layer where `config.latent` is nil; what `weights` throws
  public init(_ config: ModelConfig, layer: Int, weights: LayerWeights) throws {
    guard let latent = config.latent else {
      throw UpcycleError("has a latent attention layer but no kv_lora_rank", at: "layer \(layer)")
    }
    self.latent = latent
    heads = config.attentionHeads
    groups = latent.upProjectionHeads
    let ranks = latent.ranks(layer: layer)
    queryRank = ranks.q
    kvRank = ranks.kv
    cacheWidth = Self.cacheNeeds(config, layer: layer).perToken
    eps = Float(latent.latentNormEps)
    scale = Float(config.latentScale)
    // Both down-projections lie side by side: one product makes both latents and the rope key.
    queryDown = try weights.ifPresent(.queryDown)
    keyValueDown = try weights[.keyValueDown]
    queryNorm = try weights.ifPresent(.queryLatentNorm)
    keyValueNorm = try weights.ifPresent(.keyValueLatentNorm)
    queryUp = try weights[queryRank == nil ? .query : .queryUp]
    keyValueUp = try weights[.keyValueUp]
    queryBias = try weights.ifPresent(queryRank == nil ? .queryBias : .queryUpBias)
    keyValueDownBias = try weights.ifPresent(.keyValueDownBias)
    keyValueUpBias = try weights.ifPresent(.keyValueUpBias)
    queryHeadNorm = try weights.ifPresent(.queryNorm)
    keyHeadNorm = try weights.ifPresent(.keyNorm)
    outputGate = try weights.ifPresent(.outputGate)
    output = try weights[.output]
    isPositionFree = latent.isPositionFree || config.attention.unrotatedLayers.contains(layer)
    positions = RotaryPositions(
      config.latentRope, dim: latent.ropeHeadDim, interleaved: latent.ropeInterleaved)
  }

  private var nope: Int { latent.nopeHeadDim }
  private var rope: Int { latent.ropeHeadDim }
  private var valueWidth: Int { latent.valueHeadDim }

  // MARK: Training

  /// x [B, T, D] -> [B, T, D]: every position's latent is expanded to keys and values of G heads.
  public func forward(
    _ tape: Tape, _ x: Variable, batch: Int, time: Int, positionIds: [Int32], between: () -> Void
  ) -> Variable {
    let table = positions.table(time)
    let projected = project(tape, x, table, positionIds)
    let kv = expand(tape, projected.latent, columns: projected.latentColumns)
    var keys = tape.joinKeys(kv, nopeLayout, projected.ropeKey, projected.ropeLayout)
    if let keyHeadNorm {
      keys = rotated(tape, tape.rmsNorm(keys, keyHeadNorm, eps: eps), keyRope, table, positionIds)
    }
    between()
    let mixed = tape.attention(
      q: HeadSlices(projected.query, HeadLayout(stride: nope + rope, heads: heads, width: nope + rope)),
      k: HeadSlices(keys, HeadLayout(stride: nope + rope, heads: groups, width: nope + rope)),
      v: HeadSlices(kv, valueLayout), batch: batch, time: time, scale: scale)
    return projectedOutput(tape, mixed, x)
  }

  /// The output projection, behind the gate where there is one.
  private func projectedOutput(_ tape: Tape, _ mixed: Variable, _ x: Variable) -> Variable {
    tape.linear(outputGate.map { tape.sigmoidGate(mixed, tape.linear(x, $0)) } ?? mixed, output)
  }

  private func rotated(
    _ tape: Tape, _ x: Variable, _ layout: HeadLayout, _ table: RotaryTable, _ positionIds: [Int32]
  ) -> Variable {
    isPositionFree ? x : tape.rotary(x, layout, table, positions: positionIds)
  }

  private var nopeLayout: HeadLayout { HeadLayout(stride: nope + valueWidth, heads: groups, width: nope) }
  private var valueLayout: HeadLayout {
    HeadLayout(offset: nope, stride: nope + valueWidth, heads: groups, width: valueWidth)
  }

  private var keyRope: HeadLayout { HeadLayout(offset: nope, stride: nope + rope, heads: groups, width: rope) }

  private struct Projection {
    var query: Variable  // [..., H (nope + rope)], rotated
    var latent: Variable  // holds c_kv in latentColumns, normed
    var latentColumns: Range<Int>
    var ropeKey: Variable  // [..., rope], rotated unless key heads are normed
    var ropeLayout: HeadLayout
  }

  private func project(_ tape: Tape, _ x: Variable, _ table: RotaryTable, _ positionIds: [Int32]) -> Projection {
    let queryRank = self.queryRank ?? 0
    // One product for both down-projections: [Rq | R | rope]. A bias stands in the way: [R | rope] alone.
    let isJoint = queryDown != nil && keyValueDownBias == nil
    let down = tape.linear(
      x, (isJoint ? [queryDown!] : []) + [keyValueDown], biases: keyValueDownBias.map { [$0] } ?? [])
    let firstLatent = isJoint ? queryRank : 0
    let latentColumns = firstLatent..<firstLatent + kvRank
    let biases = queryBias.map { [$0] } ?? []
    var query: Variable
    if let queryDown {
      let latent = isJoint ? down : tape.linear(x, queryDown)
      if let queryNorm {
        query = tape.linear(
          tape.rmsNorm(tape.columns(latent, 0..<queryRank), queryNorm, eps: eps), [queryUp], biases: biases)
      } else {
        query = tape.linear(latent, [queryUp], biases: biases, columns: 0..<queryRank)
      }
    } else {
      query = tape.linear(x, [queryUp], biases: biases)
    }
    if let queryHeadNorm { query = tape.rmsNorm(query, queryHeadNorm, eps: eps) }
    let queryRope = HeadLayout(offset: nope, stride: nope + rope, heads: heads, width: rope)
    query = rotated(tape, query, queryRope, table, positionIds)
    // The rope key is copied out before it is rotated: `down` serves other products.
    let key = HeadLayout(stride: rope, heads: 1, width: rope)
    var ropeKey = tape.columns(down, latentColumns.upperBound..<latentColumns.upperBound + rope)
    // With a norm over whole key heads the rope follows the norm, head by head.
    if keyHeadNorm == nil { ropeKey = rotated(tape, ropeKey, key, table, positionIds) }
    guard let keyValueNorm else {
      return Projection(query: query, latent: down, latentColumns: latentColumns, ropeKey: ropeKey, ropeLayout: key)
    }
    let normed = tape.rmsNorm(tape.columns(down, latentColumns), keyValueNorm, eps: eps)
    return Projection(query: query, latent: normed, latentColumns: 0..<kvRank, ropeKey: ropeKey, ropeLayout: key)
  }

  /// [k_nope | v] of every head from the latent.
  private func expand(_ tape: Tape, _ latent: Variable, columns: Range<Int>) -> Variable {
    tape.linear(latent, [keyValueUp], biases: keyValueUpBias.map { [$0] } ?? [], columns: columns)
  }

  // MARK: Decoding

  /// From this many new tokens on, expanding the cache once costs less than absorbed scores over R.
  static let expandFrom = 32

  /// Rows of several sequences [N, D]; latents and rope keys join each segment's cache.
  public func extend(_ tape: Tape, _ x: Variable, _ segments: [CacheSegment], positionIds: [Int32]) -> Variable {
    let (table, rotated) = positions.rows(positionIds)
    let projected = project(tape, x, table, rotated)
    let mixed = Tensor([x.rowCount, heads * valueWidth])
    for segment in segments {
      var start = segment.rows.lowerBound
      for run in segment.cache.append(segment.rows.count) {
        let latent = projected.latent.value
        up_copy_block(
          latent.pointer + start * latent.width + projected.latentColumns.lowerBound, latent.width, run.rows,
          cacheWidth,
          run.tokens.count, kvRank)
        let key = projected.ropeKey.value
        up_copy_block(
          key.pointer + start * key.width + projected.ropeLayout.offset, key.width, run.rows + kvRank, cacheWidth,
          run.tokens.count, rope)
        start += run.tokens.count
      }
    }
    CacheSegment.deal(segments) { segment, threads in
      if segment.rows.count >= Self.expandFrom || keyHeadNorm != nil {
        attendExpanded(projected.query.value, segment, into: mixed)
      } else {
        attendAbsorbed(projected.query.value, segment, threads: threads, into: mixed)
      }
    }
    return projectedOutput(tape, tape.constant(mixed.reshaped(x.shape.dropLast() + [mixed.width])), x)
  }

  /// Scores against the latents themselves; nothing of the cache's length times heads is expanded. All heads share the
  /// latents, so one new token takes every cached row once for all of them.
  private func attendAbsorbed(_ query: Tensor, _ segment: CacheSegment, threads: Int, into mixed: Tensor) {
    let count = segment.rows.count
    let width = cacheWidth
    let perGroup = heads / groups
    let block = nope + valueWidth
    let absorbed = Tensor([heads, count, width])
    let latents = Tensor([heads, count, kvRank])
    func up(_ head: Int) -> UnsafeMutablePointer<Float> { keyValueUp.value.pointer + head / perGroup * block * kvRank }
    // A thread's share is worth its start from about 2^17 products on.
    let grain = max(1, (1 << 17) / (kvRank * (nope + valueWidth) * count))
    Threads.parallelRows(heads, grain: grain) { some in
      for head in some {
        let q = query.pointer + segment.rows.lowerBound * query.width + head * (nope + rope)
        let a = absorbed.pointer + head * count * width
        serialGemm(m: count, n: kvRank, k: nope, a: q, lda: query.width, b: up(head), ldb: kvRank, c: a, ldc: width)
        up_copy_block(q + nope, query.width, a + kvRank, width, count, rope)
      }
    }
    if count == 1 {
      CachedAttention(groups: 1, heads: heads, keyWidth: width, valueWidth: kvRank, valueOffset: 0, scale: scale)
        .attend(
          absorbed.pointer, to: segment.cache, threads: threads, into: latents.pointer)
    } else {
      let runs = segment.cache.runs
      let attention = RunAttention(
        positions: segment.cache.length - count..<segment.cache.length, heads: heads, keyWidth: width,
        valueWidth: kvRank,
        scale: scale, blocks: runs.count, queries: absorbed.pointer, stride: width, headStride: count * width,
        out: latents.pointer, stride: kvRank, headStride: count * kvRank)
      Threads.parallel(heads) { head in
        for run in runs {
          attention.join(head: head, run.tokens, keys: run.rows, stride: width, values: run.rows, stride: width)
        }
      }
    }
    Threads.parallelRows(heads, grain: grain) { some in
      for head in some {
        serialGemm(
          transB: true, m: count, n: valueWidth, k: kvRank, a: latents.pointer + head * count * kvRank, lda: kvRank,
          b: up(head) + nope * kvRank, ldb: kvRank,
          c: mixed.pointer + segment.rows.lowerBound * mixed.width + head * valueWidth, ldc: mixed.width)
        addValueBias(head / perGroup, mixed, rows: segment.rows, column: head * valueWidth)
      }
    }
  }

  /// Shares of a softmax sum to 1, so that the values' bias passes through whole. The keys' moves all scores of a query
  /// alike and changes nothing.
  private func addValueBias(_ group: Int, _ mixed: Tensor, rows: Range<Int>, column: Int) {
    guard let keyValueUpBias else { return }
    let bias = keyValueUpBias.value.pointer + group * (nope + valueWidth) + nope
    for row in rows { up_axpy(1, bias, mixed.pointer + row * mixed.width + column, valueWidth) }
  }

  /// Expands the cache's keys and values block by block: for a long run of new tokens (prefill), or key norms.
  private func attendExpanded(_ query: Tensor, _ segment: CacheSegment, into mixed: Tensor) {
    let keyLayout = HeadLayout(stride: nope + rope, heads: groups, width: nope + rope)
    ExpandedAttention(groups: groups, heads: heads / groups, keys: keyLayout, values: valueLayout, scale: scale)
      .attend(query, segment, into: mixed) { expand($0, $1) }
  }

  /// Keys [S, G (nope + rope)] and [k_nope | v] rows [S, G (nope + V)] of these cached tokens.
  private func expand(_ cache: LayerCache, _ tokens: Range<Int>) -> (keys: Tensor, values: Tensor) {
    let tape = Tape(recording: false)
    let rows = Tensor([tokens.count, cacheWidth])
    cache.gather(tokens, into: rows.pointer)
    let cached = tape.constant(rows)
    let kv = expand(tape, cached, columns: 0..<kvRank)
    let shared = HeadLayout(offset: kvRank, stride: rope, heads: 1, width: rope)
    var keys = tape.joinKeys(kv, nopeLayout, cached, shared)
    if let keyHeadNorm {
      let (table, positions) = positions.rows(tokens.map { Int32($0) })
      keys = rotated(tape, tape.rmsNorm(keys, keyHeadNorm, eps: eps), keyRope, table, positions)
    }
    return (keys.value, kv.value)
  }
}
