import Distillation
import Foundation
import Groundwork
import TestKit
import XCTest

/// Commands that train, on two ranks of Open MPI that share every batch, against one process.
final class RanksCommandTests: XCTestCase {
  private nonisolated(unsafe) static var folder: URL!

  override class func setUp() {
    folder = try! temporaryFolder()
    func path(_ name: String) -> String { folder.appendingPathComponent(name).path }
    try! assertSucceeds("hybrid", ["create", "--preset", "nano-1b", "--out", path("base"), "--seed", "3"])
    try! giveTokenizer(to: folder.appendingPathComponent("base"))
    try! assertSucceeds(
      "xecomla", ["convert", "--model", path("base"), "--kv-rank", "16", "--rope-dim", "4", "--out", path("mla")])
    for (name, count) in [("shards", 300), ("valid", 10)] {
      let text = (0..<count).map { "The cat number \($0 * 7 % 91) sat on mat \($0 * 3 % 17)." }
      try! writeFile(text.joined(separator: "\n\n"), to: folder.appendingPathComponent("\(name).txt"))
      try! assertSucceeds(
        "shards", ["pack", "--input", path("\(name).txt"), "--tokenizer", path("base"), "--out", path(name)])
    }
    let pairs = (0..<8).map {
      #"{"prompt": "The cat number \#($0) sat on", "chosen": " the mat.", "rejected": " moon\#($0)."}"#
    }
    try! writeFile(pairs.joined(separator: "\n") + "\n", to: folder.appendingPathComponent("pairs.jsonl"))
  }
  override class func tearDown() { try? FileManager.default.removeItem(at: folder) }

  private func path(_ name: String) -> String { Self.folder.appendingPathComponent(name).path }

  private func distill(_ out: String, _ more: [String] = []) -> [String] {
    [
      "distill", "--student", path("mla"), "--teacher", path("base"), "--data", path("shards"), "--tokens", "1536",
      "--batch", "4", "--sequence", "64", "--out", path(out), "--quiet",
    ] + more
  }

  private func hash(_ name: String) throws -> String {
    try sha256(fileAt: URL(fileURLWithPath: path("\(name)/model.safetensors")))
  }

  private func losses(_ name: String) throws -> [Double] {
    try RunDirectory(URL(fileURLWithPath: path(name))).readMetrics().column("loss")
  }

  /// Each stage of MOHAWK begins with what the one before left, on all ranks.
  func testMohawksStagesHaveTheCurvesOfOneProcess() throws {
    func mohawk(_ out: String) -> [String] {
      [
        "mohawk", "--base", path("base"), "--data", path("shards"), "--tokens", "1536", "--shares", "1,1,1", "--batch",
        "4", "--sequence", "64", "--out", path(out), "--quiet",
      ]
    }
    let ranks = try launchRanks(2, "zebra", mohawk("llamba-ranks"))
    XCTAssertEqual(ranks.status, 0, ranks.error)
    try assertSucceeds("zebra", mohawk("llamba-alone"))
    for stage in [".stages/matrices", ".stages/mixers", ""] {
      let (one, two) = (try losses("llamba-alone\(stage)"), try losses("llamba-ranks\(stage)"))
      XCTAssertEqual([one.count, two.count], [2, 2], stage)
      for (one, two) in zip(one, two) { XCTAssertEqual(one, two, accuracy: 1e-5 * one + 1e-6, stage) }
    }
  }

  /// The curve of one process; a rank that dies is named and ends the job, and the same command goes on to the bits of
  /// one left alone, whoever keeps the optimizer's state.
  func testADeadRankEndsAllAndTheJobGoesOnToTheCurveOfOneProcess() throws {
    let calm = try launchRanks(2, "xecomla", distill("calm", ["--held-out", path("valid")]))
    XCTAssertEqual(calm.status, 0, calm.error)
    XCTAssertEqual(calm.output.components(separatedBy: "held-out loss").count, 2, "one rank speaks: \(calm.output)")
    XCTAssertTrue(calm.error.hasPrefix("2 ranks of 1 thread, each with 2 of 4 sequences and 50.1 MiB"), calm.error)
    try assertSucceeds("xecomla", distill("alone"))
    let (one, two) = (try losses("alone"), try losses("calm"))
    XCTAssertEqual([one.count, two.count], [6, 6])
    for (one, two) in zip(one, two) { XCTAssertEqual(one, two, accuracy: 1e-5 * one + 1e-6) }

    let job = distill("killed", ["--held-out", path("valid"), "--save-every", "0", "--shard-optimizer"])
    let state = { (rank: Int) in
      let names = try? FileManager.default.contentsOfDirectory(
        atPath: self.path("killed/run/checkpoint/rank-\(rank)"))
      return names?.contains { $0.hasPrefix("state-") && $0.hasSuffix(".safetensors") } == true
    }
    var died: Date?
    let result = try launchJob(
      "xecomla", [job, job],
      killWhen: {
        if died == nil && state(0) && state(1), let second = Self.process(ofRank: 1, writing: self.path("killed")) {
          kill(second, SIGKILL)
          died = Date()
        }
        return false
      })
    XCTAssertLessThan(Date().timeIntervalSince(try XCTUnwrap(died)), 5)
    XCTAssertNotEqual(result.status, 0)
    XCTAssertTrue(result.error.contains("rank 1"), result.error)
    XCTAssertFalse(FileManager.default.fileExists(atPath: path("killed/config.json")))
    let resumed = try launchRanks(2, "xecomla", job)
    XCTAssertEqual(resumed.status, 0, resumed.error)
    XCTAssertEqual(try hash("killed"), try hash("calm"))
    XCTAssertEqual(try losses("killed"), try losses("calm"))
  }

  /// The other commands share batches too; that the curve is that of one process is DataParallelTests' matter.
  func testEveryTrainingRunsOnRanks() throws {
    let text = ["--data", path("shards"), "--tokens", "512"]
    for (tool, arguments) in [
      ("xecomla", ["prefer", "--model", path("mla"), "--data", path("pairs.jsonl"), "--batch", "4"]),
      ("zebra", ["ild", "--base", path("base"), "--mixer", "mamba2", "--batch", "4", "--sequence", "64"] + text),
      (
        "hylo",
        [
          "extend", "--model", path("mla"), "--teacher", path("base"), "--context", "128", "--batch", "2",
          "--cache-teacher",
        ] + text
      ),
      (
        "hybrid",
        [
          "pretrain", "--from", path("base"), "--mixture", "keys", "--batch", "4", "--sequence", "64", "--tokens",
          "512",
        ]
      ),
    ] {
      let result = try launchRanks(2, tool, arguments + ["--quiet", "--out", path(arguments[0])])
      XCTAssertEqual(result.status, 0, result.error)
      XCTAssertEqual(result.output.components(separatedBy: "model: ").count, 2, "one rank speaks: \(result.output)")
      XCTAssertTrue(result.error.contains("2 ranks of 1 thread, each with"), result.error)
      XCTAssertEqual(
        try RunDirectory(URL(fileURLWithPath: path(arguments[0]))).readMetrics().rows.count, 2, "\(arguments)")
    }
  }

  /// The process of a rank of the job that writes `out`.
  private static func process(ofRank rank: Int, writing out: String) -> pid_t? {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return names.compactMap(pid_t.init).first { id in
      func words(_ file: String) -> [Substring] {
        let bytes = FileManager.default.contents(atPath: "/proc/\(id)/\(file)") ?? Data()
        return String(decoding: bytes, as: UTF8.self).split(separator: "\0")
      }
      return words("cmdline").contains(out[...]) && words("environ").contains("OMPI_COMM_WORLD_RANK=\(rank)")
    }
  }

  func testRanksRefuseTogetherWithOneLine() throws {
    try assertRefused(
      "xecomla", distill("never", ["--shard-optimizer"]), status: 2, saying: ["--shard-optimizer", "mpirun -np 2"])
    for (mine, theirs, words) in [
      (distill("never"), distill("never", ["--shard-optimizer"]), "--shard-optimizer: rank 1 has --shard-optimizer"),
      (distill("never"), distill("never", ["--nosuch"]), "rank 1: --nosuch: there is no such option"),
    ] {
      let result = try launchJob("xecomla", [mine, theirs])
      XCTAssertEqual(result.status, 2, result.error)
      XCTAssertEqual(result.errorLines.count, 1, result.error)
      XCTAssertTrue(result.errorLines.first?.contains(words) == true, "\(words) in \(result.error)")
    }
    XCTAssertFalse(FileManager.default.fileExists(atPath: path("never")))
  }
}
