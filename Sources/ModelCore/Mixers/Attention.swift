import Autograd
import CKernels
import TensorCore

/// Grouped-query attention (Llama; Qwen2 with QKV biases; Qwen3 with per-head RMS norms on queries and keys).
///
///   q = x W_q^T, k = x W_k^T, v = x W_v^T;  rope on whole heads, half-split pairs;
///   out = softmax(q k^T / sqrt(K)) v W_o^T
///
/// Legend: B batch, T time, D model width, H query heads, G KV heads, K head width.
public struct Attention {
  let heads: Int
  let groups: Int
  let headWidth: Int
  let eps: Float
  public let query: Parameter  // [H K, D]
  public let key: Parameter  // [G K, D]
  public let value: Parameter  // [G K, D]
  public let output: Parameter  // [D, H K]
  let biases: [Parameter]  // q, k, v or none
  let queryNorm: Parameter?  // [K]
  let keyNorm: Parameter?  // [K]
  let scale: Float
  let positions: RotaryPositions

  init(_ config: ModelConfig, layer: Int, weights: WeightRequests) throws {
    let prefix = config.mixerPrefix(layer)
    heads = config.attentionHeads
    groups = config.keyValueHeads
    headWidth = config.headDim
    eps = Float(config.rmsNormEps)
    let width = config.hiddenSize
    query = try weights.tensor("\(prefix)q_proj.weight", [heads * headWidth, width])
    key = try weights.tensor("\(prefix)k_proj.weight", [groups * headWidth, width])
    value = try weights.tensor("\(prefix)v_proj.weight", [groups * headWidth, width])
    biases =
      config.qkvBias
      ? [
        try weights.tensor("\(prefix)q_proj.bias", [heads * headWidth]),
        try weights.tensor("\(prefix)k_proj.bias", [groups * headWidth]),
        try weights.tensor("\(prefix)v_proj.bias", [groups * headWidth]),
      ] : []
    queryNorm = config.qkNorm ? try weights.tensor("\(prefix)q_norm.weight", [headWidth]) : nil
    keyNorm = config.qkNorm ? try weights.tensor("\(prefix)k_norm.weight", [headWidth]) : nil
    output = try weights.tensor(config.outputProjectionName(layer), [width, heads * headWidth])
    scale = Float(config.attentionScale(of: .attention))
    positions = RotaryPositions(config.rope(of: .attention), dim: headWidth, interleaved: false)
  }

  /// Numbers per token in the cache: keys and values.
  public var cacheWidth: Int { 2 * groups * headWidth }

  /// Training: x [B, T, D] -> [B, T, D], every sequence from position 0.
  func forward(_ tape: Tape, _ x: Variable, batch: Int, time: Int, positionIds: [Int32]) -> Variable {
    let (q, k, v) = project(tape, x, positionIds, length: time)
    let mixed = tape.attention(q: q, k: k, v: v, batch: batch, time: time, scale: scale)
    return tape.linear(mixed, output)
  }

  /// Rotated queries and keys, and values, as slices of one variable (or three with QK norms).
  private func project(_ tape: Tape, _ x: Variable, _ positionIds: [Int32], length: Int) -> (
    q: HeadSlices, k: HeadSlices, v: HeadSlices
  ) {
    let table = positions.table(length)
    func layout(_ heads: Int, from head: Int = 0) -> HeadLayout {
      HeadLayout(offset: head * headWidth, stride: headWidth, heads: heads, width: headWidth)
    }
    guard let queryNorm, let keyNorm else {
      let qkv = tape.linear(x, [query, key, value], biases: biases)
      let rotated = tape.rotary(qkv, layout(heads + groups), table, positions: positionIds)
      return (
        HeadSlices(rotated, layout(heads)), HeadSlices(rotated, layout(groups, from: heads)),
        HeadSlices(rotated, layout(groups, from: heads + groups))
      )
    }
    func normed(_ weight: Parameter, _ norm: Parameter, _ heads: Int) -> HeadSlices {
      let y = tape.rmsNorm(tape.linear(x, weight), norm, eps: eps)
      return HeadSlices(tape.rotary(y, layout(heads), table, positions: positionIds), layout(heads))
    }
    return (
      normed(query, queryNorm, heads), normed(key, keyNorm, groups),
      HeadSlices(tape.linear(x, value), layout(groups))
    )
  }

  /// Decoding: rows of several sequences [N, D]; each segment's keys and values join its cache and its
  /// queries see the whole of it.
  func extend(_ tape: Tape, _ x: Variable, _ segments: [CacheSegment], positionIds: [Int32]) -> Variable {
    let longest = Int(positionIds.max() ?? 0) + 1
    let (q, k, v) = project(tape, x, positionIds, length: longest)
    let half = groups * headWidth
    for segment in segments {
      let rows = segment.cache.append(segment.rows.count)
      for (slices, offset) in [(k, 0), (v, half)] {
        let source = slices.variable.value
        up_copy_block(
          source.pointer + segment.rows.lowerBound * source.width + slices.layout.offset, source.width,
          rows + offset, 2 * half, segment.rows.count, half)
      }
    }
    let mixed = Tensor([x.rowCount, heads * headWidth])
    let single = CachedAttention(
      groups: groups, heads: heads / groups, keyWidth: headWidth, valueWidth: headWidth, scale: scale)
    let idle = max(1, Threads.count / max(1, segments.count))
    // Several sequences are dealt to the threads whole; fewer are split by runs of keys, or many new tokens by groups.
    Threads.parallel(segments.count) { index in
      let segment = segments[index]
      let queries = q.variable.value.pointer + segment.rows.lowerBound * q.variable.width + q.layout.offset
      let out = mixed.pointer + segment.rows.lowerBound * mixed.width
      let cached = segment.cache.pointer
      if segment.rows.count == 1 {
        single.attend(
          queries, keys: cached, values: cached + half, stride: 2 * half, length: segment.cache.length, threads: idle, into: out)
        return
      }
      Threads.parallel(groups) { group in
        for head in group * single.heads..<(group + 1) * single.heads {
          let keys = cached + group * headWidth
          up_attention_forward(
            queries + head * headWidth, q.variable.width, keys, 2 * half, keys + half, 2 * half, out + head * headWidth,
            mixed.width, nil, segment.rows.count, segment.cache.length, headWidth, headWidth, scale)
        }
      }
    }
    return tape.linear(tape.constant(mixed), output)
  }
}
