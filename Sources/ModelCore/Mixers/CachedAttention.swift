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
  var scale: Float

  /// A thread's start costs about as much as attending to this many keys.
  static let keysOfAShare = 1024

  /// - Parameters:
  ///   - queries: [groups, heads, keyWidth], contiguous
  ///   - keys: of token 0 and group 0; token t's are `stride` numbers further per token
  ///   - values: likewise
  ///   - threads: a long cache is cut into so many runs of keys, whose softmaxes are joined by their log-sums
  ///   - out: [groups, heads, valueWidth], contiguous
  func attend(
    _ queries: UnsafePointer<Float>, keys: UnsafePointer<Float>, values: UnsafePointer<Float>, stride: Int, length: Int,
    threads: Int, into out: UnsafeMutablePointer<Float>
  ) {
    func attend(_ run: Range<Int>, _ out: UnsafeMutablePointer<Float>, _ logSums: UnsafeMutablePointer<Float>?) {
      up_attention_heads(
        queries, keyWidth, keys + run.lowerBound * stride, stride, values + run.lowerBound * stride, stride, out, valueWidth,
        logSums, groups, heads, run.count, keyWidth, valueWidth, scale)
    }
    let shares = max(1, min(threads, length / Self.keysOfAShare))
    if shares == 1 { return attend(0..<length, out, nil) }
    let all = groups * heads
    let parts = Tensor([shares, all, valueWidth])
    let logSums = Tensor([shares, all])
    Threads.parallel(shares) { share in
      attend(
        share * length / shares..<(share + 1) * length / shares, parts.pointer + share * all * valueWidth,
        logSums.pointer + share * all)
    }
    for share in 1..<shares {
      up_attention_join(
        parts.pointer, valueWidth, logSums.pointer, parts.pointer + share * all * valueWidth, valueWidth,
        logSums.pointer + share * all, all, valueWidth)
    }
    out.update(from: parts.pointer, count: all * valueWidth)
  }
}
