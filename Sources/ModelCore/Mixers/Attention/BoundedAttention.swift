import Autograd
import CKernels
import TensorCore

/// Decoding with a window or with capped scores. New tokens join the cache in pieces, since a window's cache writes the
/// newest rows over those that only the oldest of many new tokens would still see.
struct BoundedAttention {
  var heads: Int
  var groups: Int
  var headWidth: Int
  var scale: Float
  /// Positions that a query sees, its own among them; nil: all.
  var window: Int?
  /// Soft cap of the scores; 0: none.
  var cap: Float

  /// New tokens at a time: the cache keeps so many rows beyond a window's less one.
  static func piece(window: Int) -> Int { min(window, 256) }

  /// A segment's keys and values join its cache, and its queries attend: out [rows, heads * headWidth].
  func extend(_ segment: CacheSegment, _ q: HeadSlices, _ k: HeadSlices, _ v: HeadSlices, into mixed: Tensor) {
    let (cache, half) = (segment.cache, groups * headWidth)
    let piece = window.map(Self.piece) ?? segment.rows.count
    for first in stride(from: segment.rows.lowerBound, to: segment.rows.upperBound, by: piece) {
      let count = min(piece, segment.rows.upperBound - first)
      var row = first
      for run in cache.append(count) {
        for (slices, offset) in [(k, 0), (v, half)] {
          let source = slices.variable.value
          up_copy_block(
            source.pointer + row * source.width + slices.layout.offset, source.width, run.rows + offset, 2 * half,
            run.tokens.count, half)
        }
        row += run.tokens.count
      }
      attend(q, first..<first + count, cache, into: mixed)
    }
  }

  /// The cache's last tokens, whose queries stand in `rows`.
  private func attend(_ q: HeadSlices, _ rows: Range<Int>, _ cache: LayerCache, into mixed: Tensor) {
    let half = groups * headWidth
    let start = cache.length - rows.count
    let runs = cache.runs(max(0, start - (window ?? start + 1) + 1)..<cache.length)
    let query = q.variable.value
    let logSums = Tensor([heads, rows.count])
    Threads.parallel(heads) { head in
      let group = head / (heads / groups)
      for (index, run) in runs.enumerated() {
        let keys = run.rows + group * headWidth
        up_bounded_attention_forward(
          query.pointer + rows.lowerBound * query.width + q.layout.offset + head * headWidth, query.width,
          keys, 2 * half, keys + half, 2 * half,
          mixed.pointer + rows.lowerBound * mixed.width + head * headWidth, mixed.width,
          logSums.pointer + head * rows.count, rows.count, run.tokens.count, headWidth, headWidth, scale,
          start - run.tokens.lowerBound, window ?? start + rows.count, cap, index > 0 ? 1 : 0)
      }
    }
  }
}
