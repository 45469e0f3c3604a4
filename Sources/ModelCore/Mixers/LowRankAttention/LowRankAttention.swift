import Autograd
import CKernels
import TensorCore

/// PALU (Chang et al. 2024, arXiv 2407.21118, section 3): keys and values are products of low rank, by group j of
/// heads, and what is cached are the latents.
///
///   c^K_j = x A^K_j,  c^V_j = x A^V_j;          K_j = rope(c^K_j B^K_j),  V_j = c^V_j B^V_j
///   out = softmax(q K^T / sqrt(K)) V W_o^T
///
/// One group of all heads is J-LRD, several are G-LRD. The cache row is [c^K_1 ... | c^V_1 ...]; decoding makes keys
/// and values from it again and rotates the keys then. (PALU's kernels fold B^V into W_o; the function is the same.)
///
/// Legend: B batch, T time, D model width, H query heads, G KV heads, K head width.
public struct LowRankAttention: Mixer {
  let heads: Int
  let groups: Int
  let headWidth: Int
  let keyRank: Int  // of all groups together
  private let rank: Int  // the same of keys and values: numbers of a cache row
  let query: Parameter  // [H K, D]
  let keyDown: Parameter  // [ranks of all groups, D]
  let valueDown: Parameter  // [ranks of all groups, D]
  let keyUp: [Parameter]  // by group of heads, [heads K, rank]
  let valueUp: [Parameter]  // the same
  let output: Parameter  // [D, H K]
  let scale: Float
  let positions: RotaryPositions

  /// Ranks are the layer's in `config.lowRank`.
  /// - Throws: what `weights` throws
  public init(_ config: ModelConfig, layer: Int, weights: LayerWeights) throws {
    let ranks = Self.ranks(config, layer)
    heads = config.attentionHeads
    groups = config.keyValueHeads
    headWidth = config.headDim
    keyRank = ranks.key.reduce(0, +)
    rank = ranks.total
    // Side by side: one product makes queries and latents.
    query = try weights[.query]
    keyDown = try weights[.keyDown]
    valueDown = try weights[.valueDown]
    keyUp = try ranks.key.indices.map { try weights[.keyUp($0)] }
    valueUp = try ranks.value.indices.map { try weights[.valueUp($0)] }
    output = try weights[.output]
    scale = Float(config.attentionScale)
    positions = RotaryPositions(
      config.rope, dim: config.headDim, interleaved: false)
  }

  private func layout(_ heads: Int) -> HeadLayout { HeadLayout(stride: headWidth, heads: heads, width: headWidth) }
  private var queryWidth: Int { heads * headWidth }

  /// x [B, T, D] -> [B, T, D]: keys are made from the latents, group by group, then rotated.
  public func forward(
    _ tape: Tape, _ x: Variable, batch: Int, time: Int, positionIds: [Int32], between: () -> Void
  ) -> Variable {
    let table = positions.table(time)
    let projected = project(tape, x, table, positionIds)
    let (keys, values) = expand(tape, projected, from: queryWidth, table, positionIds)
    between()
    let mixed = tape.attention(
      q: HeadSlices(projected, layout(heads)), k: HeadSlices(keys, layout(groups)),
      v: HeadSlices(values, layout(groups)),
      batch: batch, time: time, scale: scale)
    return tape.linear(mixed, output)
  }

  /// [rotated queries H K | key latents | value latents]
  private func project(_ tape: Tape, _ x: Variable, _ table: RotaryTable, _ rows: [Int32]) -> Variable {
    tape.rotary(tape.linear(x, [query, keyDown, valueDown]), layout(heads), table, positions: rows)
  }

  /// Rotated keys [., G K] and values [., G K] of latents that begin in this column.
  private func expand(
    _ tape: Tape, _ latents: Variable, from column: Int, _ table: RotaryTable, _ rows: [Int32]
  ) -> (keys: Variable, values: Variable) {
    let keys = tape.rotary(
      tape.blockLinear(latents, keyUp, from: column), layout(groups), table, positions: rows)
    return (keys, tape.blockLinear(latents, valueUp, from: column + keyRank))
  }

  /// Decoding: rows of several sequences [N, D]; the latents join each segment's cache.
  public func extend(_ tape: Tape, _ x: Variable, _ segments: [CacheSegment], positionIds: [Int32]) -> Variable {
    let (table, rows) = positions.rows(positionIds)
    let projected = project(tape, x, table, rows).value
    let mixed = Tensor([x.rowCount, queryWidth])
    for segment in segments {
      segment.append(projected, columns: queryWidth..<queryWidth + rank)
    }
    let attention = ExpandedAttention(
      groups: groups, heads: heads / groups, keys: layout(groups), values: layout(groups), scale: scale)
    for segment in segments {
      attention.attend(projected, segment, into: mixed) { cache, tokens in
        let tape = Tape(recording: false)
        let cached = Tensor([tokens.count, rank])
        cache.gather(tokens, into: cached.pointer)
        let (table, rows) = positions.rows(tokens.map { Int32($0) })
        let (keys, values) = expand(tape, tape.constant(cached), from: 0, table, rows)
        return (keys.value, values.value)
      }
    }
    return tape.linear(tape.constant(mixed), output)
  }
}

extension CacheSegment {
  /// Appends these columns of the segment's rows of a batch to its cache: the whole of its cache rows.
  func append(_ batch: Tensor, columns: Range<Int>) {
    var first = rows.lowerBound
    for run in cache.append(rows.count) {
      up_copy_block(
        batch.pointer + first * batch.width + columns.lowerBound, batch.width, run.rows, columns.count,
        run.tokens.count, columns.count)
      first += run.tokens.count
    }
  }
}
