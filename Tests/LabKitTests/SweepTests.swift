import Foundation
import Groundwork
import TestKit
import XCTest

@testable import LabKit

final class SweepTests: XCTestCase {
  override func setUp() { Interrupt.clear() }
  override func tearDown() { Interrupt.clear() }

  func testRunsEveryStageOnceAndRecordsEveryCell() throws {
    let lab = try TestLaboratory()
    let summary = try lab.sweep(lab.plan()).run()
    XCTAssertEqual(summary.added, ["demo/t base", "demo/t small seed 1", "demo/t small seed 2"])
    XCTAssertEqual(lab.log.count("make"), 1, "both cells share the model")
    XCTAssertEqual(lab.log.count("train 1"), 1)
    XCTAssertEqual(lab.log.count("train 2"), 1)
    let records = try Publication(lab.laboratory).records(lab.laboratory.spec("demo/t"))
    XCTAssertEqual(records.map(\.cell), ["base", "small", "small"])
    XCTAssertEqual(records.map(\.seed), [nil, 1, 2])
    XCTAssertEqual(records[1].tokens, 10)
    XCTAssertEqual(records[1].metrics["score.avg"], Metric(39.25, stderr: 0.5))
    XCTAssertEqual(records[1].series?["train.loss"]?.last, [100, 2])
  }

  /// What others took of the processors is no part of a stage's time, which foretells that of the next sweep.
  func testARecordHoldsTheTimeOfWorkHoweverBusyTheMachine() throws {
    try XCTSkipUnless(
      FileManager.default.fileExists(atPath: "/proc/thread-self/schedstat"),
      "skipped: this kernel does not say who waits")
    let lab = try TestLaboratory()
    lab.effort = 0.5
    try inACrowd { _ = try lab.sweep(lab.plan(seeds: [1])).run() }
    let record = try Publication(lab.laboratory).records(lab.laboratory.spec("demo/t"))[0]
    XCTAssertEqual(try XCTUnwrap(record.stages?["make"]).seconds, 0.5, accuracy: 0.25)
  }

  /// Cells that another process works on come last.
  func testASweepGoesOnWithWhatNobodyWorksOn() throws {
    final class Other: @unchecked Sendable {
      // Written by one thread, read after it has ended.
      var lock: FileLock?
      var runsOfTheFirst: Int?
    }
    let lab = try TestLaboratory()
    let plan = try lab.plan()
    let cache = StageCache(folder: lab.laboratory.cache)
    let first = try XCTUnwrap(plan.jobs.first { $0.seed == 1 })
    let busy = try XCTUnwrap(first.steps.first { plan.nodes[$0.key]?.stage.name == "train" })
    try makeDirectory(cache.folder)
    let (other, log, done) = (Other(), lab.log, DispatchSemaphore(value: 0))
    other.lock = try FileLock(cache.lockFile(busy.key), of: cache.folder)
    DispatchQueue.global().async {
      while log.count("train 2") == 0 { usleep(20_000) }
      other.runsOfTheFirst = log.count("train 1")
      other.lock = nil
      done.signal()
    }
    let summary = try lab.sweep(plan).run()
    done.wait()
    XCTAssertEqual(other.runsOfTheFirst, 0)
    XCTAssertEqual(log.count("train 1"), 1)
    XCTAssertEqual(summary.added, ["demo/t base", "demo/t small seed 2", "demo/t small seed 1"])
  }

  /// A stage that the first process runs itself, after others have run most, is not one of the first.
  func testTheLineCountsWhatWorkersFinished() {
    let board = SweepProgress(todo: ["a": 1, "b": nil, "c": 2, "d": nil], quiet: true)
    XCTAssertTrue(board.passed("a"))
    board.finishedElsewhere(["a", "b", "c"])
    XCTAssertEqual(board.place, "stage 4/4")
    XCTAssertTrue(board.passed("b"), "seen here for the first time")
    XCTAssertEqual(board.place, "stage 4/4")
  }

  func testFinishedStagesAreNeverRedoneAndRecordsStayByteIdentical() throws {
    let lab = try TestLaboratory()
    let plan = try lab.plan()
    try lab.sweep(plan).run()
    let file = lab.laboratory.recordFile(plan.spec, plan.profile)
    let (bytes, runs) = (try readFile(file), lab.log.entries.count)
    let again = try lab.sweep(lab.plan()).run()
    XCTAssertEqual(lab.log.entries.count, runs)
    XCTAssertEqual(again.stagesRun, 0)
    XCTAssertEqual(again.unchanged.count, 3)
    XCTAssertEqual(try readFile(file), bytes)
    // Even from scratch: the measurements are the same, so the record stays what it was.
    try FileManager.default.removeItem(at: lab.laboratory.cache)
    XCTAssertEqual(try lab.sweep(lab.plan()).run().unchanged.count, 3)
    XCTAssertEqual(try readFile(file), bytes)
  }

  func testAnInterruptedStageGoesOnInItsOwnFolder() throws {
    let lab = try TestLaboratory()
    lab.log.stopsAtStep = 4
    XCTAssertThrowsError(try lab.sweep(lab.plan(seeds: [1])).run()) { XCTAssertTrue($0 is Interrupted) }
    XCTAssertEqual(lab.log.count("step"), 4)
    let records = try Publication(lab.laboratory).records(lab.laboratory.spec("demo/t"))
    XCTAssertEqual(records.map(\.cell), ["base"], "what was finished is recorded")
    Interrupt.clear()
    lab.log.stopsAtStep = nil
    try lab.sweep(lab.plan(seeds: [1])).run()
    XCTAssertEqual(lab.log.count("step"), 10, "four steps before, six after")
    XCTAssertEqual(lab.log.count("make"), 1)
  }

  func testEverythingThatDecidesAResultIsInTheKey() throws {
    let lab = try TestLaboratory()
    let plan = try lab.plan(seeds: [1])
    let keys = { (plan: Plan) in plan.jobs.map(\.key) }
    XCTAssertEqual(keys(plan), keys(try lab.plan(seeds: [1])))
    let newer = try lab.plan(seeds: [1], trainVersion: 2)
    XCTAssertEqual(keys(plan)[0], keys(newer)[0], "the base cell does not train")
    XCTAssertNotEqual(keys(plan)[1], keys(newer)[1])
    XCTAssertNotEqual(keys(plan)[1], keys(try lab.plan(seeds: [2]))[1])
    XCTAssertNotEqual(keys(plan)[0], keys(try lab.plan(seeds: [1], threads: 1))[0])
    XCTAssertEqual(
      plan.nodes.values.first { $0.stage.name == "train" }?.config,
      .object(["tokens": .int(10), "rank": .int(8)]), "the profile has the last word")
  }

  func testAChangedResultReplacesTheRecord() throws {
    let lab = try TestLaboratory()
    try lab.sweep(lab.plan(seeds: [1])).run()
    let summary = try lab.sweep(lab.plan(seeds: [1], trainVersion: 2)).run()
    XCTAssertEqual(summary.replaced, ["demo/t small seed 1"])
    XCTAssertEqual(try Publication(lab.laboratory).records(lab.laboratory.spec("demo/t")).count, 2)
  }

  /// A user's run leaves what git tracks alone, and says how it stands to the committed records.
  func testOwnResultsGoToRunsAndAreCompared() throws {
    let lab = try TestLaboratory()
    var sweep = lab.sweep(try lab.plan(seeds: [1]))
    sweep.records = .own
    let spec = try lab.laboratory.spec("demo/t")
    let first = try sweep.run()
    XCTAssertEqual(first.agreements["demo/t"]?.map(\.agreement), [.new, .new])
    XCTAssertEqual(try Publication(lab.laboratory).records(spec).count, 0, "nothing under experiments/")
    XCTAssertEqual(try Publication(lab.laboratory, records: .own).records(spec).count, 2)

    try lab.sweep(lab.plan(seeds: [1])).run()
    let file = lab.laboratory.recordFile(spec, try spec.profile("micro"))
    let committed = try readFile(file)
    XCTAssertEqual(try sweep.run().agreements["demo/t"]?.map(\.agreement), [.equal, .equal])
    XCTAssertEqual(try readFile(file), committed)

    let card = try ClosingCard(
      lab.plan(seeds: [1]), of: sweep.run(), records: .own, in: lab.laboratory, seconds: 75
    ).text(isBrief: false)
    for words in [
      "| small → rank 8 |", "D-C1 undecided", "2 of 2 cells agree to 1e-6", "runs/figures/demo/t.md", "1m15s",
      "lab run demo/t --profile micro --seeds 1,2,3",
    ] { XCTAssertTrue(card.contains(words), "\(words) in\n\(card)") }
    let written = lab.laboratory.root.appendingPathComponent("runs/figures/demo/t.md")
    XCTAssertTrue(FileManager.default.fileExists(atPath: written.path))
    XCTAssertFalse(
      FileManager.default.fileExists(atPath: lab.laboratory.figures.appendingPathComponent("demo/t.md").path))
  }

  /// Added metrics and the last bits of another machine are no difference; what is one is named.
  func testAgreementTellsDifferencesFromNoise() throws {
    let lab = try TestLaboratory()
    try lab.sweep(lab.plan(seeds: [1])).run()
    let old = try Publication(lab.laboratory).records(lab.laboratory.spec("demo/t"))[1]
    func agreement(_ change: (inout Record) -> Void) -> Agreement {
      var new = old
      change(&new)
      return Agreement(new, with: old)
    }
    XCTAssertEqual(agreement { $0.metrics["score.added"] = Metric(1) }, .equal)
    XCTAssertEqual(agreement { $0.metrics["score.avg"]!.value += 1e-8 }, .equal)
    XCTAssertEqual(agreement { $0.metrics["score.avg"]!.value += 0.9 }, .withinErrors, "0.5 of error on both sides")
    XCTAssertEqual(agreement { $0.metrics["score.avg"]!.value += 2 }, .differs("score.avg 39.25 -> 41.25"))
    XCTAssertEqual(agreement { $0.metrics["score.kv"]!.value += 1e-3 }, .differs("score.kv 15.625 -> 15.626"))
    XCTAssertEqual(Agreement(old, with: nil), .new)
    XCTAssertEqual(
      Agreement.text(of: [("a", .equal), ("b", .withinErrors), ("c", .new), ("d", .differs("x 1 -> 2"))]),
      ["1 of 3 cells agree to 1e-6, 1 within the interval, 1 not recorded before", "differs: d: x 1 -> 2"])
    // The committed record of another machine that agrees stays as it is.
    let file = RecordFile(url: lab.laboratory.recordFile(try lab.laboratory.spec("demo/t"), try lab.plan().profile))
    var noise = old
    noise.metrics["score.avg"]!.value += 1e-9
    XCTAssertEqual(try file.put(noise), .unchanged)
  }

  /// Seen from outside: what is done, what waits, and how far a training is.
  func testAViewOfASweepShowsItsState() throws {
    let lab = try TestLaboratory()
    let plan = try lab.plan()
    let before = try SweepView([plan], in: lab.laboratory).text(columns: 80, lines: 40)
    XCTAssertTrue(before.contains("0 of 6 stages done, 0 running"), before)
    XCTAssertTrue(before.contains("demo/t small seed 2  ···"), before)
    let key = try XCTUnwrap(plan.jobs[1].steps.first { $0.alias == "train" }?.key)
    let cache = StageCache(folder: lab.laboratory.cache)
    try writeFile(
      #"{"plan": {"batch": 2, "time": 5, "tokens": 100}}"#,
      to: cache.output(key).appendingPathComponent("run/plan.json"))
    try writeFile(
      "step,loss,seconds\n1,4,1.0\n2,3,2.0\n3,2,3.0\n4,1,4.0\n",
      to: cache.output(key).appendingPathComponent("run/metrics.csv"))
    try cache.withLock(key, waiting: {}) {
      let text = try SweepView([plan], in: lab.laboratory).text(columns: 80, lines: 40)
      XCTAssertTrue(text.contains("1 running"), text)
      XCTAssertTrue(text.contains("·▶·  train  4/10  loss 1.000  █▅▃▁  eta 6.0s"), text)
    }
    // What it says itself counts more.
    try writeFile(
      #"{"done": 3, "total": 10, "later": 10, "detail": "teacher states", "first": 0, "seconds": 6}"#,
      to: cache.progressFile(key))
    try cache.withLock(key, waiting: {}) {
      XCTAssertEqual(
        try SweepView([plan], in: lab.laboratory).line(jobs: 1).detail, "train  3/10  teacher states")
      let text = try SweepView([plan], in: lab.laboratory).text(columns: 80, lines: 40)
      XCTAssertTrue(text.contains("·▶·  train  3/10  teacher states  █▅▃▁  eta 34s"), text)
    }
    try lab.sweep(plan).run()
    XCTAssertNil(cache.progress(key), "of a finished stage")
    try writeFile("999999", to: cache.lockFile(key))
    try lab.sweep(plan).run()
    XCTAssertFalse(FileManager.default.fileExists(atPath: cache.lockFile(key).path), "of a dead process")
    let after = try SweepView([plan], in: lab.laboratory)
    XCTAssertTrue(after.isDone)
    XCTAssertTrue(after.text(columns: 80, lines: 40).contains("■■■"))
    // A small window counts what is done.
    XCTAssertTrue(after.text(columns: 40, lines: 4).contains("3 cells done, 0 more to do"))
  }

  func testAPaceIsThatOfTheUnitsUnderWay() throws {
    let cache = StageCache(folder: FileManager.default.temporaryDirectory.appendingPathComponent("pace-\(getpid())"))
    try makeDirectory(cache.output("key"))
    defer { try? FileManager.default.removeItem(at: cache.folder) }
    var shown: [StageProgress] = []
    let leftover = cache.output("killed").appendingPathComponent(".progress.json.2147483647.1.tmp")
    try makeDirectory(cache.output("killed"))
    try Data().write(to: leftover)
    StagePace(cache.progressFile("killed")) { _ in }.update(1, 2, later: 0, "")
    let pace = StagePace(cache.progressFile("key")) { shown.append($0) }
    pace.update(40, 100, later: 100, "teacher states")
    XCTAssertEqual(cache.progress("key")?.text, "40/100  teacher states")
    pace.update(41, 100, later: 100, "teacher states")
    pace.update(1, 100, later: 0, "loss 2")
    XCTAssertEqual(shown.map(\.first), [40, 40, 1], "it goes on where it stopped; other units begin anew")
    XCTAssertTrue(shown.allSatisfy { $0.remaining == nil }, "too early")
    XCTAssertEqual(
      try FileManager.default.contentsOfDirectory(atPath: cache.output("killed").path).filter { $0.hasPrefix(".") }, [],
      "what a killed process left goes")
    try cache.finish(
      "key",
      StageCache.Entry(
        stage: "train", version: 1, config: .null, parents: [:], seed: 1, threads: 1, inputs: [:], seconds: 1,
        started: "", result: StageResult()))
    try writeFile("{}", to: cache.progressFile("key"))
    XCTAssertNotNil(try cache.entry("key"))
    XCTAssertFalse(FileManager.default.fileExists(atPath: cache.progressFile("key").path), "of a finished stage")
    let states = StageProgress(done: 60, total: 100, later: 100, detail: "", first: 40, seconds: 10)
    XCTAssertEqual(states.remaining, 70)
  }

  /// Whether a stage saves others work is known from what is left to do.
  func testAStageKnowsWhetherAnotherFollowsOnTheSameOutput() throws {
    let lab = try TestLaboratory()
    try lab.write(
      "t.json5",
      TestLaboratory.spec.replacingOccurrences(
        of: #"pending: "another method""#, with: #"set: { rank: 4 }, pipeline: "train""#))
    try lab.sweep(lab.plan(seeds: [1])).run()
    XCTAssertEqual(lab.log.isAwaited, [8], "the second one is the last")
  }

  func testSmokeRunsOneCellAndRecordsNothingUnderExperiments() throws {
    let lab = try TestLaboratory()
    let summary = try lab.sweep(lab.plan(profile: "smoke")).run()
    XCTAssertEqual(summary.added, ["demo/t small seed 1"], "the longest pipeline")
    let records = lab.laboratory.experiments.appendingPathComponent("demo/records")
    XCTAssertFalse(FileManager.default.fileExists(atPath: records.path))
  }

  func testRecordedCellsCanBeSkippedWithoutACache() throws {
    let lab = try TestLaboratory()
    try lab.sweep(lab.plan()).run()
    try FileManager.default.removeItem(at: lab.laboratory.cache)
    let runs = lab.log.entries.count
    var sweep = lab.sweep(try lab.plan())
    sweep.trustsRecords = true
    XCTAssertEqual(try sweep.run().skipped.count, 3)
    XCTAssertEqual(lab.log.entries.count, runs)
  }

  /// Two cells of the same settings have one key: the record of one is not the other's, which takes it over.
  func testARecordOfAnotherCellWithTheSameKeyIsTakenOver() throws {
    let lab = try TestLaboratory()
    try lab.write(
      "t.json5",
      TestLaboratory.spec.replacingOccurrences(
        of: "{ when: { method: \"later\" }, pending: \"another method\" },",
        with: "{ when: { method: \"later\" }, set: { rank: 8 }, pipeline: \"train\" },"))
    let spec = try lab.laboratory.spec("demo/t")
    func sweep(_ cells: [String]?) throws -> Sweep {
      var sweep = lab.sweep(
        try Plan(spec, profile: "micro", seeds: [1], cells: cells, threads: 2, registry: lab.registry()))
      sweep.trustsRecords = true
      return sweep
    }
    XCTAssertEqual(try sweep(["small"]).run().added, ["demo/t small seed 1"])
    let whole = try Plan(spec, profile: "micro", seeds: [1], threads: 2, registry: lab.registry())
    XCTAssertEqual(try RunState(whole, in: lab.laboratory).json["recorded"]?.int, 1)
    let summary = try sweep(nil).run()
    XCTAssertEqual(summary.skipped, ["demo/t small seed 1"])
    XCTAssertEqual(summary.adopted, ["demo/t later seed 1"])
    XCTAssertEqual(summary.added, ["demo/t base"])
    XCTAssertEqual(try RunState(whole, in: lab.laboratory).json["recorded"]?.int, 3)
    XCTAssertEqual(try sweep(nil).run().skipped.count, 3)
  }

  /// A cell that was renamed has no records, and those of its former name are nobody's; seeds of other settings are named.
  func testRecordsOfFormerSettingsDoNotPassForPresentOnes() throws {
    let lab = try TestLaboratory()
    try lab.sweep(lab.plan()).run()
    func publication() -> Publication { Publication(lab.laboratory) }
    let change = TestLaboratory.spec.replacingOccurrences(of: "set: { rank: 8 }", with: "set: { rank: 4 }")
    try lab.write("t.json5", change)
    var spec = try lab.laboratory.spec("demo/t")
    func stale() throws -> [String] {
      try publication().staleRuns(spec, profile: "micro", registry: lab.registry()).map { "\($0.cell) \($0.seed ?? 0)" }
    }
    XCTAssertEqual(try stale(), ["small 1", "small 2"])
    try lab.sweep(Plan(spec, profile: "micro", seeds: [1], cells: ["small"], threads: 2, registry: lab.registry()))
      .run()
    XCTAssertEqual(try stale(), ["small 2"])
    try lab.write(
      "t.json5",
      change.replacingOccurrences(of: "id: \"{method}\"", with: "id: \"a {method}\"")
        .replacingOccurrences(of: "a: \"small\", b: \"base\"", with: "a: \"a small\", b: \"a base\"")
        .replacingOccurrences(of: "baseline: \"base\"", with: "baseline: \"a base\""))
    spec = try lab.laboratory.spec("demo/t")
    XCTAssertEqual(try publication().records(spec).count, 0)
  }

  /// Threads are part of a key, but a record made on another number of them is no stale one.
  func testRecordsOfOtherThreadCountsAreCurrent() throws {
    let lab = try TestLaboratory()
    try lab.sweep(lab.plan(threads: 1)).run()
    let state = try RunState(lab.plan(), in: lab.laboratory)
    XCTAssertEqual(state.json["recorded"]?.int, 3)
    XCTAssertEqual(state.json["stale"]?.int, 0)
    let newer = try RunState(lab.plan(trainVersion: 2), in: lab.laboratory)
    XCTAssertEqual(newer.json["stale"]?.int, 2)
    let spec = try lab.laboratory.spec("demo/t")
    let page = try Publication(lab.laboratory).table(spec).markdown([])
    XCTAssertTrue(page.contains("`lab run demo/t --profile micro --threads 1`"), page)
    var sweep = lab.sweep(try lab.plan())
    sweep.trustsRecords = true
    XCTAssertEqual(try sweep.run().skipped.count, 3)
    sweep = lab.sweep(try lab.plan(trainVersion: 2))
    sweep.trustsRecords = true
    XCTAssertEqual(try sweep.run().skipped.count, 1, "another version of a stage is run")
    let timed = try lab.plan(threads: 3, scoreIsTimed: true)
    let records = try RecordFile(url: lab.laboratory.recordFile(spec, timed.profile)).read()
    XCTAssertTrue(timed.jobs.allSatisfy { RecordIndex(records).record(of: $0, in: timed) == nil }, "other times")
  }

  func testARecordOfAnotherSpecIsTakenOver() throws {
    let lab = try TestLaboratory()
    try lab.sweep(lab.plan()).run()
    try lab.write("again.json5", TestLaboratory.spec.replacingOccurrences(of: "Demo Table 1", with: "Demo Table 2"))
    try FileManager.default.removeItem(at: lab.laboratory.cache)
    let runs = lab.log.entries.count
    let spec = try lab.laboratory.spec("demo/again")
    let plan = try Plan(spec, profile: "micro", seeds: [1, 2], threads: 2, registry: lab.registry())
    var sweep = lab.sweep(plan)
    sweep.trustsRecords = true
    let summary = try sweep.run()
    XCTAssertEqual(summary.adopted, ["demo/again base", "demo/again small seed 1", "demo/again small seed 2"])
    XCTAssertEqual(lab.log.entries.count, runs, "nothing ran")
    let (old, new) = (
      try Publication(lab.laboratory).records(lab.laboratory.spec("demo/t")),
      try Publication(lab.laboratory).records(spec)
    )
    XCTAssertEqual(new.map(\.metrics), old.map(\.metrics))
    XCTAssertEqual(new.map(\.commit), old.map(\.commit))
    XCTAssertEqual(Set(new.map(\.spec)), ["demo/again"])
    XCTAssertEqual(try sweep.run().skipped.count, 3, "now its own")
  }

  func testTwoSweepsAtOnceRunEachStageOnce() throws {
    let lab = try TestLaboratory()
    let plans = try (0..<4).map { _ in try lab.plan() }
    let sweeps = plans.map { lab.sweep($0) }
    let failures = RunLog()
    DispatchQueue.concurrentPerform(iterations: 4) { index in
      do { _ = try sweeps[index].run() } catch { failures.add("\(error)") }
    }
    XCTAssertEqual(failures.entries, [])
    XCTAssertEqual(lab.log.count("make"), 1)
    XCTAssertEqual(lab.log.count("train 1"), 1)
    XCTAssertEqual(lab.log.count("step"), 20)
    XCTAssertEqual(try Publication(lab.laboratory).records(lab.laboratory.spec("demo/t")).count, 3)
  }

  /// Folders, programs and cells with signs that mean something to make or to a shell.
  func testAMakefileSpellsNamesAsMakeReadsThem() throws {
    let lab = try TestLaboratory()
    let plan = try lab.plan()
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let root = folder.appendingPathComponent("a# b:c $d")
    let program = root.appendingPathComponent("lab's #1")
    try makeDirectory(root)
    // Stands for run --root ROOT EXPERIMENT --cell CELL --stage KEY.
    try writeFile(
      """
      #!/bin/sh
      echo "$6" >>"$3/cells"
      [ "$7" = --stage ] || exit 0
      mkdir -p "$3/runs/cache/$8" && touch "$3/runs/cache/$8/done.json"

      """, to: program)
    XCTAssertEqual(chmod(program.path, 0o755), 0)
    let cell = "50% of $HOME #1"
    func text(in root: URL, cell: String) throws -> String {
      let arguments = ["demo/t": "demo/t --cell \(shellQuoted(cell))"]
      return try SweepMakefile([plan], in: Laboratory(root: root), arguments: arguments).text(program: program.path)
    }
    let file = root.appendingPathComponent("sweep.mk")
    try writeFile(text(in: root, cell: cell), to: file)
    var runs = 0
    for stages in [plan.order.count, 0] {
      let result = try launch("/usr/bin/make", ["-f", file.path])
      XCTAssertEqual(result.status, 0, result.error)
      runs += stages + 1
      let cells = String(decoding: try readFile(root.appendingPathComponent("cells")), as: UTF8.self)
      XCTAssertEqual(cells, String(repeating: cell + "\n", count: runs), "every stage once, the records always")
    }
    for sign in ["%", ";", "|", "*", "\\"] {
      assertError("a makefile has no spelling", "with \(sign) in its path") {
        _ = try text(in: folder.appendingPathComponent("a\(sign)b"), cell: cell)
      }
    }
    assertError("a name with a line break", "one two") { _ = try text(in: root, cell: "one\ntwo") }
  }
}
