import Autograd
import TensorCore

/// Attention of a sequence's new tokens to keys and values that are made from its cached rows, block by block.
struct ExpandedAttention {
  /// Heads with keys and values of their own.
  var groups: Int
  /// Query heads of each.
  var heads: Int
  /// Where the keys of all groups stand in an expanded row.
  var keys: HeadLayout
  /// The same of the values.
  var values: HeadLayout
  var scale: Float

  /// Cached tokens whose keys and values are expanded at once: memory beyond a long cache stays small.
  static let tokens = 2048

  /// - Parameters:
  ///   - query: rows of the batch, [N, groups * heads * key width]
  ///   - segment: its tokens are in the cache already
  ///   - mixed: [N, groups * heads * value width]; the segment's rows are written
  ///   - expand: rows with the keys and rows with the values of these cached tokens
  func attend(
    _ query: Tensor, _ segment: CacheSegment, into mixed: Tensor,
    expand: (LayerCache, Range<Int>) -> (keys: Tensor, values: Tensor)
  ) {
    let (length, start) = (segment.cache.length, segment.rows.lowerBound)
    let blocks = (length + Self.tokens - 1) / Self.tokens
    let attention = RunAttention(
      positions: length - segment.rows.count..<length, heads: groups * heads, keyWidth: keys.width,
      valueWidth: values.width, scale: scale, blocks: blocks, queries: query.pointer + start * query.width,
      stride: query.width, headStride: keys.width, out: mixed.pointer + start * mixed.width, stride: mixed.width,
      headStride: values.width)
    for block in 0..<blocks {
      let some = block * Self.tokens..<min(length, (block + 1) * Self.tokens)
      let expanded = expand(segment.cache, some)
      Threads.parallel(groups) { group in
        for head in group * heads..<(group + 1) * heads {
          attention.join(
            head: head, some, keys: expanded.keys.pointer + keys.offset + group * keys.stride,
            stride: expanded.keys.width, values: expanded.values.pointer + values.offset + group * values.stride,
            stride: expanded.values.width)
        }
      }
    }
  }
}
