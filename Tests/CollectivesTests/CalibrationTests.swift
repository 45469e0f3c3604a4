import Foundation
import Groundwork
import TestKit
import XCTest

@testable import Collectives

/// Shapes, volumes and predictions against the published tables.
final class CalibrationTests: XCTestCase {
  private func table(_ name: String) throws -> [[String: String]] {
    let file = repositoryRoot().appendingPathComponent("experiments/farskip/published/\(name)")
    let lines = String(decoding: try readFile(file), as: UTF8.self).split(separator: "\n").filter { !$0.hasPrefix("#") }
    func fields(_ line: Substring) -> [String] {
      line.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }
    let header = fields(lines[0])
    return lines.dropFirst().map { Dictionary(uniqueKeysWithValues: zip(header, fields($0))) }
  }

  func testShapesAreThePublishedOnes() throws {
    let rows = try table("model_configs.csv")
    XCTAssertEqual(rows.count, ModelShape.published.count)
    for (row, shape) in zip(rows, ModelShape.published) {
      func number(_ column: String) -> Int { Int(row[column]!) ?? 0 }
      let plain = row["model"]!.lowercased().replacingOccurrences(of: " (paper)", with: "").replacingOccurrences(
        of: " (primus)", with: "")
      XCTAssertEqual(shape.name, plain)
      XCTAssertEqual(
        [shape.layers, shape.denseLayers, shape.width, shape.heads, shape.experts, shape.expertsPerToken],
        ["layers", "first_dense", "d", "heads", "routed_E", "top_k"].map(number), shape.name)
      XCTAssertEqual(
        [shape.sharedExperts, shape.expertWidth, shape.sharedWidth, shape.denseWidth, shape.vocabulary],
        ["shared_n", "f_expert", "f_shared", "f_dense", "vocab"].map(number), shape.name)
      let kv = row["kv"]!
      switch shape.attention {
      case .latent(let queryRank, let kvRank, let nope, let rope, let value):
        XCTAssertEqual(queryRank != nil, kv.contains("q-lora1536") || kv.contains("as V3"), shape.name)
        XCTAssertTrue(kv.contains("r=\(kvRank)") || kv.contains("as V3"), shape.name)
        if kv.contains("nope") { XCTAssertTrue(kv.contains("nope\(nope) rope\(rope) v\(value)"), shape.name) }
      case .grouped(let kvHeads, let headDim):
        XCTAssertTrue(kv.hasPrefix("GQA \(kvHeads)"), shape.name)
        XCTAssertTrue(kv.contains("hd\(headDim)"), shape.name)
      }
      XCTAssertEqual(shape.gatedAttention, kv.contains("gated"), shape.name)
    }
  }

  /// `derived_message_volumes.csv`, to the digits printed.
  func testMessageVolumesAreThePublishedOnes() throws {
    let rows = try table("derived_message_volumes.csv")
    XCTAssertEqual(rows.count, 6)
    for row in rows {
      let shape = ModelShape.published(row["case"]!.hasPrefix("V2") ? "deepseek-v2-lite" : "deepseek-v3-l6")
      let workload = Workload(shape, gpus: Int(row["EP"]!)!, tokens: Int(row["tokens_per_rank"]!)!, sequence: 4096)
      let work = workload.work(tokens: workload.tokens, perNode: 8)
      let durations = Accelerator(efficiency: 0.4).durations(work)
      func check(_ column: String, _ value: Double) {
        let text = row[column]!
        if text == "-" { return }
        let digits = text.split(separator: ".").dropFirst().first?.count ?? 0
        // 12.08 is printed with 2 digits, 3.4 with 1.
        XCTAssertEqual(
          value, Double(text)!, accuracy: 0.5000001 * Foundation.pow(10, -Double(digits)),
          "\(row["case"]!) EP\(workload.gpus) \(column)")
      }
      check("routed_TFLOP", work.experts / 1e12)
      check("shared_TFLOP", work.shared / 1e12)
      check("attention_TFLOP", (work.projections + work.core) / 1e12)
      check("gate_TFLOP", work.gate / 1e12)
      check("a2a_MB_per_rank", work.bytes / 1e6)
      check("a2a_ms_intra_310GBs", durations.dispatch.intra)
      check("a2a_ms_inter_50GBs", durations.dispatch.inter)
    }
  }

  /// `derived_training_predictions.csv`: 40 % of the peak, kappa throughout.
  func testTrainingPredictionsComeOutAsDerived() throws {
    let rows = try table("derived_training_predictions.csv")
    XCTAssertEqual(rows.count, 5)
    for row in rows {
      let lite = row["model"] == "V2-Lite"
      let shape = ModelShape.published(lite ? "deepseek-v2-lite" : "deepseek-v3-l6")
      let workload = Workload(shape, gpus: Int(row["EP"]!)!, tokens: lite ? 32768 : 4096, sequence: 4096)
      let accelerator = Accelerator(efficiency: 0.4)
      func model(_ kappa: Double) -> OverlapModel { workload.model(on: accelerator, slowdown: .throughout(kappa)) }
      func check(_ column: String, _ value: Double, _ accuracy: Double) {
        XCTAssertEqual(value, Double(row[column]!)!, accuracy: accuracy, "\(shape.name) EP\(workload.gpus) \(column)")
      }
      let durations = model(1).durations
      for (column, value) in [
        ("A_ms", durations.projections), ("B_ms", durations.core), ("G_ms", durations.gate),
        ("E_ms", durations.experts),
        ("S_ms", durations.shared), ("one_a2a_ms", durations.dispatch.milliseconds),
      ] { check(column, value, 0.0051) }
      check("comm_share_of_regular", model(1).communicationShare(isTraining: true), 0.00051)
      check("speedup_kappa1.00", model(1).trainingSpeedup(.farskip), 0.00051)
      check("speedup_kappa1.10", model(1.1).trainingSpeedup(.farskip), 0.00051)
      check("speedup_kappa1.10_free_placement", model(1.1).trainingSpeedup(.farskipFree), 0.00051)
      let farskip = model(1.1).training(.farskip)
      check("overlap_fwd_kappa1.10", farskip.forward.overlap, 0.0011)
      check("overlap_bwd_kappa1.10", farskip.backward!.overlap, 0.0011)
      check("overlap_total_kappa1.10", farskip.overlap, 0.0011)
      if let kappa = Double(row["kappa_that_reproduces_published"]!) {
        check("published_speedup", model(kappa).trainingSpeedup(.farskip), 0.0012)
      }
    }
  }

  /// Fitted on the two EP8 rows alone, the speed-up at EP32 comes out within 0.05 of the published 1.22.
  func testFitPredictsEP32() {
    let fit = Calibration(.throughout)
    XCTAssertLessThan(fit.residual, 1e-4, "two numbers explain two numbers")
    XCTAssertTrue(Calibration.efficiencies.contains(fit.efficiency))
    XCTAssertEqual(Sensitivity.prediction(by: fit, on: Accelerator(efficiency: 1)), 1.22, accuracy: 0.05)
    // kappa in flight only cannot explain both rows.
    XCTAssertGreaterThan(Calibration(.whileInFlight).residual, 0.01)
    // The valley: fixed efficiencies give quite different kappas at small cost.
    let (low, high) = (
      Calibration(.throughout, efficiencies: 0.25...0.25), Calibration(.throughout, efficiencies: 0.5...0.5)
    )
    XCTAssertGreaterThan(high.kappa - low.kappa, 0.08)
    XCTAssertLessThan(max(low.residual, high.residual), 0.01)
  }

  /// One published speed-up fixes a system's overhead; other lengths and depths follow by arithmetic.
  func testAnOverheadIsFittedOnOnePointAndPredictsOthers() throws {
    let fit = Calibration(.throughout)
    func scenario(_ model: String, _ sequence: Int) -> Scenario {
      Scenario(.published(model), mode: .prefill, sequence: sequence, fit: fit)
    }
    let cases = [512, 1024, 2048].map { scenario("deepseek-v2", $0) }
    let overhead = try ServingOverhead(fittedTo: 1.168, asLargestOf: cases, gpus: 8)
    XCTAssertGreaterThan(overhead.millisecondsPerLayer, 0)
    let speedups = cases.map { overhead.times($0, gpus: 8).speedup }
    XCTAssertEqual(speedups.max()!, 1.168, accuracy: 1e-9)
    XCTAssertLessThan(speedups[0], speedups[1], "short prompts have less to hide against the same overhead")
    let scout = scenario("llama-4-scout", 1024)
    let times = overhead.times(scout, gpus: 8)
    let added = 48 * overhead.millisecondsPerLayer
    XCTAssertEqual(times.standard, scout.times(.standard, gpus: 8).milliseconds + added, accuracy: 1e-9)
    XCTAssertEqual(times.farskip, scout.times(.farskip, gpus: 8).milliseconds + added, accuracy: 1e-9)
    // Where the blocks alone gain less than was published no overhead explains it.
    XCTAssertEqual(try ServingOverhead(fittedTo: 2, asLargestOf: cases, gpus: 8).millisecondsPerLayer, 0)
    for (published, scenarios) in [(1.0, cases), (.infinity, cases), (1.2, [])] {
      XCTAssertThrowsError(try ServingOverhead(fittedTo: published, asLargestOf: scenarios, gpus: 8)) { error in
        XCTAssertTrue("\(error)".contains("published"), "\(error)")
      }
    }
  }

  func testUnknownNamesAndUnevenExpertsAreRefused() {
    let shape = ModelShape.published.last!
    XCTAssertThrowsError(try shape.requireExpertParallel(32)) { error in
      XCTAssertTrue("\(error)".contains("one of 2, 4, 8, 16"), "\(error)")
    }
    XCTAssertNoThrow(try shape.requireExpertParallel(16))
  }

  /// One step of decoding against sums by hand.
  func testAStepOfDecodingCostsTheSumsByHand() throws {
    let shape = ModelShape.published("deepseek-v3")
    let work = shape.decodeWork(sequences: 1024, cached: 4096, ranks: 16, perNode: 8, bytesPerNumber: 2)
    // All 16 experts of a rank are chosen by some of 1,024 tokens: 3 matrices of 7168 x 2048 each, a byte a weight.
    XCTAssertEqual(work.read.experts, Double(16 * 3 * 7168 * 2048), accuracy: 1)
    let (output, cached) = (128 * 128 * 7168, 1024 * 4096)
    XCTAssertEqual(work.read.core, Double(cached * 576 * 2 + output / 16), accuracy: 1)
    XCTAssertEqual(work.core, Double(8 * 2 * 1088 * cached) + Double(2 * 64 * output), accuracy: 1)
    XCTAssertEqual(work.intraBytes, 1.75 * Double(1024 * 7168 * 2), accuracy: 1)
    // One token chooses 8 of 256 experts: half of one of a rank's 16.
    let one = shape.decodeWork(sequences: 1, cached: 0, ranks: 16, perNode: 8, bytesPerNumber: 2)
    XCTAssertEqual(one.read.experts, Double(3 * 7168 * 1024), accuracy: 1)
    // Reading decides: 256 MB of experts and 4.8 GB of cache at 5.3 TB/s.
    let durations = Accelerator(efficiency: 0.4).durations(work)
    XCTAssertEqual(durations.core, work.read.core / 5.3e9, accuracy: 1e-9)
  }

  func testCommunicationMayBeGivenAsAShare() throws {
    let scenario = Scenario(
      .published("deepseek-v2-lite"), mode: .training, fit: Calibration(.throughout), kappa: 1)
    for share in [0.1, 0.5, 0.8] {
      var stretched = scenario
      stretched.share = share
      XCTAssertEqual(stretched.communicationShare(gpus: 8), share, accuracy: 1e-12)
      XCTAssertEqual(
        stretched.times(.standard, gpus: 8).milliseconds * (1 - share),
        scenario.times(.standard, gpus: 8).milliseconds * (1 - scenario.communicationShare(gpus: 8)), accuracy: 1e-6)
    }
  }

  func testLinksAreReadInTheirUnits() throws {
    let both = try parseLinks("310GB/s,50GB/s")
    XCTAssertTrue(both == (310, 50))
    XCTAssertTrue(try parseLinks("1.5GB/s") == (1.5, 1.5))
    for text in ["0GB/s", "310", "fast", "1GB/s,2GB/s,3GB/s", "1GB/s,", "-1GB/s"] {
      XCTAssertThrowsError(try parseLinks(text), text)
    }
  }
}

extension OverlapModel {
  /// T_standard / T_method of training by formula; the method has one.
  fileprivate func trainingSpeedup(_ method: OverlapMethod) -> Double {
    func training(_ method: OverlapMethod) -> Double { closedForm(method, .forward)! + closedForm(method, .backward)! }
    return training(.standard) / training(method)
  }
}
