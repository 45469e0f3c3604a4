import CKernels
import TensorCore

/// Causal attention of several new tokens of one sequence, one head at a time, to blocks of keys that come in order.
///
/// Each block's softmax is joined to what came before by the log-sums, so that no more than a block of keys need be
/// at hand. Of a block, the queries after it see every key; those inside it see the keys up to their own.
struct RunAttention {
  /// Positions of the queries: the last of the sequence.
  var positions: Range<Int>
  var keyWidth: Int
  var valueWidth: Int
  var scale: Float
  /// The first query of head 0; head h is `keyWidth` numbers further each (or `queryHeadStride`).
  var queries: UnsafePointer<Float>
  var queryStride: Int
  var queryHeadStride: Int
  /// [query, head, valueWidth] at these strides.
  var out: UnsafeMutablePointer<Float>
  var outStride: Int
  var outHeadStride: Int
  /// [heads, queries]; needed when there is more than one block.
  var logSums: Tensor?

  /// - Parameters:
  ///   - heads: of all heads
  ///   - blocks: how many will come
  init(
    positions: Range<Int>, heads: Int, keyWidth: Int, valueWidth: Int, scale: Float, blocks: Int,
    queries: UnsafePointer<Float>, stride queryStride: Int, headStride queryHeadStride: Int,
    out: UnsafeMutablePointer<Float>, stride outStride: Int, headStride outHeadStride: Int
  ) {
    self.positions = positions
    self.keyWidth = keyWidth
    self.valueWidth = valueWidth
    self.scale = scale
    self.queries = queries
    self.queryStride = queryStride
    self.queryHeadStride = queryHeadStride
    self.out = out
    self.outStride = outStride
    self.outHeadStride = outHeadStride
    logSums = blocks > 1 ? Tensor([heads, positions.count]) : nil
  }

  /// Joins the keys and values of `tokens` to one head's output; blocks follow each other from token 0 on.
  /// - Parameters:
  ///   - keys: of the block's first token
  ///   - values: likewise
  func join(
    head: Int, _ tokens: Range<Int>, keys: UnsafePointer<Float>, stride keyStride: Int, values: UnsafePointer<Float>,
    stride valueStride: Int
  ) {
    let query = queries + head * queryHeadStride
    let target = out + head * outHeadStride
    let sums = logSums.map { $0.pointer + head * positions.count }
    let space = tokens.lowerBound == 0 ? nil : Tensor([positions.count, valueWidth + 1])
    /// Queries from position `first` on, which see the block's first `visible` keys (the last query, when causal).
    func attend(_ some: Range<Int>, visible: Int, causal: Bool) {
      if some.isEmpty { return }
      let row = some.lowerBound - positions.lowerBound
      let (q, o) = (query + row * queryStride, target + row * outStride)
      let into = space.map { $0.pointer } ?? o
      let intoStride = space == nil ? outStride : valueWidth
      let intoSums = space.map { $0.pointer + some.count * valueWidth } ?? sums.map { $0 + row }
      if causal {
        up_attention_forward(
          q, queryStride, keys, keyStride, values, valueStride, into, intoStride, intoSums, some.count, visible,
          keyWidth,
          valueWidth, scale)
      } else {
        up_attention_heads(
          q, queryStride, keys, keyStride, values, valueStride, into, intoStride, intoSums, 1, some.count, visible,
          keyWidth, valueWidth, scale)
      }
      if let space, let sums {
        up_attention_join(
          o, outStride, sums + row, space.pointer, valueWidth, space.pointer + some.count * valueWidth, some.count,
          valueWidth)
      }
    }
    let inside = max(positions.lowerBound, tokens.lowerBound)..<max(positions.lowerBound, tokens.upperBound)
    attend(inside, visible: tokens.count, causal: true)
    attend(max(positions.lowerBound, tokens.upperBound)..<positions.upperBound, visible: tokens.count, causal: false)
  }

  /// The same for heads that share keys and values: together where there is one block only.
  func join(
    heads: Range<Int>, _ tokens: Range<Int>, keys: UnsafePointer<Float>, values: UnsafePointer<Float>, stride: Int
  ) {
    if logSums == nil, queryHeadStride == keyWidth, outHeadStride == valueWidth {
      up_attention_group(
        queries + heads.lowerBound * keyWidth, queryStride, keys, stride, values, stride,
        out + heads.lowerBound * valueWidth, outStride, heads.count, positions.count, tokens.count, keyWidth,
        valueWidth,
        scale)
      return
    }
    for head in heads { join(head: head, tokens, keys: keys, stride: stride, values: values, stride: stride) }
  }
}
