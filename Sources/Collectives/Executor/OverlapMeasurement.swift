import Groundwork

/// How much of its communication a stack of blocks hides, measured on real ranks with real messages over a modelled
/// link.
///
/// overlap = 1 - sum of exposed / sum of isolated: exposed is what the computation stands still in the wait for a
/// collective, isolated the same collective timed alone on the same link, both means over ranks. Methods
/// run by turns, `repeats` times. Numbers are medians over repetitions, of each collective's wait before they are
/// summed: a rank that the machine held up once does not count as communication. `shares` keeps every repetition's own
/// sum, `late` what of the waits was for a rank that started the collective later: no link, however fast, would have
/// shortened it.
public struct OverlapMeasurement: Sendable {
  /// Of one block, forward; backward is twice that.
  public var durations: LayerDurations
  /// Blocks with experts.
  public var layers: Int
  /// Whether the collectives are the two all-reduces of inference; otherwise all-to-alls, forward and backward.
  public var isPrefill: Bool
  /// Run by turns.
  public var methods: [OverlapMethod]
  /// What fills the computing sub-operations.
  public var computation: Computation
  /// Who moves messages on.
  public var progress: MessageProgress.Mode
  /// Of the modelled link; messages are sized to take their durations on it.
  public var rate: LinkRate
  /// Repetitions that the medians are over.
  public var repeats: Int

  /// FarSkip beside the ordinary block unless said otherwise; what cannot be measured `validate` refuses.
  public init(
    durations: LayerDurations, layers: Int, isPrefill: Bool, methods: [OverlapMethod] = [.standard, .farskip],
    computation: Computation, progress: MessageProgress.Mode = .poll, rate: LinkRate, repeats: Int
  ) {
    self.durations = durations
    self.layers = layers
    self.isPrefill = isPrefill
    self.methods = methods
    self.computation = computation
    self.progress = progress
    self.rate = rate
    self.repeats = repeats
  }

  /// What one repetition runs.
  public var passes: [Pass] { isPrefill ? [.prefill] : [.forward, .backward] }

  /// One pass of one method: milliseconds, medians over repetitions of means over ranks.
  public struct PassTimes: Sendable {
    /// Which.
    public var pass: Pass
    /// From start to end.
    public var milliseconds: Double
    /// Sum over collectives of their medians.
    public var exposed: Double
    /// Part of `exposed`: for ranks that started a collective later than the one that waits.
    public var late: Double
    /// Of all collectives of the pass, each alone.
    public var isolated: Double
    /// Milliseconds of the computing sub-operations.
    public var computation: Double
    /// Exposed share of the communication in every repetition.
    public var shares: [Double]
    /// 1 - exposed / isolated; 1 where nothing is communicated.
    public var overlap: Double { isolated > 0 ? 1 - exposed / isolated : 1 }
  }

  /// All passes of one method.
  public struct MethodResult: Sendable {
    /// Which.
    public var method: OverlapMethod
    /// In the order of `OverlapMeasurement.passes`.
    public var passes: [PassTimes]
    /// Sum over passes.
    public var milliseconds: Double { passes.reduce(0) { $0 + $1.milliseconds } }
    /// Sum over passes, milliseconds.
    public var computation: Double { passes.reduce(0) { $0 + $1.computation } }
    /// 1 - exposed / isolated over all passes.
    public var overlap: Double {
      let isolated = passes.reduce(0) { $0 + $1.isolated }
      return isolated > 0 ? 1 - passes.reduce(0) { $0 + $1.exposed } / isolated : 1
    }
    /// Share of the communication that is waiting for late ranks.
    public var late: Double {
      let isolated = passes.reduce(0) { $0 + $1.isolated }
      return isolated > 0 ? passes.reduce(0) { $0 + $1.late } / isolated : 0
    }
  }

  /// What was measured.
  public struct Outcome: Sendable {
    /// How many took part.
    public var ranks: Int
    /// As `Communicator.transport`.
    var transport: String
    /// Milliseconds of the dispatch alone.
    public var isolatedDispatch: Double
    /// Milliseconds of the combine alone.
    public var isolatedCombine: Double
    /// In the order asked for.
    public var methods: [MethodResult]
    /// Of the last repetition.
    public var timeline: Timeline
  }

  /// Refuses what cannot be measured.
  /// - Parameter here: ranks that share this machine's memory
  public func validate(ranks: Int, here: Int) throws {
    if ranks < 2 {
      throw UpcycleError.usage(
        "one rank has nothing to communicate", field: "ranks", expected: "2 or more", found: "\(ranks)")
    }
    let parts = methods.contains(.twoBatch) ? [durations, durations.half] : [durations]
    let messages = try parts.flatMap { [$0.dispatch, $0.combine] }.map {
      try Traffic.bytes(milliseconds: $0.milliseconds, rate, isReduction: isPrefill)
    }
    // Each is sent from one buffer and received into another, and copied on its way.
    try requireMemory(
      cappedProduct(3, here, messages.reduce(0, +)), for: "the messages of \(counted(here, "rank"))", at: "`durations`")
  }

  /// Measures; `ranks` carry the link model.
  public func run(on ranks: any Communicator) throws -> Outcome {
    let progress = MessageProgress(progress)
    defer { progress.stop() }
    let computing: any SlicedComputation = computation == .sleep ? Sleeping() : try Multiplying(ranks)
    let executor = OverlapExecutor(computing, progress, Traffic(ranks, rate, isReduction: isPrefill))
    let model = OverlapModel(durations: durations, layers: layers, ranks: ranks.size)
    let schedules = methods.map { method in passes.map { model.schedule(method, $0) } }

    let collectives = [
      (SubOperation.Kind.dispatch, durations.dispatch.milliseconds), (.combine, durations.combine.milliseconds),
    ]
    // The first messages set up connections.
    for (kind, milliseconds) in collectives { _ = try executor.isolated(kind, milliseconds: milliseconds, ranks) }
    var alone: [SubOperation.Kind: [Double]] = [:]
    // [method][repetition][pass]: milliseconds, computation, then the wait for every collective, then what of it was
    // for late ranks; means over ranks.
    var rows = methods.map { _ in [[[Double]]]() }
    var logs: [EventLog] = []
    for _ in 0..<repeats {
      for (kind, milliseconds) in collectives {
        let times = try (0..<5).map { _ in try executor.isolated(kind, milliseconds: milliseconds, ranks) }
        alone[kind, default: []] += try ranks.mean(times)
      }
      logs = []
      for (index, parts) in schedules.enumerated() {
        // One clock for the timeline.
        var log = EventLog(origin: try ranks.broadcast([monotonicSeconds()], filler: 0)[0])
        try ranks.barrier()
        for schedule in parts { try executor.run(schedule, into: &log) }
        for schedule in parts { try PartialOrder(schedule).check(log) }
        rows[index].append(
          try passes.map { pass in
            let waits = log.events.filter { $0.track == .stall && $0.pass == pass }.map { $0.end - $0.start }
            let starts = log.events.filter { $0.track == .communication && $0.pass == pass }.map(\.start)
            let late = Self.late(waits, starts: try ranks.allGather(starts, filler: 0), rank: ranks.rank)
            return try ranks.mean([log.duration(pass), log.milliseconds(.computation, pass)] + waits + late)
          })
        logs.append(log)
      }
    }
    let (dispatch, combine) = (median(alone[.dispatch]!), median(alone[.combine]!))
    let isolated = Double(layers) * (dispatch + combine)
    let results = zip(methods, rows).map { method, rows in
      MethodResult(
        method: method,
        passes: passes.indices.map { pass in
          func middle(_ column: Int) -> Double { median(rows.map { $0[pass][column] }) }
          let collectives = (rows[0][pass].count - 2) / 2
          return PassTimes(
            pass: passes[pass], milliseconds: middle(0),
            exposed: (0..<collectives).reduce(0) { $0 + middle(2 + $1) },
            late: (0..<collectives).reduce(0) { $0 + middle(2 + collectives + $1) }, isolated: isolated,
            computation: middle(1),
            shares: rows.map { $0[pass].dropFirst(2).prefix(collectives).reduce(0, +) / isolated })
        })
    }
    let runs = try zip(methods, logs).map { Timeline.Run(name: $0.rawValue, logs: try $1.gathered(ranks)) }
    return Outcome(
      ranks: ranks.size, transport: ranks.transport, isolatedDispatch: dispatch, isolatedCombine: combine,
      methods: results, timeline: Timeline(runs))
  }
}

extension OverlapMeasurement {
  /// What of this rank's waits is for ranks that started the collective later.
  /// - Parameter starts: [size][waits]
  static func late(_ waits: [Double], starts: [[Double]], rank: Int) -> [Double] {
    waits.indices.map { index in min(waits[index], starts.map { $0[index] }.max()! - starts[rank][index]) }
  }
}

/// The middle of some numbers, or the mean of the two in the middle; 0 for none.
public func median(_ values: [Double]) -> Double {
  let sorted = values.sorted()
  return sorted.isEmpty ? 0 : (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
}
