import Autograd
import CKernels
import TensorCore

/// Grouped-query attention (Llama; Qwen2 with QKV biases; Qwen3 with per-head RMS norms on queries and keys).
///
///   q = x W_q^T, k = x W_k^T, v = x W_v^T;  rope on whole heads, half-split pairs;
///   out = softmax(q k^T / sqrt(K)) v W_o^T
///
/// Qwen3-Next rotates only the first dimensions of a head, and its W_q gives each head a gate beside its query:
///   out = (softmax(q k^T / sqrt(K)) v * sigmoid(gate)) W_o^T.
///
/// Legend: B batch, T time, D model width, H query heads, G KV heads, K head width.
public struct Attention {
  let heads: Int
  let groups: Int
  let headWidth: Int
  let eps: Float
  let normOffset: Float
  let isGated: Bool
  public let query: Parameter  // [H K, D], or [H 2 K, D] with gates
  public let key: Parameter  // [G K, D]
  public let value: Parameter  // [G K, D]
  public let output: Parameter  // [D, H K]
  let biases: [Parameter]  // q, k, v or none
  let queryNorm: Parameter?  // [K]
  let keyNorm: Parameter?  // [K]
  let scale: Float
  let positions: RotaryPositions
  let rotaryWidth: Int

  init(_ config: ModelConfig, layer: Int, weights: WeightRequests) throws {
    let prefix = config.mixerPrefix(layer)
    heads = config.attentionHeads
    groups = config.keyValueHeads
    headWidth = config.headDim
    eps = Float(config.rmsNormEps)
    normOffset = config.normOffset
    isGated = config.attentionGate
    let width = config.hiddenSize
    query = try weights.tensor("\(prefix)q_proj.weight", [config.attentionQueryWidth, width])
    key = try weights.tensor("\(prefix)k_proj.weight", [groups * headWidth, width])
    value = try weights.tensor("\(prefix)v_proj.weight", [groups * headWidth, width])
    biases =
      config.qkvBias
      ? [
        try weights.tensor("\(prefix)q_proj.bias", [config.attentionQueryWidth]),
        try weights.tensor("\(prefix)k_proj.bias", [groups * headWidth]),
        try weights.tensor("\(prefix)v_proj.bias", [groups * headWidth]),
      ] : []
    queryNorm = config.qkNorm ? try weights.tensor("\(prefix)q_norm.weight", [headWidth]) : nil
    keyNorm = config.qkNorm ? try weights.tensor("\(prefix)k_norm.weight", [headWidth]) : nil
    output = try weights.tensor(config.outputProjectionName(layer), [width, heads * headWidth])
    scale = Float(config.attentionScale(of: .attention))
    positions = RotaryPositions(config.rope(of: .attention), dim: config.rotaryDim, interleaved: false)
    rotaryWidth = config.rotaryDim
  }

  /// Numbers per token in the cache: keys and values.
  public var cacheWidth: Int { 2 * groups * headWidth }

  /// Training: x [B, T, D] -> [B, T, D], every sequence from position 0.
  func forward(_ tape: Tape, _ x: Variable, batch: Int, time: Int, positionIds: [Int32]) -> Variable {
    let (q, k, v, gate) = project(tape, x, positionIds, positions.table(time))
    let mixed = tape.attention(q: q, k: k, v: v, batch: batch, time: time, scale: scale)
    return written(tape, mixed, gate)
  }

  private func written(_ tape: Tape, _ mixed: Variable, _ gate: Variable?) -> Variable {
    tape.linear(gate.map { tape.sigmoidGate(mixed, $0) } ?? mixed, output)
  }

  /// Rotated queries and keys, and values, as slices of one variable (or three with QK norms or gates).
  private func project(_ tape: Tape, _ x: Variable, _ positionIds: [Int32], _ table: RotaryTable) -> (
    q: HeadSlices, k: HeadSlices, v: HeadSlices, gate: Variable?
  ) {
    func layout(_ heads: Int, from head: Int = 0, width: Int? = nil) -> HeadLayout {
      HeadLayout(offset: head * headWidth, stride: headWidth, heads: heads, width: width ?? headWidth)
    }
    func rotated(_ y: Variable, _ heads: Int) -> Variable {
      tape.rotary(y, layout(heads, width: rotaryWidth), table, positions: positionIds)
    }
    if queryNorm == nil && !isGated {
      let qkv = rotated(tape.linear(x, [query, key, value], biases: biases), heads + groups)
      return (
        HeadSlices(qkv, layout(heads)), HeadSlices(qkv, layout(groups, from: heads)),
        HeadSlices(qkv, layout(groups, from: heads + groups)), nil
      )
    }
    func projected(_ index: Int, _ weight: Parameter) -> Variable {
      tape.linear(x, [weight], biases: biases.isEmpty ? [] : [biases[index]])
    }
    func prepared(_ y: Variable, _ norm: Parameter?, _ heads: Int) -> HeadSlices {
      let y = norm.map { tape.rmsNorm(y, $0, eps: eps, offset: normOffset) } ?? y
      return HeadSlices(rotated(y, heads), layout(heads))
    }
    var (queries, gate) = (projected(0, query), Variable?.none)
    if isGated {
      // Each head's row holds its query, then its gate.
      func halves(_ half: Int) -> [Range<Int>] {
        (0..<heads).map { (2 * $0 + half) * headWidth..<(2 * $0 + half + 1) * headWidth }
      }
      (queries, gate) = (tape.columns(queries, halves(0)), tape.columns(queries, halves(1)))
    }
    return (
      prepared(queries, queryNorm, heads), prepared(projected(1, key), keyNorm, groups),
      HeadSlices(projected(2, value), layout(groups)), gate
    )
  }

  /// Decoding: rows of several sequences [N, D]; each segment's keys and values join its cache and its
  /// queries see the whole of it.
  func extend(_ tape: Tape, _ x: Variable, _ segments: [CacheSegment], positionIds: [Int32]) -> Variable {
    let (table, rotated) = positions.rows(positionIds)
    let (q, k, v, gate) = project(tape, x, rotated, table)
    let half = groups * headWidth
    for segment in segments {
      var first = segment.rows.lowerBound
      for run in segment.cache.append(segment.rows.count) {
        for (slices, offset) in [(k, 0), (v, half)] {
          let source = slices.variable.value
          up_copy_block(
            source.pointer + first * source.width + slices.layout.offset, source.width, run.rows + offset, 2 * half,
            run.tokens.count, half)
        }
        first += run.tokens.count
      }
    }
    let mixed = Tensor([x.rowCount, heads * headWidth])
    let single = CachedAttention(
      groups: groups, heads: heads / groups, keyWidth: headWidth, valueWidth: headWidth, valueOffset: half, scale: scale)
    CacheSegment.deal(segments) { segment, threads in
      let queries = q.variable.value.pointer + segment.rows.lowerBound * q.variable.width + q.layout.offset
      let out = mixed.pointer + segment.rows.lowerBound * mixed.width
      if segment.rows.count == 1 {
        single.attend(queries, to: segment.cache, threads: threads, into: out)
        return
      }
      let runs = segment.cache.runs
      let attention = RunAttention(
        positions: segment.cache.length - segment.rows.count..<segment.cache.length, heads: heads, keyWidth: headWidth,
        valueWidth: headWidth, scale: scale, blocks: runs.count, queries: queries, stride: q.variable.width,
        headStride: headWidth, out: out, stride: mixed.width, headStride: headWidth)
      Threads.parallel(groups) { group in
        for head in group * single.heads..<(group + 1) * single.heads {
          for run in runs {
            let keys = run.rows + group * headWidth
            attention.join(head: head, run.tokens, keys: keys, stride: 2 * half, values: keys + half, stride: 2 * half)
          }
        }
      }
    }
    return written(tape, tape.constant(mixed), gate)
  }
}
