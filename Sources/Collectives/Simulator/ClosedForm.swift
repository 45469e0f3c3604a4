/// The time of a stack of blocks by formula; the same numbers as `Simulation` gives by events, for balanced routing.
///
/// With w(c, t) for `window`, and A ... S of the pass (backward: doubled computation):
/// - FarSkip forward: `[G + w(D, A+B) + E] + (L-1) [w(C, S+A) + G + w(D, B) + E] + w(C, S)`
/// - FarSkip backward: `L [G + w(C, S+B) + E + w(D, A)]`
/// - FarSkip free, either pass: `L [G + E + w(D + C, A+B+S)]`: G and E start the moment their input is there; what is
///   left of a block's A, B, S runs in the next block's windows or is ahead of them, so that no stream waits while the
///   windows are shorter than what there is to fill them with
/// - FarSkip prefill: `(A+B) + L [S + w(D, G+E)] + (L-1) w(C, A+B) + C`
struct ClosedForm {
  let durations: LayerDurations
  let half: LayerDurations
  let layers: Int
  /// kappa while a collective flies.
  let kappa: Double

  /// nil where there is no formula: two-batch overlap with kappa above 1.
  func milliseconds(_ method: OverlapMethod, _ pass: Pass) -> Double? {
    switch pass {
    case .forward: forward(method)
    case .backward: backward(method)
    case .prefill: prefill(method)
    }
  }

  private var d: LayerDurations { durations }
  private var attention: Double { d.projections + d.core }
  private var chain: Double { d.gate + d.experts }
  private var count: Double { Double(layers) }
  private var dispatch: Double { d.dispatch.milliseconds }
  private var combine: Double { d.combine.milliseconds }

  private func hidden(_ collective: Double, _ computation: Double) -> Double { window(collective, computation, kappa) }

  private func forward(_ method: OverlapMethod) -> Double? {
    switch method {
    case .standard: return count * (d.computation + d.communication)
    case .sharedExpert: return count * (attention + chain + dispatch + hidden(combine, d.shared))
    case .farskip:
      let inner = hidden(combine, d.shared + d.projections) + chain + hidden(dispatch, d.core)
      return chain + hidden(dispatch, attention) + (count - 1) * inner + hidden(combine, d.shared)
    case .farskipFree: return free
    case .twoBatch: return kappa == 1 ? twoBatchForward() : nil
    case .scmoe: return beside(.forward, cut: expertsCut(d, .forward, .whileInFlight(kappa)))
    case .parallelBlock: return beside(.forward, cut: 2)
    case .ladder:
      return attention + count * (chain + hidden(dispatch, d.shared)) + (count - 1) * hidden(combine, attention)
        + combine
    case .attentionOnly:
      let last = hidden(combine, d.shared)
      return attention + count * (chain + dispatch) + (count - 1) * hidden(combine, d.shared + attention) + last
    }
  }

  private func backward(_ method: OverlapMethod) -> Double? {
    switch method {
    case .standard: return count * (d.computation + d.communication)
    case .sharedExpert: return count * (hidden(combine, d.shared) + chain + dispatch + attention)
    case .farskip: return count * (chain + hidden(combine, d.shared + d.core) + hidden(dispatch, d.projections))
    case .farskipFree: return free
    case .twoBatch: return kappa == 1 ? twoBatchBackward() : nil
    case .scmoe: return beside(.backward, cut: expertsCut(d, .backward, .whileInFlight(kappa)))
    case .parallelBlock: return beside(.backward, cut: 1)
    // Mirror images of the forward pass.
    case .ladder, .attentionOnly: return forward(method)
    }
  }

  private func prefill(_ method: OverlapMethod) -> Double? {
    let experts = d.shared + chain
    switch method {
    case .standard: return count * (d.computation + d.communication)
    case .farskip:
      return attention + count * (d.shared + hidden(dispatch, chain)) + (count - 1) * hidden(combine, attention)
        + combine
    case .ladder:
      return attention + count * hidden(dispatch, experts) + (count - 1) * hidden(combine, attention) + combine
    case .parallelBlock: return count * (d.computation + combine)
    case .twoBatch: return kappa == 1 ? twoBatchPrefill() : nil
    default: return nil
    }
  }

  private var free: Double { count * (chain + hidden(dispatch + combine, attention + d.shared)) }

  private func beside(_ pass: Pass, cut: Int) -> Double {
    let path = pass == .forward ? [d.projections, d.core, d.shared] : [d.shared, d.core, d.projections]
    let collectives = pass == .forward ? [dispatch, combine] : [combine, dispatch]
    let windows = hidden(collectives[0], path[..<cut].reduce(0, +)) + hidden(collectives[1], path[cut...].reduce(0, +))
    return count * (chain + windows)
  }

  // MARK: Two batches: recurrences over the clocks of the two streams

  /// The ends of what was issued last on each stream.
  private struct Clocks {
    var compute = 0.0
    var link = 0.0

    mutating func run(_ duration: Double, after ready: Double = 0) { compute = max(compute, ready) + duration }
    mutating func send(_ duration: Double, after ready: Double) -> Double {
      link = max(link, ready) + duration
      return link
    }
  }

  private func twoBatchForward() -> Double {
    var clocks = Clocks()
    var (sent, combined) = ([0.0, 0.0], [0.0, 0.0])
    for _ in 0..<layers {
      for i in 0..<2 {
        clocks.run(half.projections + half.core + half.gate, after: combined[i])
        sent[i] = clocks.send(half.dispatch.milliseconds, after: clocks.compute)
      }
      for i in 0..<2 {
        clocks.run(half.shared)
        clocks.run(half.experts, after: sent[i])
        combined[i] = clocks.send(half.combine.milliseconds, after: clocks.compute)
      }
    }
    return max(clocks.compute, clocks.link)
  }

  private func twoBatchBackward() -> Double {
    var clocks = Clocks()
    var (sent, ready) = ([0.0, 0.0], [0.0, 0.0])
    for _ in 0..<layers {
      let combined = (0..<2).map { clocks.send(half.combine.milliseconds, after: ready[$0]) }
      for i in 0..<2 {
        clocks.run(half.shared, after: ready[i])
        clocks.run(half.experts, after: combined[i])
        sent[i] = clocks.send(half.dispatch.milliseconds, after: clocks.compute)
      }
      for i in 0..<2 {
        clocks.run(half.gate + half.core + half.projections, after: sent[i])
        ready[i] = clocks.compute
      }
    }
    return clocks.compute
  }

  private func twoBatchPrefill() -> Double {
    var clocks = Clocks()
    var (reduced, combined) = ([0.0, 0.0], [0.0, 0.0])
    for _ in 0..<layers {
      for i in 0..<2 {
        clocks.run(half.projections + half.core, after: combined[i])
        reduced[i] = clocks.send(half.dispatch.milliseconds, after: clocks.compute)
      }
      for i in 0..<2 {
        clocks.run(half.shared + half.gate + half.experts, after: reduced[i])
        combined[i] = clocks.send(half.combine.milliseconds, after: clocks.compute)
      }
    }
    return max(clocks.compute, clocks.link)
  }
}
