/// The passes of training with expert parallelism. Edges that FarSkip removes: `r_{k-1} -> Attn_k`
/// and `a_k -> MoE_k`.
extension Schedule {
  /// - Parameters:
  ///   - durations: of this pass: `LayerDurations.backward` for the backward one
  ///   - half: of half the tokens, for two-batch overlap
  ///   - slowdown: decides where ScMoE puts its experts
  init(
    _ method: OverlapMethod, _ pass: Pass, _ durations: LayerDurations, half: LayerDurations, layers: Int,
    slowdown: Slowdown = .none
  ) {
    var builder = ScheduleBuilder()
    switch (method, pass) {
    case (_, .prefill): builder.prefill(method, durations, half: half, layers: layers)
    case (.standard, .forward): builder.standardForward(durations, layers, overlapsShared: false)
    case (.standard, .backward): builder.standardBackward(durations, layers, overlapsShared: false)
    case (.sharedExpert, .forward): builder.standardForward(durations, layers, overlapsShared: true)
    case (.sharedExpert, .backward): builder.standardBackward(durations, layers, overlapsShared: true)
    case (.farskip, .forward), (.farskipFree, .forward): builder.farskipForward(durations, layers)
    case (.farskip, .backward), (.farskipFree, .backward): builder.farskipBackward(durations, layers)
    case (.twoBatch, .forward): builder.twoBatchForward(half, layers)
    case (.twoBatch, .backward): builder.twoBatchBackward(half, layers)
    case (.scmoe, .forward):
      builder.besideForward(durations, layers, cut: expertsCut(durations, .forward, slowdown), isShortcut: true)
    case (.scmoe, .backward):
      builder.besideBackward(durations, layers, cut: expertsCut(durations, .backward, slowdown))
    case (.parallelBlock, .forward): builder.besideForward(durations, layers, cut: 2, isShortcut: false)
    case (.parallelBlock, .backward): builder.besideBackward(durations, layers, cut: 1)
    case (.ladder, .forward): builder.staleForward(durations, layers, sharedBesideDispatch: true)
    case (.ladder, .backward): builder.staleBackward(durations, layers, sharedBesideDispatch: true)
    case (.attentionOnly, .forward): builder.staleForward(durations, layers, sharedBesideDispatch: false)
    case (.attentionOnly, .backward): builder.staleBackward(durations, layers, sharedBesideDispatch: false)
    }
    self.init(method: method, pass: pass, operations: builder.operations)
  }
}

// MARK: The ordinary block

extension ScheduleBuilder {
  mutating func standardForward(_ d: LayerDurations, _ layers: Int, overlapsShared: Bool) {
    var before: [Int?] = []
    for k in 0..<layers {
      let a = add(.projections, k, of: d, after: before)
      let b = add(.core, k, of: d, after: [a])
      let g = add(.gate, k, of: d, after: [b])
      let dispatch = add(.dispatch, k, of: d, after: [g])
      let e = add(.experts, k, of: d, after: [dispatch])
      let c = add(.combine, k, of: d, after: [e])
      let s = add(.shared, k, of: d, after: overlapsShared ? [e] : [c])
      before = [c, s]
    }
  }

  mutating func standardBackward(_ d: LayerDurations, _ layers: Int, overlapsShared: Bool) {
    var before: Int?
    for k in (0..<layers).reversed() {
      let c = add(.combine, k, of: d, after: [before])
      let s = add(.shared, k, of: d, after: [overlapsShared ? before : c])
      let e = add(.experts, k, of: d, after: [c])
      let dispatch = add(.dispatch, k, of: d, after: [e])
      let g = add(.gate, k, of: d, after: [dispatch, s])
      let b = add(.core, k, of: d, after: [g])
      before = add(.projections, k, of: d, after: [b])
    }
  }
}

// MARK: FarSkip

extension ScheduleBuilder {
  /// Forward: `A_k` while `C_{k-1}` flies, `G_k`, `B_k` while `D_k` flies, `E_k`, `S_k` while `C_k` flies. The first
  /// block has no combine to hide: it starts its dispatch at once and hides it behind A and B.
  mutating func farskipForward(_ d: LayerDurations, _ layers: Int) {
    var (core, shared, combine): (Int?, Int?, Int?) = (nil, nil, nil)
    for k in 0..<layers {
      // N_{k-1} = R_{k-2} + a + s is there after B and S; R_{k-1} after the combine too.
      let (routedFree, full) = ([core, shared], [core, shared, combine])
      let a: Int
      let g: Int
      let dispatch: Int
      if k == 0 {
        g = add(.gate, k, of: d, urgency: -1)
        dispatch = add(.dispatch, k, of: d, after: [g])
        a = add(.projections, k, of: d, urgency: k)
      } else {
        a = add(.projections, k, of: d, urgency: k, after: routedFree)
        g = add(.gate, k, of: d, urgency: -1, after: full)
        dispatch = add(.dispatch, k, of: d, after: [g])
      }
      core = add(.core, k, of: d, urgency: k, after: [a])
      let e = add(.experts, k, of: d, urgency: -1, after: [dispatch])
      combine = add(.combine, k, of: d, after: [e])
      shared = add(.shared, k, of: d, urgency: k, after: [g])
    }
  }

  /// Backward: `C'_k`; `S'_k, B'_k` while it flies; `E'_k`; `D'_k`; `A'_k` while it flies; `G'_k`, which gives the
  /// gradient of R_{k-1}. The gradient of N_k needs `A'_{k+1}` besides.
  mutating func farskipBackward(_ d: LayerDurations, _ layers: Int) {
    /// `gate`: of the block above, gives its gradient of R; `projections`: of that block, and of the one above it.
    var (gate, projections, earlier): (Int?, Int?, Int?) = (nil, nil, nil)
    for k in (0..<layers).reversed() {
      let depth = layers - 1 - k
      let c = add(.combine, k, of: d, after: [gate, earlier])
      let s = add(.shared, k, of: d, urgency: depth, after: [gate, projections])
      let b = add(.core, k, of: d, urgency: depth, after: [gate, projections])
      let e = add(.experts, k, of: d, urgency: -1, after: [c])
      let dispatch = add(.dispatch, k, of: d, after: [e])
      earlier = projections
      projections = add(.projections, k, of: d, urgency: depth, after: [b])
      gate = add(.gate, k, of: d, urgency: -1, after: [dispatch, s])
    }
  }
}

// MARK: Rivals

/// Where in [A, B, S] (backward [S, B, A]) the experts come so that both windows together are shortest: so many
/// operators run in the first window.
func expertsCut(_ d: LayerDurations, _ pass: Pass, _ slowdown: Slowdown) -> Int {
  let forward = [d.projections, d.core, d.shared]
  let path = pass == .backward ? forward.reversed() : forward
  let first = pass == .backward ? d.combine.milliseconds : d.dispatch.milliseconds
  let second = pass == .backward ? d.dispatch.milliseconds : d.combine.milliseconds
  func length(_ cut: Int) -> Double {
    window(first, path[..<cut].reduce(0, +), slowdown.inFlight)
      + window(second, path[cut...].reduce(0, +), slowdown.inFlight)
  }
  return (0...path.count).min { length($0) < length($1) }!
}

extension ScheduleBuilder {
  /// Experts beside the dense path [A, B, S] of the same block, of which the first `cut` run in the dispatch's window.
  /// With a shortcut the shared expert reads the attention's output; in a parallel block it reads what attention reads.
  mutating func besideForward(_ d: LayerDurations, _ layers: Int, cut: Int, isShortcut: Bool) {
    var before: [Int?] = []
    for k in 0..<layers {
      let g = add(.gate, k, of: d, after: before)
      let dispatch = add(.dispatch, k, of: d, after: [g])
      var last: Int?
      var (e, c): (Int?, Int?) = (nil, nil)
      for (index, kind) in [SubOperation.Kind.projections, .core, .shared].enumerated() {
        if index == cut { (e, c) = exchange(k, d, after: dispatch) }
        last = add(kind, k, of: d, after: kind == .shared && !isShortcut ? before : before + [last])
      }
      if e == nil { (e, c) = exchange(k, d, after: dispatch) }
      before = [last, c]
    }
  }

  /// `E_k` and `C_k`.
  private mutating func exchange(_ k: Int, _ d: LayerDurations, after dispatch: Int) -> (Int?, Int?) {
    let e = add(.experts, k, of: d, after: [dispatch])
    return (e, add(.combine, k, of: d, after: [e]))
  }

  /// The same backwards, where a shortcut changes nothing: S, B and A are computed in this order either way.
  mutating func besideBackward(_ d: LayerDurations, _ layers: Int, cut: Int) {
    var before: [Int?] = []
    for k in (0..<layers).reversed() {
      let c = add(.combine, k, of: d, after: before)
      var last: Int?
      var dispatch: Int?
      for (index, kind) in [SubOperation.Kind.shared, .core, .projections].enumerated() {
        if index == cut { dispatch = exchangeBackward(k, d, after: c) }
        last = add(kind, k, of: d, after: before + [last])
      }
      if dispatch == nil { dispatch = exchangeBackward(k, d, after: c) }
      before = [add(.gate, k, of: d, after: [dispatch]), last]
    }
  }

  private mutating func exchangeBackward(_ k: Int, _ d: LayerDurations, after combine: Int) -> Int {
    let e = add(.experts, k, of: d, after: [combine])
    return add(.dispatch, k, of: d, after: [e])
  }

  /// Attention reads a stream without the block's routed output, and runs whole while that is combined. The shared
  /// expert runs beside the dispatch (Ladder) or beside the combine (attention only).
  mutating func staleForward(_ d: LayerDurations, _ layers: Int, sharedBesideDispatch: Bool) {
    var (shared, combine): (Int?, Int?) = (nil, nil)
    for k in 0..<layers {
      // Ladder's attention would not even need the shared output; the stream runs it before all the same.
      let a = add(.projections, k, of: d, after: [shared])
      let b = add(.core, k, of: d, after: [a])
      let g = add(.gate, k, of: d, after: [b, combine])
      let dispatch = add(.dispatch, k, of: d, after: [g])
      if sharedBesideDispatch { shared = add(.shared, k, of: d, after: [g]) }
      let e = add(.experts, k, of: d, after: [dispatch])
      combine = add(.combine, k, of: d, after: [e])
      if !sharedBesideDispatch { shared = add(.shared, k, of: d, after: [g]) }
    }
  }

  mutating func staleBackward(_ d: LayerDurations, _ layers: Int, sharedBesideDispatch: Bool) {
    var (gate, projections): (Int?, Int?) = (nil, nil)
    for k in (0..<layers).reversed() {
      let c = add(.combine, k, of: d, after: [gate])
      if k < layers - 1 {
        let b = add(.core, k + 1, of: d, after: [gate])
        projections = add(.projections, k + 1, of: d, after: [b])
      }
      var s: Int?
      if !sharedBesideDispatch { s = add(.shared, k, of: d, after: [gate, projections]) }
      let e = add(.experts, k, of: d, after: [c])
      let dispatch = add(.dispatch, k, of: d, after: [e])
      if sharedBesideDispatch { s = add(.shared, k, of: d, after: [gate, projections]) }
      gate = add(.gate, k, of: d, after: [dispatch, s])
    }
    let b = add(.core, 0, of: d, after: [gate])
    _ = add(.projections, 0, of: d, after: [b])
  }

  mutating func twoBatchForward(_ d: LayerDurations, _ layers: Int) {
    var combine: [Int?] = [nil, nil]
    var shared: [Int?] = [nil, nil]
    for k in 0..<layers {
      var dispatch = [0, 0]
      for half in 0..<2 {
        let a = add(.projections, k, of: d, batch: half, after: [combine[half], shared[half]])
        let b = add(.core, k, of: d, batch: half, after: [a])
        let g = add(.gate, k, of: d, batch: half, after: [b])
        dispatch[half] = add(.dispatch, k, of: d, batch: half, after: [g])
      }
      for half in 0..<2 {
        shared[half] = add(.shared, k, of: d, batch: half)
        let e = add(.experts, k, of: d, batch: half, after: [dispatch[half]])
        combine[half] = add(.combine, k, of: d, batch: half, after: [e])
      }
    }
  }

  mutating func twoBatchBackward(_ d: LayerDurations, _ layers: Int) {
    var before: [Int?] = [nil, nil]
    for k in (0..<layers).reversed() {
      let combine = (0..<2).map { add(.combine, k, of: d, batch: $0, after: [before[$0]]) }
      var (dispatch, shared) = ([0, 0], [0, 0])
      for half in 0..<2 {
        shared[half] = add(.shared, k, of: d, batch: half, after: [before[half]])
        let e = add(.experts, k, of: d, batch: half, after: [combine[half]])
        dispatch[half] = add(.dispatch, k, of: d, batch: half, after: [e])
      }
      for half in 0..<2 {
        let g = add(.gate, k, of: d, batch: half, after: [dispatch[half], shared[half]])
        let b = add(.core, k, of: d, batch: half, after: [g])
        before[half] = add(.projections, k, of: d, batch: half, after: [b])
      }
    }
  }
}
