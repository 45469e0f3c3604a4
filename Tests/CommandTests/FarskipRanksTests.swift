import Collectives
import Distillation
import Foundation
import Groundwork
import TensorCore
import TestKit
import TokenData
import XCTest

@testable import Recipes

/// `farskip` on several ranks: threads, and processes of Open MPI.
final class FarskipRanksTests: XCTestCase {
  private let short = [
    "overlap", "--durations", "A=1,B=2,G=1,D=1,E=1,C=1,S=1", "--layers", "2", "--repeats", "2", "--json",
  ]

  private func overlap(_ result: CommandResult) throws -> JSONValue {
    XCTAssertEqual(result.status, 0, result.error)
    return try JSONValue(parsing: Data(result.output.utf8), file: "farskip overlap --json")
  }

  func testOverlapIsMeasuredOnThreadsAndProcesses() throws {
    let threads = try overlap(try launch("farskip", short + ["--ranks", "3"]))
    XCTAssertEqual(threads["ranks"]?.int, 3)
    XCTAssertEqual(threads["transport"]?.string, "threads")
    let processes = try overlap(try launchRanks(2, "farskip", short + ["--mode", "prefill"]))
    XCTAssertEqual(processes["ranks"]?.int, 2)
    XCTAssertEqual(processes["transport"]?.string, "mpi")
    for outcome in [threads, processes] {
      XCTAssertGreaterThanOrEqual(outcome["isolated_dispatch_ms"]!.double!, 1)
      XCTAssertGreaterThan(
        outcome["methods"]!["farskip"]!["overlap"]!.double!, outcome["methods"]!["standard"]!["overlap"]!.double!)
    }
  }

  func testImpossibleOverlapsAreRefusedOnce() throws {
    for (more, words) in [
      (["--link", "50us,0GB/s"], ["--link", "bandwidth"]), (["--ranks", "1"], ["one rank"]),
      (["--link", "2ms,1GB/s"], ["latency"]), (["--layers", "0"], ["--layers"]),
      (["--repeats", "many"], ["--repeats"]),
    ] {
      try assertRefused("farskip", short + more, status: 2, saying: words)
    }
    for more in [["--link", "50us,0GB/s"], ["--layers", "many"]] {
      let ranks = try launchRanks(2, "farskip", short + more)
      XCTAssertEqual(ranks.status, 2, ranks.error)
      XCTAssertEqual(ranks.errorLines.count, 1, ranks.error)
    }
  }

  // MARK: Real models

  private func path(_ name: String) -> String { Self.folder.appendingPathComponent(name).path }
  private nonisolated(unsafe) static var folder: URL!

  override class func setUp() {
    folder = try! temporaryFolder()
    let made = try! launch(
      "hybrid", ["create", "--preset", "nano-qwen-moe", "--out", folder.path + "/moe", "--seed", "3"])
    XCTAssertEqual(made.status, 0, made.error)
    try! giveTokenizer(to: folder.appendingPathComponent("moe"))
    let text = (0..<300).map { "User: Where is cat \($0 * 7 % 91)?\nAssistant: On mat \($0 * 3 % 17).\n<|endoftext|>" }
    try! writeFile(text.joined(separator: "\n") + "\n", to: folder.appendingPathComponent("text.txt"))
    for (tool, arguments) in [
      ("shards", ["pack", "--input", "text.txt", "--tokenizer", "moe", "--out", "shards"]),
      ("farskip", ["convert", "--model", "moe", "--no-measure", "--out", "far"]),
      ("farskip", ["convert", "--model", "moe", "--layers", "last:50%", "--no-measure", "--out", "half"]),
    ] {
      let names = Set(["text.txt", "moe", "shards", "far", "half"])
      let result = try! launch(tool, arguments.map { names.contains($0) ? folder.path + "/" + $0 : $0 })
      XCTAssertEqual(result.status, 0, result.error)
    }
  }
  override class func tearDown() { try? FileManager.default.removeItem(at: folder) }

  private func train(_ out: String, _ more: [String], model: String = "far") -> [String] {
    [
      "train", "--model", path(model), "--data", path("shards"), "--tokens", "512", "--batch", "4", "--sequence", "64",
      "--out", path(out), "--json",
    ] + more
  }

  func testOverlapChangesNoBitOfTrainingOnRanks() throws {
    var losses: [[Double]] = []
    var hashes: [String] = []
    for (out, overlap) in [("on", "on"), ("off", "off")] {
      let result = try launchRanks(
        2, "farskip",
        train(out, ["--expert-parallel", "2", "--overlap", overlap, "--timeline", path("\(out)-step.json")]))
      XCTAssertEqual(result.status, 0, result.error)
      let json = try JSONValue(parsing: Data(result.output.utf8), file: "farskip train --json")
      losses.append(json["losses"]!.array!.map { $0.double! })
      hashes.append(try sha256(fileAt: URL(fileURLWithPath: path("\(out)/model.safetensors"))))
      XCTAssertNotNil(try JSONValue(contentsOf: URL(fileURLWithPath: path("\(out)-step.json")))["traceEvents"])
    }
    XCTAssertEqual(losses[0], losses[1])
    XCTAssertEqual(hashes[0], hashes[1])
    let alone = try launch("farskip", train("alone", []))
    XCTAssertEqual(alone.status, 0, alone.error)
    XCTAssertEqual(try JSONValue(parsing: Data(alone.output.utf8), file: "alone")["model"]?.string, path("alone"))
    let first = try JSONValue(parsing: Data(alone.output.utf8), file: "farskip train --json")["losses"]!.array![0]
      .double!
    XCTAssertEqual(first, losses[0][0], accuracy: 1e-12)
    // What came out is a model like any other.
    let text = try assertSucceeds(
      "hybrid", ["generate", "--model", path("on"), "--prompt", "User: Where", "--tokens", "3", "--quiet"]
    ).output
    XCTAssertGreaterThan(text.count, "User: Where".count, text)
  }

  /// The finished command has no events to write, and leaves those that are there; nobody's CSV goes.
  func testAFinishedTrainingKeepsItsTimeline() throws {
    let (command, file) = (train("told", ["--timeline", path("told.json")]), URL(fileURLWithPath: path("told.json")))
    let first = try assertSucceeds("farskip", command)
    XCTAssertTrue(first.error.contains("wrote"), first.error)
    let trace = try readFile(file)
    let again = try assertSucceeds("farskip", command)
    XCTAssertFalse(again.error.contains("wrote"), again.error)
    XCTAssertEqual(try readFile(file), trace)
    let spoken = train("told", []).filter { $0 != "--json" }
    XCTAssertFalse(try assertSucceeds("farskip", spoken).error.contains("tokens in"), "nothing was trained")
    try writeFile("layer,score\n1,2\n", to: URL(fileURLWithPath: path("scores.csv")))
    for command in [short, train("untold", []), ["infer", "--model", path("far"), "--prompt", "a"]] {
      for name in ["scores.json", "scores.csv"] {
        try assertRefused("farskip", command + ["--timeline", path(name)], status: 2, saying: ["--timeline"])
      }
    }
  }

  /// Stopped after two steps, killed in the next save (one rank has written, the other has not), gone on with: the same
  /// bits.
  func testTrainingOnRanksResumesToTheSameBits() throws {
    let threads = Threads.count
    Threads.set(1)
    defer { Threads.set(threads) }
    let url = { (name: String) in URL(fileURLWithPath: self.path(name)) }
    let plan = TrainingPlan(tokens: 4 * 256, batch: 4, time: 64, learningRate: 1e-3)
    func train(_ out: String, ranks count: Int = 2, stoppingAfter last: Int = .max) throws {
      try ThreadRanks.run(count) { ranks in
        var recipe = ExpertParallelTraining(
          model: url("far"), data: try TokenShards(url("shards")), plan: plan, overlaps: true)
        recipe.saveEvery = 0
        var step = 0
        let outcome = try recipe.run(
          on: ranks, in: url(out), report: { step = $0.step }, shouldStop: { step == last && ranks.rank == 1 })
        if ranks.rank == 0 { XCTAssertEqual(outcome.steps.map(\.step), [1, 2, 3, 4], "those before a resumption too") }
      }
    }
    func hash(_ file: String) throws -> String { try sha256(fileAt: url(file)) }
    try train("straight")
    XCTAssertThrowsError(try train("resumed", stoppingAfter: 2)) {
      XCTAssertTrue("\($0)".contains("interrupted after step 2"), "\($0)")
    }
    let states = url("resumed/run/checkpoint")
    for rank in 0..<2 {
      XCTAssertEqual(TrainingCheckpoint.examine(states.appendingPathComponent("rank-\(rank)")).good, [2, 1])
    }
    try FileManager.default.copyItem(
      at: states.appendingPathComponent("rank-0/state-2.safetensors"),
      to: states.appendingPathComponent("rank-0/state-3.safetensors"))
    XCTAssertThrowsError(try train("resumed", ranks: 4)) { XCTAssertTrue("\($0)".contains("other settings"), "\($0)") }
    try train("resumed")
    XCTAssertEqual(try hash("resumed/model.safetensors"), try hash("straight/model.safetensors"))
    let curves = try ["straight", "resumed"].map {
      try RunDirectory(url($0)).readMetrics().rows.map { $0.prefix(3).map { $0 } }
    }
    XCTAssertEqual(curves[0], curves[1])
    XCTAssertEqual(curves[0].count, 4)
    XCTAssertFalse(FileManager.default.fileExists(atPath: states.path), "states are three times the model's size")
    // The finished command does nothing again; what a kill before the clean-up left goes.
    try makeDirectory(states.appendingPathComponent("rank-0"))
    try train("resumed")
    XCTAssertEqual(try hash("resumed/model.safetensors"), try hash("straight/model.safetensors"))
    XCTAssertFalse(FileManager.default.fileExists(atPath: states.path))
  }

  /// Self-distillation shares batches, and all ranks stop where the validations of the first say so.
  func testSelfDistillationOnRanksStopsEarly() throws {
    let text = (0..<9).map { "User: Where is cat \($0)?\nAssistant: On mat \($0).\n<|endoftext|>" }
    try writeFile(text.joined(separator: "\n") + "\n", to: URL(fileURLWithPath: path("valid.txt")))
    try assertSucceeds(
      "shards", ["pack", "--input", path("valid.txt"), "--tokenizer", path("moe"), "--out", path("valid")])
    let result = try launchRanks(
      2, "farskip",
      [
        "distill", "--student", path("far"), "--teacher", path("moe"), "--data", path("shards"), "--held-out",
        path("valid"), "--tokens", "2048", "--batch", "2", "--sequence", "64", "--lr", "1e-12", "--patience", "1",
        "--validate-every", "2", "--json", "--out", path("kd"),
      ])
    XCTAssertEqual(result.status, 0, result.error)
    let said = try JSONValue(parsing: Data(result.output.utf8), file: "farskip distill --json")
    XCTAssertEqual(said["stopped_early"]?.bool, true)
    XCTAssertEqual(said["validation"]?.array?.compactMap { $0.array?[0].int }, [0, 2])
  }

  func testInferenceOnRanksGivesTheTokensOfOne() throws {
    let arguments = ["infer", "--model", path("far"), "--prompt", "User: Where is cat 3?", "--tokens", "6", "--json"]
    func tokens(_ result: CommandResult) throws -> [Int] {
      XCTAssertEqual(result.status, 0, result.error)
      let json = try JSONValue(parsing: Data(result.output.utf8), file: "farskip infer --json")
      XCTAssertGreaterThan(json["first_token_ms"]!.double!, 0)
      return json["tokens"]!.array!.map { $0.int! }
    }
    let one = try tokens(try launch("farskip", arguments))
    let two = try tokens(
      try launchRanks(2, "farskip", arguments + ["--tensor-parallel", "2", "--expert-parallel", "2"]))
    XCTAssertEqual(one, two)
    XCTAssertFalse(one.isEmpty)
    let long = ["infer", "--model", path("far"), "--prompt", String(repeating: "a cat ", count: 2000)]
    try assertRefused("farskip", long, status: 2, saying: ["--prompt", "longer than the model's positions", "at most"])
    XCTAssertEqual(try launch("farskip", long).output, "", "nothing is printed before a refusal")
  }

  /// Ranks that were started differently would wait for each other; all end with one line and exit 2.
  func testRanksWithOtherOptionsRefuse() throws {
    let infer = [
      "infer", "--model", path("far"), "--tensor-parallel", "2", "--expert-parallel", "2", "--prompt", "The red key",
    ]
    for (command, mine, theirs, words) in [
      (["overlap", "--repeats", "1"], ["--layers", "2"], ["--layers", "3"], "--layers: rank 1 has 3, rank 0 has 2"),
      (infer, ["--tokens", "8"], ["--tokens", "4"], "--tokens: rank 1 has 4, rank 0 has 8"),
      (infer, ["--tokens", "2"], ["--tokens", "2", "--prompt", "The blue key"], "--prompt: rank 1 has The blue key"),
      (infer, ["--tokens", "2"], ["--tokens", "2", "--nosuch"], "rank 1: --nosuch: there is no such option"),
      (
        train("one", ["--expert-parallel", "2"]), [], ["--out", path("two")],
        "--out: rank 1 has \(path("two").prefix(60)), rank 0 has \(path("one").prefix(60))"
      ),
    ] {
      let result = try launchJob("farskip", [command + mine, command + theirs])
      XCTAssertEqual(result.status, 2, result.error)
      XCTAssertEqual(result.errorLines.count, 1, result.error)
      XCTAssertTrue(result.errorLines.first?.contains(words) == true, "\(words) in \(result.error)")
    }
  }

  func testRanksRefuseTogetherWithOneLine() throws {
    try assertRefused(
      "farskip", train("bad", ["--expert-parallel", "2"]), status: 2, saying: ["2 ranks", "mpirun -np 2 farskip train"])
    for (arguments, words) in [
      (train("bad", ["--expert-parallel", "3", "--batch", "6"]), ["16 experts", "1, 2, 4, 8, 16"]),
      (
        ["infer", "--model", path("far"), "--prompt", "a", "--tensor-parallel", "3", "--expert-parallel", "3"],
        ["heads", "1, 2"]
      ),
    ] {
      let result = try launchRanks(3, "farskip", arguments)
      XCTAssertEqual(result.status, 2, result.error)
      XCTAssertEqual(result.errorLines.count, 1, result.error)
      for word in words { XCTAssertTrue(result.errorLines.first?.contains(word) == true, result.error) }
    }
    // Rank 1 has another checkpoint.
    let other =
      ["-np", "1", builtProducts().appendingPathComponent("farskip").path]
      + train("bad", ["--expert-parallel", "2"], model: "half")
    let result = try launchRanks(1, "farskip", train("bad", ["--expert-parallel", "2"]) + [":"] + other)
    XCTAssertEqual(result.status, 2, result.error)
    XCTAssertTrue(result.errorLines.first?.contains("rank 1 has another checkpoint") == true, result.error)
  }
}
