import Foundation
import Groundwork
import TestKit
import XCTest

@testable import LabKit

/// A checkout in a temporary folder with one paper and stages that compute nothing but count their runs.
final class TestLaboratory {
  let laboratory: Laboratory
  let log = RunLog()
  /// Seconds of a processor that "make" takes.
  var effort = 0.0

  init() throws {
    let root = try memoryFolder()
    laboratory = Laboratory(root: root)
    try makeDirectory(root.appendingPathComponent("experiments/demo/published"))
    try makeDirectory(root.appendingPathComponent("figures/demo"))
    try write(
      "published/t.csv", "# source: a paper\nmethod,kv,avg\nbase,100,50.0\nsmall,15.63,48.5\nlater,9.4,49\n")
    try write("t.json5", Self.spec)
  }

  deinit { try? FileManager.default.removeItem(at: laboratory.root) }

  func write(_ name: String, _ text: String) throws {
    try writeFile(text, to: laboratory.experiments.appendingPathComponent("demo/\(name)"))
  }

  static let spec = """
    {
      title: "a demonstration", place: "Demo Table 1",   // comments and trailing commas are fine
      defaults: { size: 4, unit: 100, budget: 1, rank: null },
      profiles: {
        micro: { about: "tiny", seeds: [1, 2], set: { unit: 10 } },
        smoke: { seeds: [1], limit: 1, recorded: false },
      },
      pipelines: {
        base: [ { stage: "make", with: { size: "$size" } }, { stage: "score", from: { model: "make" } } ],
        train: [
          { stage: "make", with: { size: "$size" } },
          { stage: "train", from: { model: "make" }, with: { tokens: "= budget * unit", rank: "$rank" } },
          { stage: "score", from: { model: "train" } },
        ],
      },
      matrix: {
        published: "published/t.csv", id: "{method}", baseline: "base",
        rules: [
          { when: { method: "base" }, pipeline: "base" },
          { when: { method: "small" }, set: { rank: 8 }, pipeline: "train" },
          { when: { method: "later" }, pending: "another method" },
        ],
      },
      report: {
        columns: [
          { header: "method", published: "method", ours: "rank {rank}" },
          { header: "KV %", published: "kv", metric: "score.kv", exact: true, digits: 3 },
          { header: "quiz [MMLU]", name: "quiz", published: "avg", metric: "score.avg", kept: true },
        ],
        notes: ["A note."],
      },
      claims: [
        {
          id: "D-C1", statement: "Small stays within two points.", metric: "score.avg",
          tests: [ { let: { a: "small", b: "base" }, quantity: "a - b", above: -2 } ],
        },
      ],
    }
    """

  func registry(trainVersion: Int = 1, scoreIsTimed: Bool = false) -> StageRegistry {
    var registry = StageRegistry()
    let (log, effort) = (log, effort)
    registry.register(
      Stage(name: "make", version: 1, parameters: ["size"], seeded: false) { context in
        log.add("make")
        work(seconds: effort)
        try writeFile("model", to: context.folder.appendingPathComponent("model"))
        return StageResult()
      })
    registry.register(
      Stage(name: "train", version: trainVersion, parents: ["model"], parameters: ["tokens", "rank"]) { context in
        log.add("train \(context.seed)")
        _ = try readFile(try context.parent("model").folder.appendingPathComponent("model"))
        // Ten steps, each saved; an interrupted attempt is taken up where it stopped.
        let file = context.folder.appendingPathComponent("steps")
        var done = ((try? readFile(file)).map { $0.count }) ?? 0
        while done < 10 {
          done += 1
          log.add("step")
          try writeFile(String(repeating: "x", count: done), to: file)
          context.progress(done, of: 10, "loss 1.0")
          if context.isAwaited("model") { log.isAwaited.insert(context.config["rank"]?.int ?? 0) }
          if log.stopsAtStep == done { Interrupt.raise() }
          try context.checkInterrupt()
        }
        let curve = [[0.0, 3.0], [50, 2.0], [100, 1.0 + Double(context.seed)]]
        return StageResult(series: ["loss": curve], tokens: context.config["tokens"]?.int ?? 0)
      })
    registry.register(
      Stage(
        name: "score", version: 1, parents: ["model"], parameters: [], seeded: false, isTimed: scoreIsTimed
      ) { context in
        log.add("score")
        let trained = context.parents["model"]!.folder.appendingPathComponent("steps")
        let isTrained = FileManager.default.fileExists(atPath: trained.path)
        return StageResult(metrics: [
          "kv": Metric(isTrained ? 15.625 : 100), "avg": Metric(isTrained ? 39.25 : 40, stderr: 0.5),
        ])
      })
    return registry
  }

  func plan(
    profile: String = "micro", seeds: [Int]? = nil, trainVersion: Int = 1, threads: Int = 2, scoreIsTimed: Bool = false
  ) throws -> Plan {
    try Plan(
      laboratory.spec("demo/t"), profile: profile, seeds: seeds, threads: threads,
      registry: registry(trainVersion: trainVersion, scoreIsTimed: scoreIsTimed))
  }

  func sweep(_ plan: Plan) -> Sweep {
    var sweep = Sweep([plan], in: laboratory)
    sweep.records = .committed
    sweep.quiet = true
    return sweep
  }
}

/// What the fake stages did, in order.
final class RunLog: @unchecked Sendable {
  private let lock = NSLock()
  private var lines: [String] = []
  var stopsAtStep: Int?
  /// Ranks of the trainings that another one followed on the same model.
  var isAwaited: Set<Int> = []

  func add(_ line: String) { lock.withLock { lines.append(line) } }
  var entries: [String] { lock.withLock { lines } }
  func count(_ line: String) -> Int { entries.filter { $0 == line }.count }
}

func assertError(
  _ contains: String..., file: StaticString = #filePath, line: UInt = #line, _ body: () throws -> Void
) {
  XCTAssertThrowsError(try body(), file: file, line: line) { error in
    for part in contains {
      XCTAssertTrue("\(error)".contains(part), "\"\(error)\" lacks \"\(part)\"", file: file, line: line)
    }
  }
}
