import Collectives
import Groundwork
import LabKit

/// What is measured, on which link.
struct OverlapParameters: StageParameters {
  /// Forward milliseconds, `A=2,B=3,...`.
  var durations: String
  var layers: Int
  @OneOf var mode: Workload.Mode
  @OneOf var method: OverlapMethod
  @OneOf var compute: Computation
  /// ALPHA,BETA such as `50us,10MB/s`.
  var link: String
  /// Threads that stand for ranks.
  var ranks: Int
  var repeats: Int

  enum CodingKeys: String, CodingKey, CaseIterable {
    case durations, layers, mode, method, compute, link, ranks, repeats
  }

  /// - Throws: usage errors for what cannot be measured
  func measurement() throws -> OverlapMeasurement {
    guard mode != .decode, method != .farskipFree, method.offers(mode == .prefill ? .prefill : .forward) else {
      throw UpcycleError.usage("is not measured", field: "mode", found: "\(method.rawValue) in \(mode.rawValue)")
    }
    for (field, value) in [("layers", layers), ("repeats", repeats)] where !(1...1000).contains(value) {
      throw UpcycleError.usage("is out of range", field: field, expected: "1 to 1000", found: "\(value)")
    }
    let measurement = OverlapMeasurement(
      durations: try LayerDurations(parsing: durations), layers: layers, isPrefill: mode == .prefill,
      methods: method == .standard ? [.standard] : [.standard, method], computation: compute,
      rate: try LinkRate(parsing: link), repeats: repeats)
    try measurement.validate(ranks: ranks, here: ranks)
    return measurement
  }
}

/// `overlap`: how much of its communication one `method` hides, measured beside the ordinary block on `ranks` threads
/// whose messages take `link`. `durations` are forward milliseconds (`A=2,B=3,...`), `compute` is sleep or product,
/// `mode` training or prefill; the seed tells repeated measurements apart.
///
/// Metrics `ms`, `standard_ms`, `speedup`, `overlap`, `late` (share of the communication that is waiting for a rank
/// that started it later), `slowdown` of computation, `dispatch_ms` and `combine_ms` alone, and
/// for each pass `overlap_PASS`, `dispatches_behind_PASS` and `combines_behind_PASS` (share of the collectives that
/// flew while their rank computed, all ranks). The last repetition's events lie in the folder; series PASS holds rank
/// 0's of the two middle layers, ordinary block first: [run, layer, operation, track, start ms, end ms], operations
/// from 1 in the order of `SubOperation.Kind`, tracks 1 computation, 2 communication, 3 stall.
let overlapStage = Stage(
  name: "overlap", version: 2, parameters: OverlapParameters.self, isTimed: true,
  run: { context, parameters in
    let measurement = try parameters.measurement()
    var result: OverlapMeasurement.Outcome?
    try ThreadRanks.run(parameters.ranks) { communicator in
      let outcome = try measurement.run(on: LinkModel(communicator, measurement.rate))
      if communicator.rank == 0 { result = outcome }
    }
    let outcome = result!
    try outcome.timeline.write(to: context.folder.appendingPathComponent("timeline.json"))
    let (standard, method) = (outcome.methods.first!, outcome.methods.last!)
    var metrics = [
      "ms": method.milliseconds, "standard_ms": standard.milliseconds,
      "speedup": standard.milliseconds / method.milliseconds,
      "overlap": method.overlap, "late": method.late, "slowdown": method.computation / standard.computation,
      "dispatch_ms": outcome.isolatedDispatch, "combine_ms": outcome.isolatedCombine,
    ]
    var series: [String: [[Double]]] = [:]
    let logs = outcome.timeline.runs.last!.logs
    for times in method.passes {
      let pass = times.pass
      func behind(_ kind: SubOperation.Kind) -> Double {
        logs.reduce(0) { $0 + $1.shareBehindComputation(kind, pass) } / Double(logs.count)
      }
      metrics["overlap_\(pass.rawValue)"] = times.overlap
      metrics["dispatches_behind_\(pass.rawValue)"] = behind(.dispatch)
      metrics["combines_behind_\(pass.rawValue)"] = behind(.combine)
      series[pass.rawValue] = outcome.timeline.runs.enumerated().flatMap { index, run in
        run.logs[0].middle(pass).map { point(of: $0, run: index + 1) }
      }
    }
    return StageResult(metrics: metrics.mapValues { Metric($0) }, series: series)
  })

/// A microsecond is the finest that records keep.
private func point(of event: EventLog.Event, run: Int) -> [Double] {
  let operation = SubOperation.Kind.allCases.firstIndex { $0.rawValue == event.operation }! + 1
  let track = EventLog.Track.allCases.firstIndex(of: event.track)! + 1
  func rounded(_ milliseconds: Double) -> Double { (1000 * milliseconds).rounded() / 1000 }
  return [
    Double(run), Double(event.layer + 1), Double(operation), Double(track), rounded(event.start), rounded(event.end),
  ]
}
