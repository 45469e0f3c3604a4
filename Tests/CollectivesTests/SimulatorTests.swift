import Groundwork
import TestKit
import XCTest

@testable import Collectives

/// The event simulation against golden values by hand, against formulas and against bounds.
final class SimulatorTests: XCTestCase {
  /// Durations and the milliseconds worked out by hand.
  private struct Golden {
    let durations: LayerDurations
    let layers: Int
    let forwardStandard, forwardFarSkip, overlap, backwardStandard, backwardFarSkip, speedup: Double

    init(_ abgdecs: [Double], _ layers: Int, _ values: [Double]) {
      durations = SimulatorTests.durations(abgdecs)
      self.layers = layers
      (forwardStandard, forwardFarSkip, overlap) = (values[0], values[1], values[2])
      (backwardStandard, backwardFarSkip, speedup) = (values[3], values[4], values[5])
    }
  }

  private static func durations(_ v: [Double]) -> LayerDurations {
    LayerDurations(
      projections: v[0], core: v[1], gate: v[2], dispatch: CollectiveTime(intra: v[3]), experts: v[4],
      combine: CollectiveTime(intra: v[5]), shared: v[6])
  }

  private let golden = [
    Golden([2, 3, 1, 4, 5, 4, 2], 4, [84, 57, 0.8438, 136, 104, 1.3665]),
    Golden([2, 3, 1, 3, 5, 4, 2], 4, [80, 54, 0.9286, 132, 104, 1.3418]),
    Golden([1, 1, 1, 8, 5, 8, 1], 4, [100, 88, 0.1875, 136, 112, 1.1800]),
    Golden([2, 3, 1, 4, 5, 4, 0], 4, [76, 57, 0.5938, 120, 88, 1.3517]),
    Golden([2, 3, 1, 4, 5, 4, 2], 1, [21, 15, 0.7500, 34, 26, 1.3415]),
  ]

  func testGoldenCasesComeOutToTheDigit() {
    for (index, golden) in golden.enumerated() {
      let model = OverlapModel(durations: golden.durations, layers: golden.layers, ranks: 4)
      let (standard, farskip) = (model.training(.standard), model.training(.farskip))
      let case_ = "case \(index + 1)"
      XCTAssertEqual(standard.forward.milliseconds, golden.forwardStandard, case_)
      XCTAssertEqual(farskip.forward.milliseconds, golden.forwardFarSkip, case_)
      XCTAssertEqual(farskip.forward.overlap, golden.overlap, accuracy: 0.00005, case_)
      XCTAssertEqual(standard.backward!.milliseconds, golden.backwardStandard, case_)
      XCTAssertEqual(farskip.backward!.milliseconds, golden.backwardFarSkip, case_)
      XCTAssertEqual(standard.milliseconds / farskip.milliseconds, golden.speedup, accuracy: 0.00005, case_)
      XCTAssertEqual(standard.overlap, 0, accuracy: 1e-12, case_)
    }
  }

  /// Random blocks: compute and communication from almost nothing to dominant, some without shared expert.
  private func randomModels(_ count: Int, _ slowdown: (inout RandomStream) -> Slowdown) -> [OverlapModel] {
    var random = RandomStream(seed: 7, "simulated durations")
    return (0..<count).map { index in
      let scale = 8 * random.nextUniform()
      var values = (0..<7).map { _ in 5 * random.nextUniform() }
      (values[3], values[5]) = (scale * values[3], scale * values[5])
      if index % 5 == 0 { values[6] = 0 }
      return OverlapModel(
        durations: Self.durations(values), layers: 1 + random.next(below: 9), slowdown: slowdown(&random),
        ranks: 1 + random.next(below: 3))
    }
  }

  private func assertFormulaEqualsEvents(_ model: OverlapModel, line: UInt = #line) {
    for method in OverlapMethod.allCases {
      for pass in Pass.allCases where method.offers(pass) {
        guard let formula = model.closedForm(method, pass) else {
          XCTAssertTrue(method == .twoBatch && model.slowdown != .none)
          continue
        }
        let events = model.run(method, pass).milliseconds
        XCTAssertEqual(events, formula, accuracy: 1e-9 * formula, "\(method) \(pass) \(model)", line: line)
      }
    }
  }

  func testTheFormulaGivesWhatEventsGive() {
    for model in randomModels(200, { _ in .none }) { assertFormulaEqualsEvents(model) }
    for model in randomModels(100, { .throughout(1 + $0.nextUniform()) }) where model.layers > 0 {
      // Two-batch overlap has a formula here too.
      for method in OverlapMethod.allCases {
        XCTAssertEqual(
          model.run(method, .forward).milliseconds, model.closedForm(method, .forward)!, accuracy: 1e-9 * 1e4,
          "\(method)")
      }
    }
    for model in randomModels(200, { .whileInFlight(1 + 2 * $0.nextUniform()) }) { assertFormulaEqualsEvents(model) }
  }

  func testFarSkipNeverLosesAndFreePlacementNeverLosesToFixed() {
    for model in randomModels(300, { _ in .none }) {
      for pass in [Pass.forward, .backward] {
        let (standard, fixed) = (model.run(.standard, pass), model.run(.farskip, pass))
        let free = model.run(.farskipFree, pass)
        XCTAssertLessThanOrEqual(fixed.milliseconds, standard.milliseconds * (1 + 1e-12), "\(model)")
        XCTAssertLessThanOrEqual(free.milliseconds, fixed.milliseconds * (1 + 1e-12), "\(model)")
        for method in OverlapMethod.allCases {
          let run = model.run(method, pass)
          XCTAssertLessThanOrEqual(run.milliseconds, standard.milliseconds * (1 + 1e-12), "\(method) \(model)")
          // Neither stream can be shorter than its own work.
          let work = model.durations.computation * (pass == .backward ? 2 : 1) * Double(model.layers)
          XCTAssertGreaterThanOrEqual(run.milliseconds, max(work, run.isolated) * (1 - 1e-12), "\(method) \(model)")
          XCTAssertEqual(run.milliseconds - run.exposed, work, accuracy: 1e-9 * work, "\(method) \(model)")
        }
      }
    }
  }

  /// `S <= 1 / (1 - c)`; with both collectives in one window `S = 1 / max(c, 1 - c)` at most.
  func testSpeedupStaysWithinItsBound() {
    for model in randomModels(300, { _ in .none }) {
      let share = model.communicationShare(isTraining: true)
      for method in OverlapMethod.allCases {
        let speedup = model.training(.standard).milliseconds / model.training(method).milliseconds
        XCTAssertLessThanOrEqual(speedup, min(1 / (1 - share), 1 / share) * (1 + 1e-12), "\(method) \(model)")
      }
      // With kappa throughout, full hiding gives 1 / (kappa (1 - c) + (1 - f) c) exactly.
      var slow = model
      slow.slowdown = .throughout(1.13)
      let (standard, farskip) = (slow.training(.standard), slow.training(.farskip))
      let predicted = 1 / (1.13 * (1 - share) + (1 - farskip.overlap) * share)
      XCTAssertEqual(standard.milliseconds / farskip.milliseconds, predicted, accuracy: 1e-9)
    }
  }

  /// Equation 9 of the paper: with freely divisible A, B, S the collectives vanish when they fit.
  func testFreePlacementHidesWhateverFits() {
    let fits = Self.durations([2, 3, 1, 1.5, 5, 5.5, 2])
    XCTAssertEqual(OverlapModel(durations: fits, layers: 4).training(.farskipFree).overlap, 1, accuracy: 1e-12)
    XCTAssertLessThan(OverlapModel(durations: fits, layers: 4).training(.farskip).overlap, 1)
  }

  func testTheLogKeepsOrderAndConcurrency() {
    let model = OverlapModel(durations: golden[0].durations, layers: 3)
    for method in OverlapMethod.allCases {
      for pass in Pass.allCases where method.offers(pass) {
        let schedule = model.schedule(method, pass)
        let spans = model.run(method, pass).spans
        var (start, end): ([Int: Double], [Int: Double]) = ([:], [:])
        for span in spans {
          start[span.operation] = min(start[span.operation] ?? .infinity, span.start)
          end[span.operation] = max(end[span.operation] ?? 0, span.end)
        }
        XCTAssertEqual(start.count, schedule.operations.count, "\(method) \(pass): everything runs")
        for (index, operation) in schedule.operations.enumerated() {
          for before in operation.dependencies {
            XCTAssertLessThanOrEqual(end[before]!, start[index]! + 1e-12, "\(method) \(pass): \(operation)")
          }
        }
        for track in SimulatedRun.Span.Track.allCases {
          let own = spans.filter { $0.track == track }.sorted { $0.start < $1.start }
          for (one, next) in zip(own, own.dropFirst()) {
            XCTAssertLessThanOrEqual(one.end, next.start + 1e-12, "\(method)")
          }
        }
      }
    }
    // FarSkip's concurrency: D beside B of the same block.
    let schedule = model.schedule(.farskip, .forward)
    let spans = model.run(.farskip, .forward).spans
    func interval(_ kind: SubOperation.Kind, _ layer: Int) -> ClosedRange<Double> {
      let span = spans.first {
        schedule.operations[$0.operation].kind == kind && schedule.operations[$0.operation].layer == layer
          && $0.track != .intraLink
      }!
      return span.start...span.end
    }
    XCTAssertTrue(interval(.dispatch, 1).overlaps(interval(.core, 1)))
    XCTAssertTrue(interval(.combine, 1).overlaps(interval(.projections, 2)))
    XCTAssertEqual(interval(.dispatch, 1).upperBound, interval(.experts, 1).lowerBound)
  }

  func testSkewedRoutingWaitsForTheBusiestRank() {
    let durations = Self.durations([2, 3, 1, 4, 5, 4, 2])
    let balanced = OverlapModel(durations: durations, layers: 4, ranks: 8)
    var skewed = balanced
    skewed.skew = 1.5
    // The busiest rank takes 1.5 times as long in D, E and C.
    let slow = OverlapModel(durations: Self.durations([2, 3, 1, 6, 7.5, 6, 2]), layers: 4)
    for method in [OverlapMethod.standard, .farskip, .farskipFree] {
      XCTAssertGreaterThan(skewed.training(method).milliseconds, balanced.training(method).milliseconds)
      XCTAssertEqual(skewed.training(method).milliseconds, slow.training(method).milliseconds, accuracy: 1e-9)
    }
    XCTAssertGreaterThan(
      skewed.training(.standard).forward.exposed, slow.training(.standard).forward.exposed, "others wait")
  }

  func testDurationsAreReadAsTyped() throws {
    let typed = try LayerDurations(parsing: "A=2, B=3,G=1,D=4,E=5,C=4,S=2")
    XCTAssertEqual(typed, golden[0].durations)
    for (text, words) in [
      ("A=2", "lacks B, G, D, E, C, S"), ("A=-2,B=3,G=1,D=4,E=5,C=4,S=2", "A is no duration"),
      ("A=x,B=3,G=1,D=4,E=5,C=4,S=2", "A is no duration"), ("A=2,A=3", "twice"), ("Q=1", "Q=1"),
      ("", "list of durations"),
      ("A=inf,B=3,G=1,D=4,E=5,C=4,S=2", "A is no duration"), ("A=2,B=3,G=1,D=4,E=5,C=4,S=2,", "list of durations"),
    ] {
      XCTAssertThrowsError(try LayerDurations(parsing: text)) { error in
        XCTAssertTrue("\(error)".contains(words), "\(error)")
        XCTAssertEqual((error as? UpcycleError)?.exitCode, 2)
      }
    }
  }

  func testFiveHundredRanksAndSixtyOneBlocksTakeSeconds() {
    let model = OverlapModel(
      durations: Self.durations([1.09, 3.15, 0.03, 7.05, 5.52, 7.05, 0.69]), layers: 61, slowdown: .whileInFlight(1.1),
      ranks: 512)
    // The better of two: other processes may hold the cores for a while.
    let seconds = (0..<2).map { _ in
      let start = monotonicSeconds()
      _ = model.training(.farskip)
      return monotonicSeconds() - start
    }
    XCTAssertLessThan(seconds.min()!, 2)
    let farskip = model.training(.farskip)
    let formula = model.closedForm(.farskip, .forward)! + model.closedForm(.farskip, .backward)!
    XCTAssertEqual(farskip.milliseconds, formula, accuracy: 1e-6)
  }
}
