import CKernels
import TensorCore

/// Attention of one new token to a cache whose rows hold the keys and values of all groups.
struct CachedAttention {
  /// Groups that have keys and values of their own; one for latent attention.
  var groups: Int
  /// Query heads of each.
  var heads: Int
  var keyWidth: Int
  var valueWidth: Int
  /// Where a row's values begin.
  var valueOffset: Int
  var scale: Float

  /// A thread's start costs about as much as attending to this many keys.
  static let keysOfAShare = 1024
  /// Very long caches are cut further, into shares that threads claim as they become free: where a thread is held up,
  /// the others do not wait for half of the cache.
  static let keysOfALongShare = 1 << 15

  /// - Parameters:
  ///   - queries: [groups, heads, keyWidth], contiguous
  ///   - start: the first cached token that is seen
  ///   - threads: a long cache is cut into so many shares of keys, or more when it is very long. The softmaxes of
  ///     shares, and of the runs in each, are joined by their log-sums
  ///   - out: [groups, heads, valueWidth], contiguous
  func attend(
    _ queries: UnsafePointer<Float>, to cache: LayerCache, from start: Int = 0, threads: Int,
    into out: UnsafeMutablePointer<Float>
  ) {
    let (length, all) = (cache.length - start, groups * heads)
    let even = max(1, min(threads, length / Self.keysOfAShare))
    let shares = threads == 1 ? 1 : max(even, min(8 * even, length / Self.keysOfALongShare))
    if shares == 1 {
      attend(queries, cache.runs(start..<cache.length), cache.width, out, nil)
      return
    }
    let parts = Tensor([shares, all, valueWidth])
    let logSums = Tensor([shares, all])
    Threads.parallel(shares) { share in
      attend(
        queries, cache.runs(start + share * length / shares..<start + (share + 1) * length / shares), cache.width,
        parts.pointer + share * all * valueWidth, logSums.pointer + share * all)
    }
    for share in 1..<shares {
      up_attention_join(
        parts.pointer, valueWidth, logSums.pointer, parts.pointer + share * all * valueWidth, valueWidth,
        logSums.pointer + share * all, all, valueWidth)
    }
    out.update(from: parts.pointer, count: all * valueWidth)
  }

  /// The runs one after the other, on this thread.
  private func attend(
    _ queries: UnsafePointer<Float>, _ runs: [CacheRun], _ stride: Int, _ out: UnsafeMutablePointer<Float>,
    _ logSums: UnsafeMutablePointer<Float>?
  ) {
    func attend(_ run: CacheRun, _ out: UnsafeMutablePointer<Float>, _ logSums: UnsafeMutablePointer<Float>?) {
      up_attention_heads(
        queries, keyWidth, run.rows, stride, run.rows + valueOffset, stride, out, valueWidth, logSums, groups, heads,
        run.tokens.count, keyWidth, valueWidth, scale)
    }
    if runs.count == 1 { return attend(runs[0], out, logSums) }
    let all = groups * heads
    let space = Tensor([all * valueWidth + 2 * all])
    let (more, moreSums) = (space.pointer, space.pointer + all * valueWidth)
    let sums = logSums ?? moreSums + all
    attend(runs[0], out, sums)
    for run in runs.dropFirst() {
      attend(run, more, moreSums)
      up_attention_join(out, valueWidth, sums, more, valueWidth, moreSums, all, valueWidth)
    }
  }
}
