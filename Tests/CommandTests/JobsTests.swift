import Foundation
import Groundwork
import TestKit
import XCTest

/// `lab run --jobs`: other processes do the work, and nothing but the time shows it.
final class JobsTests: XCTestCase {
  private let cells = ["--cell", "ce - kl -", "--cell", "literally ce 1 kl 0.01"]

  func testTwoJobsMeasureWhatOneDoes() throws {
    var metrics: [[String: JSONValue]] = []
    var counts: [Substring] = []
    for jobs in ["1", "2"] {
      let root = try laboratory()
      defer { try? FileManager.default.removeItem(at: root) }
      let result = try assertSucceeds(
        "lab",
        ["run", "xecomla/table12", "--profile", "smoke", "--root", root.path, "--threads", "1", "--jobs", jobs]
          + cells)
      counts.append(try XCTUnwrap(result.output.firstMatch(of: /(\d+) stages run/)?.output.1, result.output))
      // What the process that started the others shows while they work, and does not where it works itself.
      XCTAssertEqual(result.error.contains(" of \(counts.last!) stages"), jobs == "2", result.error)
      XCTAssertFalse(result.error.contains("ended early"), result.error)
      metrics.append(try finished(root))
    }
    XCTAssertEqual(counts[0], counts[1], "stages run")
    XCTAssertEqual(metrics[0], metrics[1])
    XCTAssertGreaterThan(metrics[0].count, 3)
  }

  /// What a run with one thread did is seen without saying so, and stages are listed for who writes pipelines.
  func testARunIsWatchedWithoutSayingItsThreads() throws {
    let root = try laboratory()
    defer { try? FileManager.default.removeItem(at: root) }
    let run = [
      "run", "xecomla/table12", "--profile", "smoke", "--root", root.path, "--threads", "1", "--cell", cells[1],
    ]
    try assertSucceeds("lab", run)
    let watched = try assertSucceeds(
      "lab",
      ["watch", "xecomla/table12", "--profile", "smoke", "--root", root.path, "--once", "--cell", cells[1]])
    XCTAssertTrue(watched.output.contains("■"), watched.output)
    XCTAssertFalse(watched.output.contains("· "), watched.output)
    let stages = try assertSucceeds("lab", ["stages", "distill"]).output
    XCTAssertTrue(stages.contains("from  student, teacher") && stages.contains("kl_weight"), stages)
    try assertRefused("lab", ["stages", "distil"], status: 2, saying: ["no stage is called", "distill"])
    let own = try assertSucceeds(
      "lab", ["status", "xecomla/table12", "--profile", "smoke", "--root", root.path, "--own"])
    XCTAssertTrue(own.output.contains("runs recorded"), own.output)
  }

  /// A worker whose master was killed as it started, by its id: it leaves the work to the next run.
  func testAWorkerWithoutItsMasterStops() throws {
    let root = try laboratory()
    defer { try? FileManager.default.removeItem(at: root) }
    let result = try launch(
      "lab", ["run", "xecomla/table12", "--profile", "smoke", "--root", root.path, "--threads", "1"] + cells,
      environment: ["UPCYCLE_SWEEP_WORKER": "\(Int32.max)"])
    XCTAssertEqual(result.status, 130, result.error)
  }

  /// Stages as targets: what is finished stays, what is missing is made, in any order that the parents allow.
  func testAMakefileRunsTheSweep() throws {
    let root = try laboratory()
    defer { try? FileManager.default.removeItem(at: root) }
    let file = root.appendingPathComponent("sweep.mk").path
    let selection = ["xecomla/table12", "--profile", "smoke", "--root", root.path, "--threads", "1"]
    try assertSucceeds("lab", ["plan"] + selection + cells + ["--makefile", file])
    let cache = root.appendingPathComponent("runs/cache")
    func make() throws -> CommandResult { try launch("/usr/bin/make", ["-f", file, "-j2"]) }
    let first = try make()
    XCTAssertEqual(first.status, 0, first.error)
    let all = try finished(root)
    XCTAssertGreaterThan(all.count, 3)
    XCTAssertTrue(first.output.contains("0 stages run, \(all.count) found finished"), first.output)
    // One stage without children is lost.
    let evaluated = try XCTUnwrap(
      all.keys.sorted().first { key in
        (try? JSONValue(contentsOf: cache.appendingPathComponent("\(key)/done.json")))?["stage"]?.string == "evaluate"
      })
    try FileManager.default.removeItem(at: cache.appendingPathComponent(evaluated))
    let second = try make()
    XCTAssertEqual(second.status, 0, second.error)
    XCTAssertEqual(second.output.components(separatedBy: "--stage").count - 1, 1, second.output)
    XCTAssertEqual(try finished(root), all)
    let distilled = try XCTUnwrap(
      all.keys.first { key in
        (try? JSONValue(contentsOf: cache.appendingPathComponent("\(key)/done.json")))?["stage"]?.string == "convert"
      })
    try FileManager.default.removeItem(at: cache)
    try assertRefused(
      "lab", ["run"] + selection + cells + ["--stage", distilled], status: 1, saying: ["--stage", "not finished"])
    try assertRefused(
      "lab", ["run"] + selection + cells + ["--stage", "none"], status: 2, saying: ["--stage", "no stage"])
  }

  /// On a Slurm cluster of one node: jobs that are cancelled lose nothing, the same command goes on.
  func testASlurmClusterRunsTheSweepAndCancelledJobsLoseNothing() throws {
    let root = try laboratory()
    defer { try? FileManager.default.removeItem(at: root) }
    let file = root.appendingPathComponent("sweep.mk").path
    try assertSucceeds(
      "lab",
      ["plan", "xecomla/table12", "--profile", "smoke", "--root", root.path, "--threads", "1", "--makefile", file]
        + cells)
    let script = """
      run() { make -f \(file) -j2 SRUN='srun --ntasks=1 --cpus-per-task=1'; }
      run >/dev/null 2>&1 & sweep=$!
      # Short stages may end before they are cancelled, the longer ones do not.
      while kill -0 $sweep 2>/dev/null; do scancel --user=root --state=running; sleep 0.3; done
      if wait $sweep; then echo "nothing was cancelled"; exit 1; fi
      run
      """
    let slurm = repositoryRoot().appendingPathComponent("Scripts/slurm.sh").path
    let result = try launch("/bin/bash", [slurm, "bash", "-c", script])
    if result.status == 3 { throw XCTSkip("skipped: Slurm absent") }
    XCTAssertEqual(result.status, 0, result.output + result.error)
    let one = try laboratory()
    defer { try? FileManager.default.removeItem(at: one) }
    try assertSucceeds(
      "lab", ["run", "xecomla/table12", "--profile", "smoke", "--root", one.path, "--threads", "1"] + cells)
    XCTAssertEqual(try finished(root), try finished(one))
  }

  /// The makefile asks nobody: it says what the profile wants to hear. An experiment that is named twice is there once.
  func testAMakefileRunsWhatAsksForConsent() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appendingPathComponent("sweep.mk")
    try assertSucceeds(
      "lab", ["plan", "xecomla/kv", "xecomla/kv", "--profile", "paper", "--makefile", file.path])
    let runs = String(decoding: try readFile(file), as: UTF8.self).split(separator: "\n").filter {
      $0.contains("$(LAB) run")
    }
    XCTAssertGreaterThan(runs.count, 1)
    XCTAssertTrue(runs.allSatisfy { $0.contains(" --yes") }, "\(runs)")
    XCTAssertEqual(runs.filter { !$0.contains("--stage") }.count, 1)
  }

  func testJobsOutOfRangeAreRefused() throws {
    try assertRefused("lab", ["run", "xecomla/kv", "--jobs", "0"], status: 2, saying: ["--jobs", "1 to 256"])
  }

  /// A machine may have more processors than lab takes jobs.
  func testMakeAsksForNoMoreJobsThanThereMayBe() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    for (processors, jobs) in [(384, 256), (3, 3)] {
      let nproc = folder.appendingPathComponent("nproc")
      try writeFile("#!/bin/sh\necho \(processors)\n", to: nproc)
      XCTAssertEqual(chmod(nproc.path, 0o755), 0)
      let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
      let result = try launch(
        "/usr/bin/env", ["-u", "JOBS", "-u", "MAKEFLAGS", "make", "-n", "smoke"],
        environment: ["PATH": "\(folder.path):\(path)"])
      XCTAssertTrue(result.output.contains("--jobs \(jobs)\n"), result.output + result.error)
    }
  }

  func testSeedsThatAreNoneAreRefused() throws {
    for seeds in [",", "1,"] {
      try assertRefused(
        "lab", ["run", "xecomla/kv", "--seeds", seeds], status: 2, saying: ["--seeds", "such as 1,2,3"])
    }
  }

  /// A root with X-EcoMLA's experiments, without records, and the models that they start from.
  private func laboratory() throws -> URL {
    let root = try temporaryFolder()
    let (here, there) = (
      repositoryRoot().appendingPathComponent("experiments"), root.appendingPathComponent("experiments")
    )
    try makeDirectory(there.appendingPathComponent("xecomla"))
    try FileManager.default.createSymbolicLink(
      at: there.appendingPathComponent("teachers"), withDestinationURL: here.appendingPathComponent("teachers"))
    for name in ["common.json5", "table12.json5", "published"] {
      try FileManager.default.copyItem(
        at: here.appendingPathComponent("xecomla/\(name)"), to: there.appendingPathComponent("xecomla/\(name)"))
    }
    return root
  }

  /// Metrics of all finished stages by key.
  private func finished(_ root: URL) throws -> [String: JSONValue] {
    let cache = root.appendingPathComponent("runs/cache")
    return try FileManager.default.contentsOfDirectory(atPath: cache.path).reduce(into: [:]) { all, key in
      let file = cache.appendingPathComponent("\(key)/done.json")
      guard FileManager.default.fileExists(atPath: file.path) else { return }
      all[key] = try JSONValue(contentsOf: file)["result"]?["metrics"]
    }
  }
}
