/// Inference with tensor-parallel attention and expert-parallel experts on replicated activations.
/// `dispatch` is the all-reduce of the attention output, `combine` that of the routed output; both carry `T d` numbers.
extension ScheduleBuilder {
  mutating func prefill(_ method: OverlapMethod, _ d: LayerDurations, half: LayerDurations, layers: Int) {
    switch method {
    case .farskip: farskipPrefill(d, layers)
    case .ladder: ladderPrefill(d, layers)
    case .parallelBlock: parallelPrefill(d, layers)
    case .twoBatch: twoBatchPrefill(half, layers)
    default: standardPrefill(d, layers)
    }
  }

  /// `x = R + AR(a)`; `R' = x + AR(s + r)`: both all-reduces block.
  private mutating func standardPrefill(_ d: LayerDurations, _ layers: Int) {
    var before: Int?
    for k in 0..<layers {
      let attention = attention(k, d, after: [before])
      let reduce = add(.dispatch, k, of: d, after: [attention])
      before = add(.combine, k, of: d, after: [experts(k, d, after: [reduce])])
    }
  }

  /// Attention while `AR(r_{k-1})` flies; shared expert; router and routed experts while `AR(a + s)` flies.
  private mutating func farskipPrefill(_ d: LayerDurations, _ layers: Int) {
    var (merged, routed): (Int?, Int?) = (nil, nil)
    for k in 0..<layers {
      let attention = attention(k, d, after: [merged])
      let s = add(.shared, k, of: d, after: [routed])
      merged = add(.dispatch, k, of: d, after: [attention, s])
      let g = add(.gate, k, of: d, after: [routed])
      let e = add(.experts, k, of: d, after: [g])
      // The routed sum joins N_k, so the merged all-reduce must be over before the next one counts.
      routed = add(.combine, k, of: d, after: [e, merged])
    }
  }

  /// Attention beside the all-reduce of the experts before it, the experts beside that of the attention.
  private mutating func ladderPrefill(_ d: LayerDurations, _ layers: Int) {
    var (reducedAttention, reducedExperts): (Int?, Int?) = (nil, nil)
    for k in 0..<layers {
      let attention = attention(k, d, after: [reducedAttention])
      reducedAttention = add(.dispatch, k, of: d, after: [attention])
      reducedExperts = add(.combine, k, of: d, after: [experts(k, d, after: [reducedExperts]), reducedAttention])
    }
  }

  /// One merged all-reduce a block.
  private mutating func parallelPrefill(_ d: LayerDurations, _ layers: Int) {
    var before: Int?
    for k in 0..<layers {
      let attention = attention(k, d, after: [before])
      before = add(.combine, k, of: d, after: [attention, experts(k, d, after: [before])])
    }
  }

  private mutating func twoBatchPrefill(_ d: LayerDurations, _ layers: Int) {
    var combine: [Int?] = [nil, nil]
    for k in 0..<layers {
      let reduce = (0..<2).map { half in
        add(.dispatch, k, of: d, batch: half, after: [attention(k, d, batch: half, after: [combine[half]])])
      }
      for half in 0..<2 {
        combine[half] = add(.combine, k, of: d, batch: half, after: [experts(k, d, batch: half, after: [reduce[half]])])
      }
    }
  }

  /// A and B.
  private mutating func attention(_ k: Int, _ d: LayerDurations, batch: Int = 0, after dependencies: [Int?]) -> Int {
    add(.core, k, of: d, batch: batch, after: [add(.projections, k, of: d, batch: batch, after: dependencies)])
  }

  /// S, G and E.
  private mutating func experts(_ k: Int, _ d: LayerDurations, batch: Int = 0, after dependencies: [Int?]) -> Int {
    let s = add(.shared, k, of: d, batch: batch, after: dependencies)
    return add(.experts, k, of: d, batch: batch, after: [add(.gate, k, of: d, batch: batch, after: [s])])
  }
}
