import Autograd
import CKernels
import Foundation
import TensorCore

/// Grouped-query attention (Ainslie et al. 2023, as in Llama; Qwen2 with QKV biases; Qwen3 with per-head RMS norms on
/// queries and keys).
///
///   q = x W_q^T, k = x W_k^T, v = x W_v^T;  rope on whole heads, half-split pairs;
///   out = softmax(q k^T / sqrt(K)) v W_o^T
///
/// Qwen3-Next rotates only the first dimensions of a head, and its W_q gives each head a gate beside its query:
///   out = (softmax(q k^T / sqrt(K)) v * sigmoid(gate)) W_o^T.
///
/// GPT-2 rotates nothing and has biases on all four.
///
/// Mistral and Gemma see a window of the past in some layers, Gemma 2 caps the scores (`BoundedAttention`).
///
/// Llama-4 rotates neighbouring dimensions and only in some layers, then divides queries and keys by their root mean
/// square; layers without rotation scale queries by the position; some layers see only a chunk of the past. All of
/// these are facts of `AttentionConfig`.
///
/// Legend: B batch, T time, D model width, H query heads, G KV heads, K head width.
public struct Attention: MatrixMixer {
  let heads: Int
  let groups: Int
  let headWidth: Int
  let eps: Float
  let normOffset: Float
  let isGated: Bool
  let query: Parameter  // [H K, D], or [H 2 K, D] with gates
  let key: Parameter  // [G K, D]
  let value: Parameter  // [G K, D]
  let output: Parameter  // [D, H K]
  let biases: [Parameter]  // q, k, v or none
  let outputBias: Parameter?  // [D]
  let queryNorm: Parameter?  // [K], or [H K] over all heads
  let keyNorm: Parameter?  // [K], or [G K]
  let scale: Float
  let positions: RotaryPositions
  let rotaryWidth: Int
  let isRotated: Bool
  /// Ones [K]: the weights of Llama-4's norms of rotated queries and keys, which have none; nil for no such norms.
  let unitNorm: Parameter?
  let temperature: AttentionConfig.Temperature?
  /// Positions of a chunk, beyond which nothing is seen; nil for no chunks.
  let chunk: Int?
  /// Positions of a window, one's own among them; nil for all.
  let window: Int?
  /// Soft cap of the scores; 0: none.
  let scoreCap: Float

  /// Biases, norms and bounds are those of `config.attention` in this layer.
  /// - Throws: what `weights` throws
  public init(_ config: ModelConfig, layer: Int, weights: LayerWeights) throws {
    let traits = config.attention
    heads = config.attentionHeads
    groups = config.keyValueHeads
    headWidth = config.headDim
    eps = Float(config.rmsNormEps)
    normOffset = config.normOffset
    isGated = traits.outputGate
    query = try weights[.query]
    key = try weights[.key]
    value = try weights[.value]
    biases = try [.queryBias, .keyBias, .valueBias].compactMap(weights.ifPresent)
    queryNorm = try weights.ifPresent(.queryNorm)
    keyNorm = try weights.ifPresent(.keyNorm)
    output = try weights[.output]
    outputBias = try weights.ifPresent(.outputBias)
    scale = Float(config.attentionScale)
    positions = RotaryPositions(
      config.attentionRope(layer: layer), dim: config.rotaryDim, interleaved: traits.ropeInterleaved)
    rotaryWidth = config.rotaryDim
    isRotated = !traits.unrotatedLayers.contains(layer)
    temperature = isRotated ? nil : traits.temperature
    window = traits.windows.flatMap { $0.layers.contains(layer) ? $0.size : nil }
    scoreCap = Float(traits.scoreCap ?? 0)
    chunk = traits.chunks.flatMap { $0.layers.contains(layer) ? $0.size : nil }
    if traits.normsRotated, isRotated {
      let ones = Tensor([headWidth])
      ones.fill(1)
      unitNorm = Parameter("unit norm", ones)
      unitNorm?.isTrainable = false
    } else {
      unitNorm = nil
    }
  }

  /// x [B, T, D] -> [B, T, D]; a position sees itself and those before it, as far as chunk or window go.
  public func forward(
    _ tape: Tape, _ x: Variable, batch: Int, time: Int, positionIds: [Int32], between: () -> Void
  ) -> Variable {
    let (q, k, v, gate) = project(tape, x, positionIds, positions.table(time), rows: positionIds)
    between()
    let mixed = tape.attention(
      q: q, k: k, v: v, batch: batch, time: time, scale: scale, chunk: chunk, window: window, cap: scoreCap)
    return projectedOutput(tape, mixed, gate)
  }

  /// Without gradients.
  public func matrices(_ tape: Tape, _ x: Variable, batch: Int, time: Int, positionIds: [Int32]) -> Variable {
    let (q, k, _, _) = project(tape, x, positionIds, positions.table(time), rows: positionIds)
    return tape.constant(
      attentionMatrices(
        q: q, k: k, batch: batch, time: time, scale: scale, chunk: chunk, window: window, cap: scoreCap))
  }

  private func projectedOutput(_ tape: Tape, _ mixed: Variable, _ gate: Variable?) -> Variable {
    tape.linear(gate.map { tape.sigmoidGate(mixed, $0) } ?? mixed, [output], biases: outputBias.map { [$0] } ?? [])
  }

  /// Rotated queries and keys, and values, as slices of one variable (or three with norms, gates or factors).
  /// - Parameter rows: where the positions stand in the table
  private func project(
    _ tape: Tape, _ x: Variable, _ positionIds: [Int32], _ table: RotaryTable, rows: [Int32]
  ) -> (q: HeadSlices, k: HeadSlices, v: HeadSlices, gate: Variable?) {
    func layout(_ heads: Int, from head: Int = 0, width: Int? = nil) -> HeadLayout {
      HeadLayout(offset: head * headWidth, stride: headWidth, heads: heads, width: width ?? headWidth)
    }
    func rotated(_ y: Variable, _ heads: Int) -> Variable {
      isRotated ? tape.rotary(y, layout(heads, width: rotaryWidth), table, positions: rows) : y
    }
    if queryNorm == nil && !isGated && unitNorm == nil && temperature == nil {
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
      let y = rotated(norm.map { tape.rmsNorm(y, $0, eps: eps, offset: normOffset) } ?? y, heads)
      return HeadSlices(unitNorm.map { tape.rmsNorm(y, $0, eps: eps) } ?? y, layout(heads))
    }
    var (queries, gate) = (projected(0, query), Variable?.none)
    if isGated {
      // Each head's row holds its query, then its gate.
      func halves(_ half: Int) -> [Range<Int>] {
        (0..<heads).map { (2 * $0 + half) * headWidth..<(2 * $0 + half + 1) * headWidth }
      }
      (queries, gate) = (tape.columns(queries, halves(0)), tape.columns(queries, halves(1)))
    }
    if let temperature { queries = tape.scaleRows(queries, by: temperature.factors(positionIds)) }
    return (
      prepared(queries, queryNorm, heads), prepared(projected(1, key), keyNorm, groups),
      HeadSlices(projected(2, value), layout(groups)), gate
    )
  }

  /// Decoding: rows of several sequences [N, D]; each segment's keys and values join its cache and its
  /// queries see the whole of it.
  public func extend(_ tape: Tape, _ x: Variable, _ segments: [CacheSegment], positionIds: [Int32]) -> Variable {
    let (table, rotated) = positions.rows(positionIds)
    let (q, k, v, gate) = project(tape, x, positionIds, table, rows: rotated)
    let half = groups * headWidth
    let exceedsWindow = window.map { window in
      // H2O forgets by itself.
      segments.contains { segment in
        let cache = segment.cache
        return cache.kept == nil && (cache.mostRows != nil || cache.length + segment.rows.count > window)
      }
    }
    if exceedsWindow == true || scoreCap > 0 {
      let bounded = BoundedAttention(
        heads: heads, groups: groups, headWidth: headWidth, scale: scale, window: window, cap: scoreCap)
      let mixed = Tensor([x.rowCount, heads * headWidth])
      CacheSegment.deal(segments) { segment, _ in bounded.extend(segment, q, k, v, into: mixed) }
      return projectedOutput(tape, tape.constant(mixed), gate)
    }
    for segment in segments where segment.cache.kept == nil {
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
      groups: groups, heads: heads / groups, keyWidth: headWidth, valueWidth: headWidth, valueOffset: half, scale: scale
    )
    CacheSegment.deal(segments) { segment, threads in
      if let kept = segment.cache.kept { return attendKept(kept, segment, q, k, v, into: mixed) }
      let queries = q.variable.value.pointer + segment.rows.lowerBound * q.variable.width + q.layout.offset
      let out = mixed.pointer + segment.rows.lowerBound * mixed.width
      let end = segment.cache.length
      if segment.rows.count == 1 {
        single.attend(queries, to: segment.cache, from: chunkStart(end - 1), threads: threads, into: out)
        return
      }
      // Queries chunk by chunk, each chunk with its own past.
      var first = end - segment.rows.count
      while first < end {
        let start = chunkStart(first)
        let last = chunk.map { min(end, start + $0) } ?? end
        let row = first - (end - segment.rows.count)
        let runs = segment.cache.runs(start..<last)
        let attention = RunAttention(
          positions: first - start..<last - start, heads: heads, keyWidth: headWidth, valueWidth: headWidth,
          scale: scale,
          blocks: runs.count, queries: queries + row * q.variable.width, stride: q.variable.width,
          headStride: headWidth,
          out: out + row * mixed.width, stride: mixed.width, headStride: headWidth)
        Threads.parallel(groups) { group in
          for run in runs {
            let keys = run.rows + group * headWidth
            attention.join(
              heads: group * single.heads..<(group + 1) * single.heads,
              run.tokens.lowerBound - start..<run.tokens.upperBound - start, keys: keys, values: keys + half,
              stride: 2 * half)
          }
        }
        first = last
      }
    }
    return projectedOutput(tape, tape.constant(mixed), gate)
  }

  /// H2O (`HeavyHitters`): one token after the other is taken in, sees what is kept, and credits it with its attention.
  private func attendKept(
    _ kept: KeptTokens, _ segment: CacheSegment, _ q: HeadSlices, _ k: HeadSlices, _ v: HeadSlices, into mixed: Tensor
  ) {
    let (perGroup, stride, half) = (heads / groups, kept.rows.width, groups * headWidth)
    let logSums = Tensor([heads])
    for row in segment.rows {
      let queries = UnsafePointer(q.variable.value.pointer) + row * q.variable.width + q.layout.offset
      kept.take(
        segment.cache.length, keys: k.variable.value.pointer + row * k.variable.width + k.layout.offset,
        values: v.variable.value.pointer + row * v.variable.width + v.layout.offset)
      segment.cache.advance()
      up_attention_heads(
        queries, headWidth, kept.rows.pointer, stride, kept.rows.pointer + half, stride,
        mixed.pointer + row * mixed.width, headWidth, logSums.pointer, groups, perGroup, kept.count, headWidth,
        headWidth, scale)
      for head in 0..<heads {
        let (query, group) = (queries + head * headWidth, head / perGroup)
        for slot in 0..<kept.count {
          let key = kept.rows.pointer + slot * stride + group * headWidth
          var product: Float = 0
          for i in 0..<headWidth { product += query[i] * key[i] }
          kept.credit(group, slot, exp(Double(scale * product - logSums.pointer[head])))
        }
      }
    }
  }

  /// The first position that `position` sees.
  private func chunkStart(_ position: Int) -> Int { chunk.map { position / $0 * $0 } ?? 0 }
}

extension AttentionConfig.Temperature {
  /// Factors of the queries at these positions, [positions].
  func factors(_ positionIds: [Int32]) -> Tensor {
    Tensor(
      [positionIds.count],
      values: positionIds.map { Float(log((Double($0 + 1) / Double(floorScale)).rounded(.down) + 1) * slope + 1) })
  }
}
