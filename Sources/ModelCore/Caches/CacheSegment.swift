import TensorCore

/// New tokens of one sequence inside a batch of rows.
public struct CacheSegment {
  /// Rows of the batch that belong to this sequence.
  public var rows: Range<Int>
  /// The layer's cache of this sequence.
  public var cache: LayerCache

  /// New tokens that join `cache`.
  public init(rows: Range<Int>, cache: LayerCache) {
    self.rows = rows
    self.cache = cache
  }

  /// Calls `attend` once for every segment. Sequences are dealt to the threads whole, each then on one; where there are
  /// fewer than threads, and for a lone prompt among single tokens, `attend` splits the work itself.
  /// - Parameter attend: given the segment and the threads that it may use for a single token
  static func deal(_ segments: [CacheSegment], _ attend: (CacheSegment, _ threads: Int) -> Void) {
    let prompts = segments.filter { $0.rows.count > 1 }
    let isDealt = prompts.count >= Threads.count || prompts.count == segments.count
    let dealt = isDealt ? segments : segments.filter { $0.rows.count <= 1 }
    if !isDealt { for prompt in prompts { attend(prompt, Threads.count) } }
    let threads = max(1, Threads.count / max(1, dealt.count))
    Threads.parallel(dealt.count) { attend(dealt[$0], threads) }
  }
}
