import Foundation
import Groundwork
import TestKit
import XCTest

@testable import Collectives

/// The executor of schedules on ranks, its event logs and what is measured from them.
final class OverlapTests: XCTestCase {
  private static let rate = LinkRate(alpha: 50e-6, beta: 50e6)

  /// The logs of rank 0 of one short measurement.
  private func measure(
    prefill: Bool, methods: [OverlapMethod] = [.standard, .farskip], ranks count: Int = 2,
    computation: Computation = .sleep,
    progress: MessageProgress.Mode = .poll
  ) throws -> (OverlapMeasurement, OverlapMeasurement.Outcome) {
    let measurement = OverlapMeasurement(
      durations: LayerDurations(projections: 2, core: 3, gate: 1, dispatch: 2, experts: 2, combine: 2, shared: 1),
      layers: 3, isPrefill: prefill, methods: methods, computation: computation, progress: progress, rate: Self.rate,
      repeats: 2)
    var result: OverlapMeasurement.Outcome?
    try ThreadRanks.run(count) { ranks in
      // Every repetition checks its logs against the partial order.
      let outcome = try measurement.run(on: LinkModel(ranks, Self.rate))
      if ranks.rank == 0 { result = outcome }
    }
    return (measurement, result!)
  }

  func testCollectivesFlyWhileRanksCompute() throws {
    let (measurement, outcome) = try measure(prefill: false)
    for run in outcome.timeline.runs {
      XCTAssertEqual(run.logs.count, 2)
      for log in run.logs {
        let hides = run.name == "farskip"
        // What is computed right after a collective starts; later operations may find it over.
        for layer in 0..<3 {
          XCTAssertEqual(
            log.overlaps(.dispatch, hides && layer == 0 ? .projections : .core, layer: layer, .forward), hides)
          XCTAssertEqual(log.overlaps(.combine, .shared, layer: layer, .forward), hides)
          XCTAssertEqual(log.overlaps(.combine, .shared, layer: layer, .backward), hides)
          XCTAssertEqual(log.overlaps(.dispatch, .projections, layer: layer, .backward), hides)
        }
      }
    }
    for (run, share) in zip(outcome.timeline.runs, [0.0, 1]) {
      for pass in measurement.passes {
        XCTAssertEqual(run.logs[1].shareBehindComputation(.dispatch, pass), share, run.name)
        XCTAssertEqual(run.logs[1].shareBehindComputation(.combine, pass), share, run.name)
      }
    }
    XCTAssertGreaterThanOrEqual(outcome.isolatedDispatch, 2)
    // The ordinary order waits for the whole of every collective; how much is hidden depends on the machine's mood.
    let (standard, farskip) = (outcome.methods[0], outcome.methods[1])
    XCTAssertGreaterThan(standard.passes[0].exposed, 0.5 * 3 * (2 + 2))
    XCTAssertGreaterThan(farskip.overlap, standard.overlap)
    XCTAssertEqual(measurement.passes, [.forward, .backward])
  }

  /// Two collectives: rank 1 starts the first 3 ms after rank 0, rank 0 the second 1 ms after rank 1.
  func testWaitingForALateRankIsCountedApart() throws {
    let starts = [[0.0, 11], [3, 10]]
    XCTAssertEqual(OverlapMeasurement.late([5, 0.5], starts: starts, rank: 0), [3, 0])
    XCTAssertEqual(OverlapMeasurement.late([2, 0.5], starts: starts, rank: 1), [0, 0.5], "no more than it waited")
    let (_, outcome) = try measure(prefill: true)
    for pass in outcome.methods.flatMap(\.passes) {
      XCTAssertGreaterThanOrEqual(pass.late, 0)
      XCTAssertLessThanOrEqual(pass.late, pass.exposed)
    }
    // The ordinary order waits for whole messages, whoever is late.
    XCTAssertLessThan(outcome.methods[0].late, 1 - outcome.methods[0].overlap)
  }

  func testTheMiddleOfALogKeepsItsNeighbours() {
    var log = EventLog(origin: 0)
    for layer in 0..<6 {
      let start = Double(layer) * 0.01
      log.add("A", layer: layer, pass: .forward, track: .computation, start: start, end: start + 0.006)
      log.add("C", layer: layer, pass: .forward, track: .communication, start: start + 0.005, end: start + 0.012)
    }
    log.add("A", layer: 2, pass: .backward, track: .computation, start: 0.02, end: 0.5)
    // Layers 3 and 4 of six compute from 20 to 36 ms; layer 2's combine flies into that, layer 4's out of it.
    let events = log.middle(.forward)
    XCTAssertEqual(events.map(\.layer), [1, 2, 2, 3, 3])
    for (event, span) in zip(events, [(0, 2), (0, 6), (5, 12), (10, 16), (15, 16)] as [(Double, Double)]) {
      XCTAssertEqual(event.start, span.0, accuracy: 1e-9)
      XCTAssertEqual(event.end, span.1, accuracy: 1e-9)
    }
    XCTAssertEqual(EventLog(origin: 0).middle(.prefill), [])
    XCTAssertEqual(EventLog(origin: 0).shareBehindComputation(.combine, .forward), 0)
  }

  func testPrefillAndRivalsHideWhatTheyShould() throws {
    let methods: [OverlapMethod] = [.standard, .farskip, .ladder, .parallelBlock, .twoBatch]
    let (_, outcome) = try measure(prefill: true, methods: methods, ranks: 3, progress: .thread)
    XCTAssertEqual(outcome.methods.map(\.method), methods)
    XCTAssertTrue(outcome.timeline.runs[1].logs[2].overlaps(.dispatch, .experts, layer: 1, .prefill))
    XCTAssertFalse(outcome.timeline.runs[0].logs[2].overlaps(.dispatch, .experts, layer: 1, .prefill))
  }

  func testProductsAreCalibratedToTheirDurations() throws {
    let (_, outcome) = try measure(prefill: false, computation: .product)
    // Calibration is of this machine and moment: only that the computation is real, and neither nothing nor forever.
    let wanted = 3.0 * 3 * (2 + 3 + 1 + 2 + 1)
    XCTAssertGreaterThan(outcome.methods[0].computation, 0.2 * wanted)
  }

  func testLogsOutOfOrderAreRefused() throws {
    let (measurement, outcome) = try measure(prefill: false)
    let model = OverlapModel(durations: measurement.durations, layers: 3, ranks: 2)
    let log = outcome.timeline.runs[1].logs[0]
    let order = PartialOrder(model.schedule(.farskip, .forward))
    try order.check(log)
    try PartialOrder(model.schedule(.farskip, .backward)).check(log)
    // FarSkip's log breaks the ordinary order: its dispatch does not wait for the attention.
    XCTAssertThrowsError(try PartialOrder(model.schedule(.standard, .forward)).check(log)) {
      XCTAssertTrue("\($0)".contains("started before"), "\($0)")
    }

    func index(_ operation: String) -> Int {
      log.events.firstIndex { $0.operation == operation && $0.layer == 1 && $0.track != .stall && $0.pass == .forward }!
    }
    var swapped = log
    let (gate, experts) = (index("G"), index("E"))
    (swapped.events[gate].start, swapped.events[experts].start) = (log.events[experts].start, log.events[gate].start)
    (swapped.events[gate].end, swapped.events[experts].end) = (log.events[experts].end, log.events[gate].end)
    XCTAssertThrowsError(try order.check(swapped)) { XCTAssertTrue("\($0)".contains("of layer 2"), "\($0)") }
    var short = log
    short.events.remove(at: index("D"))
    XCTAssertThrowsError(try order.check(short)) {
      XCTAssertTrue("\($0)".contains("D of layer 2 is in the event log 0"), "\($0)")
    }
  }

  func testTimelinesHoldEveryEvent() throws {
    let (_, outcome) = try measure(prefill: true)
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    try outcome.timeline.write(to: folder.appendingPathComponent("run.json"))
    let trace = try JSONValue(contentsOf: folder.appendingPathComponent("run.json"))
    let spans = trace["traceEvents"]!.array!.filter { $0["ph"]?.string == "X" }
    XCTAssertEqual(spans.filter { $0["cat"]?.string == "communication" }.count, 2 * 2 * 3 * 2)
    let lines = String(decoding: try readFile(folder.appendingPathComponent("run.csv")), as: UTF8.self).split(
      separator: "\n")
    XCTAssertEqual(lines.count, 1 + spans.count)
    XCTAssertTrue(lines[1].hasPrefix("standard,0,prefill,A,1,0,computation,"), String(lines[1]))
  }

  /// What stands beside the trace was named by nobody.
  func testATimelineReplacesItsOwnFilesAlone() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    func place(_ name: String) throws {
      try Timeline.requirePlace(folder.appendingPathComponent(name), at: "--timeline")
    }
    for name in ["run", "run.csv", "run.txt"] {
      XCTAssertThrowsError(try place(name), name) {
        XCTAssertTrue("\($0)".contains("--timeline") && "\($0)".contains(".json"), "\($0)")
        XCTAssertEqual(($0 as? UpcycleError)?.kind, .usage)
      }
    }
    try place("run.json")
    try Timeline([.init(name: "one", logs: [EventLog(origin: 0)])]).write(to: folder.appendingPathComponent("run.json"))
    try place("run.json")
    for text in ["layer,score\n1,2\n", "no \"table", "\n"] {
      try writeFile(text, to: folder.appendingPathComponent("scores.csv"))
      XCTAssertThrowsError(try place("scores.json"), text) {
        XCTAssertTrue("\($0)".contains("scores.csv") && "\($0)".contains("no timeline"), "\($0)")
      }
    }
  }

  func testWhatCannotBeMeasuredIsRefused() throws {
    var measurement = OverlapMeasurement(
      durations: LayerDurations(projections: 1, core: 1, gate: 1, dispatch: 1, experts: 1, combine: 1, shared: 1),
      layers: 1,
      isPrefill: false, computation: .sleep, rate: LinkRate(alpha: 0.002, beta: 1e6), repeats: 1)
    XCTAssertThrowsError(try measurement.validate(ranks: 2, here: 2)) {
      XCTAssertTrue("\($0)".contains("latency"), "\($0)")
    }
    measurement.rate.alpha = 0
    try measurement.validate(ranks: 2, here: 2)
    // Half a collective is shorter than the latency that a whole one has room for.
    measurement.rate.alpha = 0.0007
    try measurement.validate(ranks: 2, here: 2)
    measurement.methods = [.standard, .twoBatch]
    XCTAssertThrowsError(try measurement.validate(ranks: 2, here: 2)) {
      XCTAssertTrue("\($0)".contains("0.5 ms"), "\($0)")
    }
    measurement.rate = LinkRate(alpha: 0, beta: 1e15)
    XCTAssertThrowsError(try measurement.validate(ranks: 2, here: 2)) {
      XCTAssertTrue("\($0)".contains("memory"), "\($0)")
    }
    measurement.rate = LinkRate(alpha: 0, beta: 1e6)
    XCTAssertThrowsError(try measurement.validate(ranks: 1, here: 1)) {
      XCTAssertTrue("\($0)".contains("one rank"), "\($0)")
    }
  }
}
