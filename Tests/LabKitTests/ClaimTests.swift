import Groundwork
import XCTest

@testable import LabKit

/// What claims say of records, in every kind of test and with each of the four answers.
final class ClaimTests: ClaimTestCase {
  // MARK: The four answers

  func testADifferenceIsDecidedByThePooledInterval() throws {
    let spec = try spec(difference)
    XCTAssertEqual(try verdict(spec, records(["a": [52, 53, 52.5], "b": [50, 51, 50.4]])).answer, .holds)
    XCTAssertEqual(try verdict(spec, records(["a": [50, 51, 50.4], "b": [52, 53, 52.5]])).answer, .fails)
    let close = ["a": [51.2, 52.4, 51.7], "b": [51.6, 50.4, 50.7]]
    XCTAssertEqual(try verdict(spec, records(close)).answer, .undecided)
    // Six quiet cells beside them say that seeds vary little: the same two cells now decide.
    let quiet = ["c", "d", "e", "f", "g", "h"].reduce(into: close) { $0[$1] = [49.9, 50, 50.1] }
    XCTAssertFalse(try XCTUnwrap(ClaimEvidence(spec, records: records(quiet)).pooled(["score.avg": 1])).isShared)
    let steady = ["c", "d", "e", "f", "g", "h"].reduce(into: close) { $0[$1] = [49.7, 50, 50.3] }
    XCTAssertEqual(try verdict(spec, records(steady)).answer, .holds)
  }

  /// Cells ten points apart, of seeds one point apart: the root of 50 over 1.
  func testSignalToNoiseIsTheSpreadOfCellsOverThatOfSeeds() throws {
    let source = try ClaimEvidence(spec(difference), records: records(["a": [49, 50, 51], "b": [59, 60, 61]]))
    let found = try XCTUnwrap(SignalToNoise.all(source).first { $0.metric == "score.avg" })
    XCTAssertEqual([found.cells, found.limited], [2, 0])
    XCTAssertEqual(found.signal, 50.0.squareRoot(), accuracy: 1e-9)
    XCTAssertEqual(found.noise, 1, accuracy: 1e-9)
    XCTAssertEqual(found.ratio, 50.0.squareRoot(), accuracy: 1e-9)
    XCTAssertTrue(try SignalToNoise.all(ClaimEvidence(spec(difference), records: records(["a": [49, 50]]))).isEmpty)
  }

  /// Seconds or nanoseconds: the unit of a term says nothing of how well a ratio is known.
  func testIntervalsDoNotDependOnUnits() throws {
    let spec = try spec(#"{ let: { a: "a", b: "b" }, quantity: "a / b", above: 0 }"#)
    var widths: [Double] = []
    for unit in [2e-4, 5e-5, 1e-9] {
      let found = try verdict(spec, records(["a": [2, 2.1, 1.9], "b": [1 * unit, 0.95 * unit, 1.05 * unit]]))
      let interval = try XCTUnwrap(found.tests[0].estimate).interval()
      widths.append((interval.upperBound - interval.lowerBound) * unit)
    }
    for width in widths { XCTAssertEqual(width, widths[0], accuracy: 1e-9 * widths[0]) }
  }

  /// Bytes and arithmetic are one number whatever the seed.
  func testWhatDiffersFromSeedToSeedIsNotExact() throws {
    let spec = try spec(#"{ let: { a: "a" }, quantity: "a", above: 0, measured: "exact" }"#)
    XCTAssertEqual(try verdict(spec, records(["a": [2, 2, 2]])).answer, .holds)
    XCTAssertEqual(try verdict(spec, records(["a": [2, 2.000_000_1, 2]])).answer, .holds, "the last bits")
    let apart = try verdict(spec, records(["a": [2, 2.5, 3]]))
    XCTAssertEqual(apart.answer, .undecided)
    XCTAssertTrue(apart.needs[0].contains("differs from seed to seed"), "\(apart.needs)")
  }

  func testMetricsThatNoRecordHasAreNamedAndCostsAreMetrics() throws {
    let misspelt = try spec(#"{ let: { a: { cell: "a", metric: "score.avgg" } }, quantity: "a", above: 0 }"#)
    let found = try verdict(misspelt, records(["a": [2, 2.5, 3]]))
    XCTAssertEqual(found.needs, ["a: records without score.avgg"])
    let cost = try spec(
      #"{ let: { a: { cell: "a", metric: "record.seconds" } }, quantity: "a", above: 1, below: 2, measured: "exact" }"#)
    XCTAssertEqual(try verdict(cost, records(["a": [2, 2.5, 3]])).answer, .holds, "1.5 seconds each")
  }

  func testDerivativesAreExact() throws {
    for (text, expected) in [
      ("a + b", 1.0), ("b - a", -1), ("a * b", 3), ("a / b", 1.0 / 3), ("b / a", -0.75), ("abs(b - 2 * a)", 2),
      ("mean(a, b, a)", 2.0 / 3), ("max(a, b)", 0), ("min(a, b)", 1), ("round(a)", 0), ("-(a * a)", -4),
    ] {
      let found = try Expression(text).derivative(by: "a") { ["a": 2, "b": 3][$0]! }
      XCTAssertEqual(found, expected, accuracy: 1e-12, text)
    }
  }

  /// Of two tests the one that wants more seeds says what is needed.
  func testNeedsAreThoseOfTheMoreDemandingTest() throws {
    let spec = try spec(
      [3.0, 1.3].map { "{ let: { a: \"a\", b: \"b\" }, quantity: \"a - b\", above: 0, published: \($0) }" }
        .joined(separator: ", "))
    let found = try verdict(spec, records(["a": [51], "b": [50], "c": [49, 50, 51], "d": [49, 50, 51]]))
    let wanted = found.tests.map(\.wantedSeeds)
    XCTAssertTrue((10...12).contains(wanted[1]), "\(wanted)")
    XCTAssertLessThan(wanted[0], 10)
    XCTAssertEqual(found.needs.first, "a: 1 of \(wanted[1]) seeds")
  }

  /// A quantity without a value says why.
  func testAQuantityThatIsNoNumberIsNamed() throws {
    let spec = try spec(#"{ let: { a: "a", b: "b" }, quantity: "a / (b - b)", above: 0 }"#)
    let found = try verdict(spec, records(["a": [2, 2.1, 1.9], "b": [1, 1.1, 0.9]]))
    XCTAssertEqual(found.answer, .undecided)
    XCTAssertTrue(found.tests[0].text.hasSuffix("undecided (the quantity, or its slope, is not a finite number)"))
  }

  /// Beside a pole an error has no width.
  func testAQuantityBesideAPoleIsUndecided() throws {
    let spec = try spec(#"{ let: { a: "a" }, quantity: "1 / (a - 0.9999)", above: 0 }"#)
    XCTAssertEqual(try verdict(spec, records(["a": [1, 1.0002, 0.9998]])).answer, .undecided)
  }

  /// Where a seed stands for the same batches in all cells, cells rise and fall together and the difference is steady.
  func testPairedSeedsAreComparedSeedBySeed() throws {
    let together = records(["a": [51.2, 53.4, 49.0], "b": [50.7, 52.8, 48.6]])
    XCTAssertEqual(try verdict(spec(difference), together).answer, .holds, "what both have of a seed is seen")
    let paired = try verdict(spec(difference, extra: "pairs_seeds: true,"), together)
    XCTAssertEqual(paired.answer, .holds)
    // The t interval of the differences 0.5, 0.6, 0.4: 0.5 +- 4.303 x 0.1 / sqrt 3.
    let interval = try XCTUnwrap(paired.tests[0].estimate).interval()
    XCTAssertEqual(interval.lowerBound, 0.2516, accuracy: 1e-4)
    XCTAssertEqual(interval.upperBound, 0.7484, accuracy: 1e-4)
    let apart = records(["a": [51.2, 53.4, 49.0], "b": [52.8, 48.6, 50.7]])
    XCTAssertEqual(try verdict(spec(difference, extra: "pairs_seeds: true,"), apart).answer, .undecided)
  }

  /// Seeds that one cell has alone tell nothing of a difference seed by seed; cells that share none are compared as they are.
  func testPairedSeedsAreThoseThatAllCellsHave() throws {
    let paired = try spec(difference, extra: "pairs_seeds: true,")
    func estimate(_ spec: Spec, _ records: [Record]) throws -> Uncertainty {
      try XCTUnwrap(verdict(spec, records).tests[0].estimate)
    }
    let shared = records(["a": [51.2, 53.4, 49.0], "b": [50.7, 52.8, 48.6]], stderr: 0.01)
    let more = shared + [record("a", 4, ["score.avg": Metric(45.1)]), record("a", 5, ["score.avg": Metric(44.8)])]
    XCTAssertEqual(try verdict(paired, more).answer, .holds)
    XCTAssertEqual(try estimate(paired, more), try estimate(paired, shared))
    let apart =
      shared.filter { $0.cell == "a" }
      + [50.7, 52.8, 48.6].enumerated().map { record("b", $0 + 4, ["score.avg": Metric($1)]) }
    XCTAssertEqual(try estimate(paired, apart), try estimate(spec(difference), apart))
    // Three seeds each, of which two are shared: differences of 5 and 5.1 alone decide nothing.
    let two =
      shared.filter { $0.cell == "a" }
      + [48.4, 43.9, 40].enumerated().map { record("b", $0 + 2, ["score.avg": Metric($1)]) }
    XCTAssertEqual(try verdict(paired, two).needs, ["a: 2 of 3 seeds", "b: 2 of 3 seeds"])
    XCTAssertEqual(try verdict(paired, two).answer, .undecided)
  }

  /// In tables too; a cell by itself has none to be compared with and keeps the pooled interval.
  func testTablesPairSeedsWhereClaimsDo() throws {
    let together = records(["a": [51.2, 53.4, 49.0], "b": [50.7, 52.8, 48.6]])
    func halfWidth(_ extra: String, _ weights: [String: Double]) throws -> Double {
      let source = ClaimEvidence(try spec(difference, extra: extra), records: together)
      return try XCTUnwrap(
        source.halfWidth(
          of: weights.sorted { $0.key < $1.key }.map {
            WeightedCell([$0.key], weights: ["score.avg": $0.value], from: source)
          }))
    }
    let paired = "pairs_seeds: true,"
    XCTAssertEqual(try halfWidth(paired, ["a": 1, "b": -1]), 0.2484, accuracy: 1e-4)
    XCTAssertLessThan(try halfWidth("", ["a": 1, "b": -1]), 0.3, "what both have of a seed is seen there too")
    XCTAssertEqual(try halfWidth(paired, ["a": 1]), try halfWidth("", ["a": 1]))
  }

  /// Errors that are no numbers give no interval, nor do repeats that agree in every item.
  func testAnIntervalWithoutAFiniteWidthIsNone() throws {
    func halfWidth(_ values: [Double], stderr: Double? = nil, weight: Double = 1) throws -> Double? {
      let source = ClaimEvidence(try spec(difference), records: records(["a": values], stderr: stderr))
      return try source.halfWidth(of: [WeightedCell(["a"], weights: ["score.avg": weight], from: source)])
    }
    XCTAssertNil(try halfWidth([51, 52, 53], weight: .infinity))
    XCTAssertNil(try halfWidth([0, 0, 0], stderr: 0), "none right of twenty, three times")
    XCTAssertNotNil(try halfWidth([5, 5, 5], stderr: 5))
  }

  func testMissingRunsAreNamedWithTheSeedsThatPowerAsksFor() throws {
    let spec = try spec("{ let: { a: \"a\", b: \"b\" }, quantity: \"a - b\", above: 0, published: 1.6 }")
    let found = try verdict(spec, records(["a": [52], "b": [50, 51]]))
    XCTAssertEqual(found.answer, .undecided)
    let seeds = try XCTUnwrap(Power(perSeed: 1, items: 0, cells: 2, freedom: 1).seeds(for: (1.6, .infinity)))
    XCTAssertEqual(
      found.tests[0].seedsForPublished,
      .number(Power(perSeed: 1, items: 0, cells: 2, freedom: 1).seeds(for: (1.6, .infinity))!))
    XCTAssertEqual(found.needs, ["a: 1 of \(seeds) seeds", "b: 2 of \(seeds) seeds"])
  }

  func testSmallPublishedEffectsAndMissingStandInsAreOutOfReach() throws {
    let tiny = try spec("{ let: { a: \"a\", b: \"b\" }, quantity: \"a - b\", above: 0, published: 0.1 }")
    let found = try verdict(tiny, records(["a": [50.05], "b": [50]]))
    XCTAssertEqual(found.answer, .outOfReach)
    let large = try verdict(tiny, records(["a": [50], "b": [53]]))
    XCTAssertEqual(large.answer, .undecided, "what is measured so far may be told with the seeds that it names")
    XCTAssertEqual(large.needs, ["a: 1 of 3 seeds", "b: 1 of 3 seeds"])
    XCTAssertTrue(found.tests[0].text.contains("would need"), found.tests[0].text)
    XCTAssertEqual(
      try verdict(tiny, records(["a": [52, 52.2, 52.1], "b": [50, 50.1, 50.2]])).answer, .holds, "data decide")
    let absent = try spec("{ let: { a: \"a\", b: \"absent\" }, quantity: \"a - b\", above: 0 }")
    XCTAssertEqual(try verdict(absent, records(["a": [52]])).answer, .outOfReach)
    XCTAssertTrue(try verdict(absent, []).tests[0].text.contains("a thing we lack"))
    let pending = try spec("", extra: "pending: \"a stand-in\",")
    XCTAssertEqual(try verdict(pending, []).lines, ["needs a stand-in"])
  }

  func testAnUndecidedTestSaysWhereItLeavesThePublishedEffectOut() throws {
    let close = records(["a": [51.2, 52.4, 51.7], "b": [51.6, 50.4, 50.7]])
    func test(published: Double) throws -> TestResult {
      let spec = try spec("{ let: { a: \"a\", b: \"b\" }, quantity: \"a - b\", above: 0, published: \(published) }")
      return try verdict(spec, close).tests[0]
    }
    // 0.867 with an error of sqrt(2 * 0.376 / 3) of four degrees of freedom: up to 2.26.
    let within = try test(published: 2.1)
    XCTAssertEqual(within.answer, .undecided)
    XCTAssertFalse(within.excludesPublished)
    let beyond = try test(published: 2.5)
    XCTAssertEqual(beyond.answer, .undecided, "an effect may be there, of another size")
    XCTAssertTrue(beyond.excludesPublished)
    XCTAssertTrue(beyond.text.contains("the published 2.5 lies outside"), beyond.text)
    XCTAssertFalse(try test(published: -2.5).excludesPublished, "the published effect contradicts the claim")
  }

  func testAModelTrainedOnceAndASingleTimingDecideNothing() throws {
    let base = try spec("{ let: { a: \"a\", b: \"base\" }, quantity: \"a - b\", above: 0 }")
    let found = try verdict(
      base, records(["a": [60, 60.1, 60.2]]) + [record("base", nil, ["score.avg": Metric(50, stderr: 0.1)])])
    XCTAssertEqual(found.answer, .undecided)
    XCTAssertEqual(found.needs, ["base: 1 of 2 pretrainings"])
    let twice = try spec("{ let: { a: \"a\", b: { cells: [\"base\", \"small\"] } }, quantity: \"a - b\", above: 0 }")
    let two = ["base", "small"].enumerated().map { record($1, nil, ["score.avg": Metric(50 + 0.1 * Double($0))]) }
    XCTAssertEqual(try verdict(twice, records(["a": [60, 60.1, 60.2]]) + two).answer, .holds)

    let timing = try spec(
      "{ let: { a: \"base\", b: \"small\" }, quantity: \"a / b\", above: 1, measured: \"repeats\" }")
    let once = ["base": 2.0, "small": 1].map { record($0, nil, ["score.avg": Metric($1)]) }
    XCTAssertEqual(try verdict(timing, once).needs, ["base: 1 of 5 timings", "small: 1 of 5 timings"])
    let repeated = ["base": 2.0, "small": 1].map { record($0, nil, ["score.avg": Metric($1, stderr: 0.02)]) }
    XCTAssertEqual(try verdict(timing, repeated).answer, .holds)
    let exact = try spec("{ let: { a: \"base\", b: \"small\" }, quantity: \"a / b\", above: 1, measured: \"exact\" }")
    XCTAssertEqual(try verdict(exact, once).answer, .holds)
    // A number on its bound is not above it, which no correction excuses.
    let equal = ["base": 1.0, "small": 1].map { record($0, nil, ["score.avg": Metric($1)]) }
    XCTAssertEqual(try verdict(exact, equal).answer, .fails)
  }

  /// Models that cannot show an effect say nothing of the method: their numbers stand, the claim is out of reach.
  func testBehindAMissedGateNothingIsDecided() throws {
    let spec = try spec(
      difference, extra: "gate: \"retrieval\",", chance: "gates: { retrieval: \"the base finds nothing\" },")
    let found = try verdict(spec, records(["a": [50, 51, 50.4], "b": [52, 53, 52.5]]))
    XCTAssertEqual(found.answer, .outOfReach)
    XCTAssertEqual(found.lines[0], "gate missed: the base finds nothing")
    XCTAssertEqual(found.tests[0].answer, .fails)
    XCTAssertThrowsError(try self.spec(difference, extra: "gate: \"other\",")) {
      XCTAssertTrue("\($0)".contains("unknown gate"), "\($0)")
    }
  }

  /// Slopes that differ by rounding alone share a pool, whose degrees of freedom count once.
  func testASumOfMetricsHasOnePool() throws {
    let metrics = ["score.x", "score.y", "score.z"]
    let both = "abcd".flatMap { cell in
      (1...3).map { seed in
        record(
          String(cell), seed,
          Dictionary(uniqueKeysWithValues: metrics.map { ($0, Metric(50 + Double((seed * 7 + $0.count) % 3))) }))
      }
    }
    func sum(_ cell: String) -> String {
      metrics.enumerated().map { "\(cell)\($0.offset): { cell: \"\(cell)\", metric: \"\($0.element)\" }" }
        .joined(separator: ", ")
    }
    let spec = try spec(
      "{ let: { \(sum("a")), \(sum("b")) }, quantity: \"mean(a0, a1, a2) - mean(b0, b1, b2)\", above: 0 }")
    let estimate = try XCTUnwrap(spec.claims[0].tests[0].estimate(from: ClaimEvidence(spec, records: both)))
    XCTAssertEqual(estimate.uncertainty.seeds.map(\.freedom), [8], "four cells of three seeds")
  }

  /// None of the items right in any repeat: how far the truth is from that nothing tells.
  func testScoresWithoutAnyErrorDecideNothing() throws {
    let cells: [String: [Double]] = ["a": [0, 0, 0]]
    let test = "{ let: { a: \"a\" }, quantity: \"a\", below: 1 }"
    let scores = try verdict(spec(test, chance: "chance: { avg: 0 },"), records(cells, stderr: 0))
    XCTAssertEqual(scores.answer, .undecided)
    XCTAssertTrue(scores.lines[0].contains("tells no error"), scores.lines[0])
    XCTAssertEqual(try verdict(spec(test), records(cells)).answer, .holds, "no score of items")
  }

  // MARK: Kinds of tests

  func testEquivalenceAndNonInferiorityHaveMargins() throws {
    let equal = try spec(
      "{ let: { a: \"a\", b: \"b\" }, quantity: \"a - b\", equivalent: { margin: 1, reason: \"a reason\" } }")
    XCTAssertEqual(try verdict(equal, records(["a": [50, 50.2, 50.1], "b": [50, 50.3, 50.2]])).answer, .holds)
    XCTAssertEqual(try verdict(equal, records(["a": [50, 53, 51], "b": [50, 50.3, 50.2]])).answer, .undecided)
    XCTAssertEqual(try verdict(equal, records(["a": [53, 53.2, 53.1], "b": [50, 50.3, 50.2]])).answer, .fails)
    let worse = try spec(
      "{ let: { a: \"a\", b: \"b\" }, quantity: \"a - b\", not_worse: { than: -0.5, margin: 0.5, reason: \"r\" } }")
    XCTAssertEqual(try verdict(worse, records(["a": [49.5, 49.6, 49.7], "b": [50, 50.1, 50.2]])).answer, .holds)
    XCTAssertEqual(try verdict(worse, records(["a": [48, 48.1, 48.2], "b": [50, 50.1, 50.2]])).answer, .fails)
    XCTAssertTrue(try verdict(worse, []).tests[0].text.contains("not below -0.5 by more than 0.5"))
  }

  func testMonotoneClaimsAreOneSlope() throws {
    let spec = try spec(
      "{ slope: [{ cells: [\"a\", \"b\", \"c\"], x: [3, 2, 1] }, { cells: [\"d\", \"e\"], x: [2, 1] }], above: 0 }")
    // Neighbours cross, the slope stands.
    let rising = [
      "a": [53, 53.2, 52.8], "b": [51, 51.2, 50.8], "c": [51.2, 51, 51.1], "d": [61, 61.2, 61.3],
      "e": [60, 60.2, 60.1],
    ]
    let found = try verdict(spec, records(rising))
    XCTAssertEqual(found.answer, .holds)
    XCTAssertTrue(found.tests[0].text.hasPrefix("slope through [a], [b], [c] and [d], [e] = 0.9"), found.tests[0].text)
  }

  func testSpecsRefuseTestsThatDecideNothingOrTooEasily() throws {
    for (test, words) in [
      ("{ let: { a: \"a\" }, quantity: \"a\" }", "bounds nothing"),
      ("{ let: { a: \"a\" }, quantity: \"a\", above: 1, equivalent: { margin: 1, reason: \"r\" } }", "in two ways"),
      ("{ let: { a: \"a\" }, quantity: \"a\", equivalent: { margin: 1 } }", "equivalent.reason\" is missing"),
      ("{ let: { a: \"a\" }, quantity: \"a\", not_worse: { margin: 0, reason: \"r\" } }", "margin is not above 0"),
      ("{ let: { a: \"a\" }, quantity: \"a\", above: 1, seeds: 2 }", "at least 3 seeds"),
      ("{ let: { a: \"a\" }, quantity: \"a\", above: 1, measured: \"once\" }", "seeds, exact, repeats"),
      ("{ slope: [{ cells: [\"a\", \"b\"], x: [1, 1] }], above: 0 }", "is no ladder"),
      ("{ let: { a: \"a\", b: \"b\" }, quantity: \"abs(a - b)\", below: 1 }", "calls abs, of which no error"),
      ("{ let: { a: \"a\" }, quantity: \"2 * round(a)\", below: 1 }", "calls round, of which no error"),
    ] { assertError(words) { _ = try spec(test) } }
    assertError("is a headline without \"scale\"") { _ = try spec(difference, extra: "headline: true,") }
  }

  // MARK: Floor and ceiling

  func testCellsAtTheFloorAreNotPooledAndCannotBeTold() throws {
    let spec = try spec(difference, chance: "chance: { avg: 25 },")
    let values = ["a": [25.0, 25.1, 24.9], "b": [26.0, 26.1, 25.9], "c": [50, 52, 54.0]]
    let pool = try XCTUnwrap(ClaimEvidence(spec, records: records(values)).pooled(["score.avg": 1]))
    XCTAssertEqual(pool.freedom, 2, "the cell between floor and ceiling")
    let found = try verdict(spec, records(values))
    XCTAssertEqual(found.answer, .undecided)
    XCTAssertTrue(found.tests[0].text.contains("stands at the floor"))
  }

  // MARK: Several tests

  func testFailuresByChanceAreHolms() throws {
    // A true claim of eight tests, each on its bound: how often does it fail?
    let tests = zip("abcdefgh", "bcdefgha").map {
      "{ let: { x: \"\($0)\", y: \"\($1)\" }, quantity: \"x - y\", above: 0 }"
    }
    let spec = try spec(tests.joined(separator: ", "))
    var random = RandomStream(seed: 5, "holm")
    func normal() -> Double {
      defer { random.counter += 2 }
      return random.normal(at: random.counter / 2)
    }
    let failures = try (0..<400).count { _ in
      let cells = Dictionary(uniqueKeysWithValues: "abcdefgh".map { (String($0), (0..<3).map { _ in 50 + normal() }) })
      return try verdict(spec, records(cells)).answer == .fails
    }
    XCTAssertLessThan(failures, 20, "of 400: below 5 %")
  }

  /// Where a seed's batches move all cells alike, cells of one seed are no independent repeats: a difference knows more than each
  /// cell's variance says, a mean over cells less. Both intervals cover as often as they say.
  func testSeedsThatMoveAllCellsCountOnceForThem() throws {
    let apart = try spec(difference)
    let names = "abcdefgh".map(String.init)
    let together = try spec(
      "{ let: { \(names.map { "\($0): \"\($0)\"" }.joined(separator: ", ")) }, quantity: "
        + "\"mean(\(names.joined(separator: ", ")))\", above: 0 }")
    var random = RandomStream(seed: 5, "seeds that move all cells")
    func normal() -> Double {
      defer { random.counter += 2 }
      return random.normal(at: random.counter / 2)
    }
    var (apartCovered, togetherCovered, width, independent) = (0, 0, 0.0, 0.0)
    let runs = 400
    for _ in 0..<runs {
      let seeds = (0..<4).map { _ in 4 * normal() }
      let values = names.enumerated().reduce(into: [:]) { cells, cell in
        cells[cell.element] = seeds.map { 50 + Double(cell.offset) + $0 + 0.5 * normal() }
      }
      let found = ClaimEvidence(apart, records: records(values))
      let gap = try XCTUnwrap(apart.claims[0].tests[0].estimate(from: found)).uncertainty
      if gap.interval().contains(-1) { apartCovered += 1 }
      width += gap.halfWidth() / Double(runs)
      independent += found.pooled(["score.avg": 1])!.deviation * (2.0 / 4).squareRoot() * 2 / Double(runs)
      let all = ClaimEvidence(together, records: records(values))
      let mean = try XCTUnwrap(together.claims[0].tests[0].estimate(from: all)).uncertainty
      if mean.interval().contains(53.5) { togetherCovered += 1 }
    }
    XCTAssert((368...394).contains(apartCovered), "\(apartCovered) of \(runs)")
    XCTAssert((368...394).contains(togetherCovered), "\(togetherCovered) of \(runs)")
    XCTAssertLessThan(width, independent / 2, "what all cells share is none of a difference's error")
    // A mean over cells whose seeds count half as much as the rest: no test sees that, the interval holds it all the same.
    var covered = 0
    for _ in 0..<runs {
      let seeds = (0..<4).map { _ in 0.5 * normal() }
      let values = names.reduce(into: [:]) { cells, cell in cells[cell] = seeds.map { 50 + $0 + normal() } }
      let source = ClaimEvidence(together, records: records(values))
      let mean = try XCTUnwrap(together.claims[0].tests[0].estimate(from: source)).uncertainty
      if mean.interval().contains(50) { covered += 1 }
    }
    XCTAssert((368...394).contains(covered), "\(covered) of \(runs)")
    // Without such an effect nothing changes.
    let calm = try XCTUnwrap(
      SeedEffect((0..<8).map { _ in [1: normal(), 2: normal(), 3: normal(), 5: normal()] }))
    XCTAssertFalse(calm.isPresent)
    // Cells that lack seeds; two groups that share none.
    let holes = try XCTUnwrap(SeedEffect([[1: 0, 2: 3, 3: 6], [1: 10, 3: 16], [2: 23, 3: 26.1]]))
    XCTAssertEqual(holes.freedom.seeds, 2)
    XCTAssertEqual(holes.freedom.residual, 2)
    XCTAssertTrue(holes.isPresent)
    XCTAssertEqual(
      try XCTUnwrap(SeedEffect([[1: 0, 2: 1], [1: 5, 2: 6.5], [3: 0, 4: 1], [3: 1, 4: 2.5]])).freedom.seeds, 2)
    XCTAssertNil(SeedEffect([[1: 0, 2: 1], [3: 0, 4: 1]]))
  }

  /// A sentence asked of other models stands beside the first answer; one that nobody asked first says so.
  func testClaimsPageSetsAnswersSideBySide() throws {
    let records = records(["a": [3, 3.1, 3.2], "b": [1, 1.1, 1.2]])
    func entry(_ extra: String, id: String) throws -> ClaimsPage.Entry {
      let spec = try spec(difference, extra: extra, id: id)
      return ClaimsPage.Entry(spec: spec, verdict: try verdict(spec, records), records: records)
    }
    let page = ClaimsPage([
      try entry("", id: "D-C2"), try entry("asks_again: \"D-C2\",", id: "D-W2"),
      try entry("asks_again: \"D-C9\",", id: "D-W9"),
    ]).markdown
    XCTAssert(page.contains("| A claim. | D-C2 holds "), page)
    XCTAssert(page.contains(" | D-W2 holds "), page)
    XCTAssert(page.contains("D-C9: there is no such claim"), page)
  }
}
