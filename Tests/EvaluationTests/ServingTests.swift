import Evaluation
import Foundation
import Groundwork
import ModelCore
import TestKit
import XCTest

/// Requests served together get the texts that they would get alone, in bounded memory.
final class ServingTests: XCTestCase {
  private func requests(_ count: Int) -> [ServingRequest] {
    (0..<count).map {
      ServingRequest(
        name: "r\($0)", prompt: TinyModels.ids(1 + $0 * 17 % 41, seed: UInt64($0)), maximum: 1 + $0 * 5 % 13)
    }
  }

  private func alone(_ model: LanguageModel, _ request: ServingRequest, ends: Set<Int32> = []) throws -> [Int32] {
    var ids: [Int32] = []
    _ = try generate(model, prompt: request.prompt, maximum: request.maximum, ends: ends) {
      ids.append($0)
      return true
    }
    return ids
  }

  func testEachRequestGetsTheTextItGetsAlone() throws {
    for (name, config) in try TinyModels.all() {
      let model = try TinyModels.model(config)
      let requests = requests(9)
      let needs = requests.map { ContinuousBatch.tokens(of: $0) }
      // Room for about two of the longest: the others wait for pages that were used before.
      let pool = try CachePool(model, pageTokens: 8, pages: 2 * ((needs.max()! + 7) / 8), slots: 4)
      for promptTokens in [5, 64] {
        let batch = try ContinuousBatch(model, pool, promptTokens: promptTokens)
        let report = try serve(requests, on: batch)
        for (request, outcome) in zip(requests, report.requests) {
          XCTAssertEqual(outcome.tokens, try alone(model, request), "\(name), \(request.name)")
          XCTAssertEqual(outcome.finish, "length")
          XCTAssertNotNil(outcome.timeToFirstToken)
          XCTAssertEqual(outcome.timePerOutputToken == nil, request.maximum == 1)
        }
        XCTAssertEqual(report.newTokens, requests.reduce(0) { $0 + $1.maximum })
        XCTAssertEqual(pool.pagesInUse, 0, name)
        XCTAssertEqual(pool.slotsInUse, 0, name)
        XCTAssertGreaterThan(report.mostRunning, 1)
        XCTAssertLessThanOrEqual(report.mostRunning, 4)
        XCTAssertLessThanOrEqual(report.mostPages, pool.pageCount)
        if config.kvNumbersPerToken > 0 {
          XCTAssertGreaterThan(needs.reduce(0) { $0 + pool.pagesNeeded($1) }, pool.pageCount, "pages are used again")
        }
      }
    }
  }

  /// What prompts share at their beginning is read once, and changes no text: in pages of attention, and by copies of states.
  func testABeginningThatOthersHadIsNotReadAgain() throws {
    for (name, config) in try TinyModels.all() {
      let model = try TinyModels.model(config)
      let system = TinyModels.ids(21, seed: 3)
      // One after the other; the last asks for the beginning itself.
      let requests = (0..<5).map { number in
        ServingRequest(
          name: "r\(number)",
          prompt: system + (number == 4 ? [] : TinyModels.ids(1 + 7 * number, seed: UInt64(90 + number))),
          maximum: 4)
      }
      for (pages, prefixes) in [(64, 8), (7, 8), (64, 1)] {
        let pool = try CachePool(model, pageTokens: 8, pages: pages, slots: 2, prefixes: prefixes)
        let batch = try ContinuousBatch(model, pool, promptTokens: 8)
        for request in requests {
          let tokens = try serve([request], on: batch).requests[0].tokens
          XCTAssertEqual(
            tokens, try alone(model, request), "\(name), \(request.name), \(pages) pages, \(prefixes) kept")
        }
        // 16 of 21 tokens fill two pages. With one place, the rest of a prompt takes it from the beginning that all share.
        if prefixes == 8 && pages == 64 { XCTAssertEqual(batch.reusedTokens, 4 * 16, name) }
        XCTAssertLessThanOrEqual(batch.reusedTokens, 4 * 16, name)
        XCTAssertEqual(pool.pagesInUse, 0, name)
        // All that was kept gives way to one that needs every page.
        let whole = try XCTUnwrap(pool.makeCache(tokens: 8 * pages), name)
        pool.release(whole)
        XCTAssertNotNil(pool.makeCache(tokens: 8 * pages), name)
      }
    }
    let model = try TinyModels.model(TinyModels.latent())
    XCTAssertThrowsError(try CachePool(model, pageTokens: 8, pages: 4, slots: 1, prefixes: -1))
  }

  /// A beginning shorter than a chunk is found where prompts part, from the third of them on.
  func testWhatPromptsShareIsKeptWhereTheyPart() throws {
    let model = try TinyModels.model(TinyModels.latent())
    let system = TinyModels.ids(20, seed: 5)
    let requests = (0..<6).map {
      ServingRequest(name: "r\($0)", prompt: system + TinyModels.ids(19, seed: UInt64(40 + $0)), maximum: 3)
    }
    let pool = try CachePool(model, pageTokens: 4, pages: 60, slots: 2, prefixes: 8)
    let batch = try ContinuousBatch(model, pool, promptTokens: 256)
    let report = try serve(requests, on: batch)
    for (request, outcome) in zip(requests, report.requests) {
      XCTAssertEqual(outcome.tokens, try alone(model, request), request.name)
    }
    XCTAssertGreaterThanOrEqual(report.reusedTokens, 4 * 20)
  }

  /// A page that two sequences and a kept beginning have is free when all have let go of it, and not before.
  func testSharedPagesComeBackOnce() throws {
    let model = try TinyModels.model(TinyModels.latent())
    let pool = try CachePool(model, pageTokens: 4, pages: 6, slots: 3, prefixes: 2)
    let prompt = TinyModels.ids(9, seed: 1)
    let first = try XCTUnwrap(pool.makeCache(tokens: 9, prompt: prompt))
    XCTAssertEqual(first.length, 0)
    _ = try model.extend([(first, Array(prompt[..<8]))])
    pool.keep(prompt[..<8], of: first)
    pool.keep(prompt[..<8], of: first)
    let second = try XCTUnwrap(pool.makeCache(tokens: 9, prompt: prompt))
    XCTAssertEqual(second.length, 8)
    XCTAssertEqual(pool.pagesInUse, 4, "two of three are shared")
    XCTAssertNil(pool.makeCache(tokens: 12), "three more are not free")
    pool.release(first)
    XCTAssertEqual(pool.pagesInUse, 3)
    pool.release(second)
    XCTAssertEqual(pool.pagesInUse, 0)
    let third = try XCTUnwrap(pool.makeCache(tokens: 20, prompt: TinyModels.ids(9, seed: 2)), "five, one of them kept")
    XCTAssertEqual(third.length, 0)
    pool.release(third)
    XCTAssertEqual(try XCTUnwrap(pool.makeCache(tokens: 9, prompt: prompt)).length, 0, "which is forgotten")
    XCTAssertEqual(pool.mostPages, 5)
  }

  func testARequestJoinsAndLeavesBetweenSteps() throws {
    let model = try TinyModels.model(
      TinyModels.latent(layers: [0, 2]).withGatedDeltaNet(DeltaConfig(heads: 3, keyDim: 7, valueDim: 9), layers: [1]))
    let pool = try CachePool(model, pageTokens: 4, pages: 8, slots: 8)
    let batch = try ContinuousBatch(model, pool, promptTokens: 100)
    let (long, short, late) = (
      ServingRequest(name: "long", prompt: [3, 4, 5], maximum: 14),
      ServingRequest(name: "short", prompt: [7], maximum: 2),
      ServingRequest(name: "late", prompt: [9, 1], maximum: 11)
    )
    XCTAssertTrue(batch.isIdle)
    XCTAssertEqual(try batch.step(), [])
    XCTAssertEqual([try batch.submit(long), try batch.submit(short), try batch.submit(late)], [0, 1, 2])
    var texts: [[Int32]] = [[], [], []]
    var joined: [[Int]] = []
    while !batch.isIdle {
      for token in try batch.step() { texts[token.request].append(token.id) }
      joined.append(batch.active)
    }
    // 16 and 2 tokens take 4 and 1 of 8 pages; 12 take 3, so all three run at once; the short one leaves first.
    XCTAssertEqual(joined[0], [0, 1, 2])
    XCTAssertEqual(joined[1], [0, 2])
    XCTAssertEqual(batch.steps, 14)
    for (text, request) in zip(texts, [long, short, late]) {
      XCTAssertEqual(text, try alone(model, request), request.name)
    }

    // With one page less the last one waits until a page comes back.
    let small = try CachePool(model, pageTokens: 4, pages: 7, slots: 8)
    let crowded = try ContinuousBatch(model, small, promptTokens: 100)
    for request in [long, short, late] { try crowded.submit(request) }
    _ = try crowded.step()
    XCTAssertEqual(crowded.active, [0, 1])
    _ = try crowded.step()
    XCTAssertEqual(crowded.active, [0])
    _ = try crowded.step()
    XCTAssertEqual(crowded.active, [0, 2])
  }

  func testEndTokensEndATextAndFreeItsPages() throws {
    let model = try TinyModels.model(TinyModels.latent())
    let request = ServingRequest(name: "x", prompt: [1, 5], maximum: 30)
    let end = try alone(model, request)[4]
    let pool = try CachePool(model, pageTokens: 16, pages: 2, slots: 1)
    let report = try serve([request, request], on: ContinuousBatch(model, pool, ends: [end]))
    for outcome in report.requests {
      XCTAssertEqual(outcome.tokens, try alone(model, request, ends: [end]))
      XCTAssertEqual(outcome.finish, "end")
    }
    XCTAssertEqual(report.mostRunning, 1)
  }

  func testATextOfNumbersThatOverflowIsNoAnswer() throws {
    let model = try TinyModels.model(TinyModels.config())
    model.head.value.fill(.nan)
    let pool = try CachePool(model, pageTokens: 16, pages: 2, slots: 1)
    let request = ServingRequest(name: "x", prompt: [1, 5], maximum: 3)
    XCTAssertThrowsError(try serve([request], on: ContinuousBatch(model, pool))) {
      XCTAssertTrue("\($0)".contains("not finite"), "\($0)")
    }
  }

  func testArrivalsAreWaitedFor() throws {
    let model = try TinyModels.model(TinyModels.delta())
    let pool = try CachePool(model, pageTokens: 16, pages: 1, slots: 2)
    var late = ServingRequest(name: "late", prompt: [4, 4], maximum: 3)
    late.arrival = 0.15
    let report = try serve(
      [late, ServingRequest(name: "now", prompt: [5], maximum: 2)], on: ContinuousBatch(model, pool))
    XCTAssertGreaterThan(report.seconds, 0.15)
    XCTAssertEqual(report.requests.map(\.tokens.count), [3, 2])
    XCTAssertEqual(report.mostRunning, 1)
    XCTAssertEqual(report.csv.text.split(separator: "\n").count, 3)
  }

  func testWhatCanNeverFitIsRefusedAndHoldsNobodyUp() throws {
    let model = try TinyModels.model(TinyModels.latent())
    let pool = try CachePool(model, pageTokens: 8, pages: 3, slots: 2)
    let fits = ServingRequest(name: "fits", prompt: TinyModels.ids(20), maximum: 5)
    let bad: [(ServingRequest, [String])] = [
      (
        ServingRequest(name: "long", prompt: TinyModels.ids(20), maximum: 6),
        ["request long", "3 pages of 8", "4 pages for 25"]
      ),
      (ServingRequest(name: "far", prompt: TinyModels.ids(200), maximum: 60), ["positions", "256", "259"]),
      (ServingRequest(name: "none", prompt: [], maximum: 6), ["empty prompt"]),
      (ServingRequest(name: "zero", prompt: [1], maximum: 0), ["max_tokens"]),
      (ServingRequest(name: "odd", prompt: [1, 41], maximum: 2), ["vocabulary", "41"]),
    ]
    let batch = try ContinuousBatch(model, pool)
    for (request, words) in bad {
      XCTAssertThrowsError(try batch.submit(request)) { error in
        XCTAssertEqual((error as? UpcycleError)?.kind, .usage)
        for word in words { XCTAssertTrue("\(error)".contains(word), "\(error) should say \(word)") }
      }
    }
    let report = try serve(bad.map(\.0) + [fits], on: batch)
    XCTAssertEqual(report.requests.map(\.finish), [String](repeating: "refused", count: 5) + ["length"])
    XCTAssertTrue(report.requests[0].refusal?.contains("can never fit") == true)
    XCTAssertEqual(report.requests[5].tokens, try alone(model, fits))
    XCTAssertThrowsError(try CachePool(model, pageTokens: 0, pages: 1, slots: 1)) {
      XCTAssertTrue("\($0)".contains("must be positive"), "\($0)")
    }
    XCTAssertThrowsError(try CachePool(model, pageTokens: 1, pages: 1, slots: 0)) {
      XCTAssertTrue("\($0)".contains("must be positive"), "\($0)")
    }
    XCTAssertThrowsError(try ContinuousBatch(model, pool, promptTokens: 0)) {
      XCTAssertTrue("\($0)".contains("must be positive"), "\($0)")
    }
  }

  func testPercentilesAreNearestRanks() throws {
    for (count, ranks) in [(100, [50, 90, 99]), (10, [5, 9, 10]), (3, [2, 3, 3]), (1, [1, 1, 1])] {
      let found = try XCTUnwrap(ServingReport.Percentiles((1...count).reversed().map { Double($0) }))
      XCTAssertEqual([found.p50, found.p90, found.p99], ranks.map { Double($0) }, "of \(count)")
    }
    XCTAssertNil(ServingReport.Percentiles([]))
  }

  func testAPoolGivesEmptyStatesAndTakesNothingBackTwice() throws {
    let model = try TinyModels.model(TinyModels.latent().withMamba2(layers: [0, 2]))
    let pool = try CachePool(model, pageTokens: 4, pages: 3, slots: 1)
    XCTAssertEqual(pool.bytes, 4 * (3 * 4 * model.config.kvNumbersPerToken + model.config.stateNumbers))
    let first = try XCTUnwrap(pool.makeCache(tokens: 9))
    XCTAssertNil(pool.makeCache(tokens: 1))
    let hidden = try model.extend(first, TinyModels.ids(9))
    XCTAssertThrowsError(try model.extend(first, TinyModels.ids(4))) {
      XCTAssertTrue("\($0)".contains("pages are full"), "\($0)")
    }
    pool.release(first)
    XCTAssertThrowsError(try model.extend(first, [1]))
    let second = try XCTUnwrap(pool.makeCache(tokens: 9))
    XCTAssertEqual(try model.extend(second, TinyModels.ids(9)).toArray(), hidden.toArray())
  }

  /// The longest context that fits is found by accounting, and what is then held stays below the budget.
  func testTheLongestContextOfABudget() throws {
    for (name, config) in [
      ("attention", try TinyModels.config()), ("latent", try TinyModels.latent()),
      ("hybrid", try TinyModels.latent().withMamba2(layers: [0, 2])), ("gated deltanet", try TinyModels.delta()),
    ] {
      var plan = ServeLengthPlan(budget: 8 << 20)
      (plan.chunk, plan.newTokens, plan.longestPrefill) = (64, 2, 1024)
      let report = try measureServeLength(named: name, plan) { try TinyModels.model(config) }
      XCTAssertTrue(report.isVerified, "\(name): \(report)")
      XCTAssertNotNil(report.points[0].prefillSeconds)
      guard let longest = report.budget.longest else {
        XCTAssertEqual(config.kvNumbersPerToken, 0)
        continue
      }
      XCTAssertLessThanOrEqual(report.budget.bytes(config, tokens: longest), plan.budget)
      XCTAssertGreaterThan(report.budget.bytes(config, tokens: longest + 1), plan.budget)
      XCTAssertEqual(report.points.last?.context, longest - 3)
      // The cache is what fills the memory.
      XCTAssertGreaterThan(4 * config.kvNumbersPerToken * longest, plan.budget / 2, name)
      plan.withinPositions = true
      let within = try measureServeLength(named: name, plan) { try TinyModels.model(config) }
      XCTAssertEqual(within.points.map(\.context), [config.maxPosition - 3])
      plan.budget = 10_000
      XCTAssertThrowsError(try measureServeLength(named: name, plan) { try TinyModels.model(config) }) { error in
        XCTAssertEqual((error as? UpcycleError)?.kind, .usage)
        XCTAssertTrue("\(error)".contains("budget is too small"), "\(error)")
      }
    }
  }

  /// Models that read no further than their positions are measured up to there.
  func testTheLongestContextOfLearnedPositions() throws {
    let config = try TinyModels.config { $0.block.learnsPositions = true }
    var plan = ServeLengthPlan(budget: 64 << 20)
    (plan.chunk, plan.newTokens, plan.longestPrefill) = (8, 2, 0)
    let report = try measureServeLength(named: "learned", plan) { try TinyModels.model(config) }
    XCTAssertEqual(report.budget.longest, config.maxPosition)
    XCTAssertEqual(report.points.last?.context, config.maxPosition - 3)
    plan.chunk = config.maxPosition
    XCTAssertThrowsError(try measureServeLength(named: "learned", plan) { try TinyModels.model(config) }) {
      XCTAssertTrue("\($0)".contains("more than the model's positions"), "\($0)")
    }
  }

  /// A budget beyond the memory that is free costs no length that fits into it.
  func testLengthsBeyondFreeMemoryAreNotMeasured() throws {
    var plan = ServeLengthPlan(budget: 64 << 20)
    (plan.chunk, plan.newTokens, plan.longestPrefill) = (64, 2, 0)
    plan.freeBytes = { 4 << 20 }
    let config = try TinyModels.config()
    let report = try measureServeLength(named: "attention", plan) { try TinyModels.model(config) }
    let unmeasured = try XCTUnwrap(report.unmeasured)
    XCTAssertGreaterThan(unmeasured.neededBytes, 4 << 20)
    XCTAssertEqual(report.points.map(\.context), [1000, 4000])
    XCTAssertEqual(unmeasured.context, 16_000)
    XCTAssertFalse(report.isVerified)
    XCTAssertTrue(report.text(plan).contains("not verified, 16,000 tokens need"), report.text(plan))
  }

  /// Caches of layers with a window stop growing: with one such layer of two twice as much fits, with all of them anything.
  func testTheLongestContextOfLayersWithAWindow() throws {
    func longest(_ windowed: Range<Int>?) throws -> Int? {
      let config = try TinyModels.config {
        $0.attention.windows = windowed.map { .init(layers: Array($0), size: 16) }
      }
      return try ContextBudget(of: TinyModels.model(config), budget: 8 << 20, chunk: 64).longest
    }
    let config = try TinyModels.config()
    let plain = try XCTUnwrap(longest(nil))
    let last = try XCTUnwrap(longest(0..<config.layerCount - 1))
    XCTAssertGreaterThan(Double(last), 0.8 * Double(config.layerCount * plain))
    XCTAssertNil(try longest(0..<config.layerCount))
  }

  func testRequestFilesAreReadAndBadLinesNamed() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    func read(_ text: String, encode: ((String) -> [Int32])? = { $0.utf8.map { Int32($0) } }) throws -> [ServingRequest]
    {
      let file = folder.appendingPathComponent("requests.jsonl")
      try writeFile(text, to: file)
      return try ServingRequest.read(file, vocabulary: 41, encode: encode)
    }
    let good = try read(
      """
      {"prompt": "ab", "max_tokens": 3}

      {"prompt_tokens": [5, 6], "max_tokens": 1, "arrival": 0.5, "id": "second"}
      {"prompt_tokens": 100, "max_tokens": 2}
      """)
    XCTAssertEqual(good[0], ServingRequest(name: "1", prompt: [97, 98], maximum: 3))
    XCTAssertEqual(good[1], ServingRequest(name: "second", prompt: [5, 6], maximum: 1, arrival: 0.5))
    XCTAssertEqual(good[2].prompt.count, 100)
    XCTAssertTrue(good[2].prompt.allSatisfy { (0..<41).contains($0) })
    for (text, word) in [
      ("{\"prompt\": \"a\"}", "max_tokens"), ("{\"max_tokens\": 3}", "no prompt"), ("nonsense", "not valid JSON"),
      ("[1]", "no object"),
      ("{\"prompt\": \"a\", \"prompt_tokens\": 3, \"max_tokens\": 3}", "both"), ("\n", "no requests"),
      ("{\"prompt_tokens\": 0, \"max_tokens\": 3}", "wrong type"),
      ("{\"prompt_tokens\": [1.5], \"max_tokens\": 3}", "not ids"),
      ("{\"prompt\": \"a\", \"max_tokens\": 3, \"arrival\": -1}", "arrival"),
      ("{\"prompt\": \"a\", \"max_token\": 3}", "max_token\""),
    ] {
      XCTAssertThrowsError(try read(text), text) { error in
        XCTAssertEqual((error as? UpcycleError)?.kind, .failure)
        XCTAssertTrue("\(error)".contains(word), "\(error) should say \(word)")
      }
    }
    XCTAssertThrowsError(try read("{\"prompt\": \"a\", \"max_tokens\": 3}", encode: nil)) {
      XCTAssertTrue("\($0)".contains("tokenizer"), "\($0)")
    }
  }
}
