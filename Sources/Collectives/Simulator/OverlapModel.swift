/// A stack of equal blocks on equal ranks: what one method takes, by events or by formula.
public struct OverlapModel: Sendable {
  /// Forward durations.
  public var durations: LayerDurations
  /// Of half the tokens, for two-batch overlap. Half of everything unless a latency is paid twice.
  public var half: LayerDurations
  /// Blocks with experts; at least 1.
  public var layers: Int
  /// Of computation that hides communication; the ordinary block has none.
  public var slowdown: Slowdown
  /// Ranks of the event simulation.
  public var ranks: Int
  /// The tokens of the most loaded rank's experts, relative to balanced routing.
  public var skew: Double

  /// - Parameter half: by default `durations.half`.
  public init(
    durations: LayerDurations, half: LayerDurations? = nil, layers: Int, slowdown: Slowdown = .none, ranks: Int = 1,
    skew: Double = 1
  ) {
    self.durations = durations
    self.half = half ?? durations.half
    self.layers = layers
    self.slowdown = slowdown
    self.ranks = ranks
    self.skew = skew
  }

  /// One pass by events.
  public func run(_ method: OverlapMethod, _ pass: Pass) -> SimulatedRun {
    let kappa = method == .standard ? 1 : slowdown.inFlight
    var simulation = Simulation(
      schedule(method, pass), on: SimulatedRanks(count: ranks, skew: skew, slowdownInFlight: kappa))
    return simulation.run()
  }

  /// One pass by formula, in milliseconds; nil where there is none (two-batch overlap with kappa above 1 in flight).
  /// Routing is balanced.
  public func closedForm(_ method: OverlapMethod, _ pass: Pass) -> Double? {
    let (durations, half) = issued(method, pass)
    let kappa = method == .standard ? 1 : slowdown.inFlight
    return ClosedForm(durations: durations, half: half, layers: layers, kappa: kappa).milliseconds(method, pass)
  }

  /// The operations of one pass.
  public func schedule(_ method: OverlapMethod, _ pass: Pass) -> Schedule {
    let (durations, half) = issued(method, pass)
    return Schedule(
      method, pass, durations, half: half, layers: layers,
      slowdown: method == .standard ? .none : .whileInFlight(slowdown.inFlight))
  }

  /// Durations as this pass issues them: doubled backward, slowed throughout where collectives are hidden.
  private func issued(_ method: OverlapMethod, _ pass: Pass) -> (LayerDurations, LayerDurations) {
    let factor = (pass == .backward ? 2 : 1) * (method == .standard ? 1 : slowdown.everywhere)
    return (durations.slowed(by: factor), half.slowed(by: factor))
  }
}

/// Forward and backward of training, or prefill alone, of one method.
public struct MethodTimes: Sendable {
  /// Which.
  public let method: OverlapMethod
  /// Or prefill.
  public let forward: SimulatedRun
  /// nil for prefill.
  public let backward: SimulatedRun?

  /// Of both passes.
  public var milliseconds: Double { forward.milliseconds + (backward?.milliseconds ?? 0) }

  /// Share of the communication that is hidden, over both passes.
  public var overlap: Double {
    let isolated = forward.isolated + (backward?.isolated ?? 0)
    return isolated > 0 ? 1 - (forward.exposed + (backward?.exposed ?? 0)) / isolated : 1
  }
}

extension OverlapModel {
  /// Forward and backward by events.
  public func training(_ method: OverlapMethod) -> MethodTimes {
    MethodTimes(method: method, forward: run(method, .forward), backward: run(method, .backward))
  }

  /// Prefill by events.
  public func prefill(_ method: OverlapMethod) -> MethodTimes {
    MethodTimes(method: method, forward: run(method, .prefill), backward: nil)
  }

  /// The share of communication in the standard step, c.
  public func communicationShare(isTraining: Bool) -> Double {
    let passes = isTraining ? 2.0 : 1
    let computation = durations.computation * (isTraining ? 3 : 1)
    return passes * durations.communication / (passes * durations.communication + computation)
  }
}
