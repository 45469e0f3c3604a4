import Autograd
import Collectives
import Foundation
import Groundwork
import ModelCore
import TensorCore
import TestKit
import XCTest

@testable import Parallelism

/// Tensor and expert parallelism on threads against one rank.
final class TensorParallelTests: XCTestCase {
  override class func setUp() { Threads.set(1) }

  private let tokens: [Int32] = (0..<40).map { Int32(($0 * 7 + $0 / 5) % TinyFamilies.vocabulary) }

  /// Hidden states of a prompt, of five tokens more at once, and of three alone; from every rank.
  private func states(_ config: ModelConfig, ranks count: Int, overlaps: Bool) throws -> [[Float]] {
    let weights = RandomWeights(seed: 3, deviation: 0.4, layers: config.layerCount)
    var all = [[Float]](repeating: [], count: count)
    let lock = NSLock()
    try ThreadRanks.run(count) { ranks in
      let context = RankContext(LinkModel(ranks, LinkRate(alpha: 10e-6, beta: 500e6)), overlaps: overlaps)
      let model = try TensorParallelModel(config, weights: weights, on: context)
      let cache = model.makeCache()
      var states: [Float] = []
      for piece in [0..<32, 32..<37, 37..<38, 38..<39, 39..<40] {
        states += try model.extend(cache, Array(self.tokens[piece])).toArray()
      }
      lock.withLock { all[ranks.rank] = states }
    }
    return all
  }

  func testRanksAgreeWithOneRank() throws {
    for connectivity in Connectivity.allCases {
      for (name, config) in try TinyFamilies.all(connectivity) {
        let plain = try LanguageModel(
          config, weights: RandomWeights(seed: 3, deviation: 0.4, layers: config.layerCount))
        let expected = try plain.extend(plain.makeCache(), tokens).toArray()
        for count in [1, 2] {
          let blocking = try states(config, ranks: count, overlaps: false)
          let overlapped = try states(config, ranks: count, overlaps: true)
          XCTAssertEqual(blocking, overlapped, "\(name) \(connectivity.rawValue): overlap changes no bit")
          for rank in 1..<max(1, count) {
            XCTAssertEqual(overlapped[rank], overlapped[0], "\(name): ranks hold the same bits")
          }
          XCTAssertLessThan(
            relativeError(overlapped[0], expected), 1e-5, "\(name) \(connectivity.rawValue) on \(count)")
        }
      }
    }
  }

  /// A constant factor on the embedding, and on sums where the mixer's output is reduced alone, as Granite has them: no
  /// family with experts does today.
  func testConstantFactorsCount() throws {
    for connectivity in Connectivity.allCases {
      var config = try TinyFamilies.all(connectivity)[0].config
      config.block.embeddingMultiplier = 3
      if !connectivity.skipsAttentionOutput { config.block.residualMultiplier = 0.5 }
      let plain = try LanguageModel(config, weights: RandomWeights(seed: 3, deviation: 0.4, layers: config.layerCount))
      let expected = try plain.extend(plain.makeCache(), tokens).toArray()
      let got = try states(config, ranks: 2, overlaps: true)[0]
      XCTAssertLessThan(relativeError(got, expected), 1e-5, connectivity.rawValue)
    }
  }

  /// Where attention's part is summed with the experts' before the reduction, neither a factor nor a norm fits between.
  func testFactorsThatDoNotFitAreRefused() throws {
    for change: (inout ModelConfig) -> Void in [
      { $0.block.residualMultiplier = 0.5 }, { $0.block.norms = .around },
    ] {
      for connectivity in Connectivity.allCases where connectivity.skipsAttentionOutput {
        var config = try TinyFamilies.all(connectivity)[0].config
        change(&config)
        XCTAssertThrowsError(try config.sharded(over: 2), connectivity.rawValue) {
          XCTAssertTrue("\($0)".contains("cannot be divided over ranks"), "\($0)")
        }
      }
    }
  }

  func testReductionsFlyInFarSkipsWindows() throws {
    let config = try TinyFamilies.all(.farskip)[2].config
    try ThreadRanks.run(2) { ranks in
      let context = RankContext(LinkModel(ranks, LinkRate(alpha: 300e-6, beta: 1e9)), overlaps: true)
      let model = try TensorParallelModel(
        config, weights: RandomWeights(seed: 3, deviation: 0.4, layers: config.layerCount), on: context)
      try context.restartLog()
      _ = try model.extend(model.makeCache(), self.tokens)
      for layer in 1..<config.layerCount {
        XCTAssertTrue(context.log.overlaps(.dispatch, .experts, layer: layer, .prefill), "AR(a + s) beside the experts")
        let flight = context.log.events.first {
          $0.track == .communication && $0.operation == "C" && $0.layer == layer - 1
        }!
        let attention = context.log.events.first {
          $0.track == .computation && $0.operation == "B" && $0.layer == layer
        }!
        XCTAssertTrue(flight.start < attention.end && attention.start < flight.end, "AR(r) beside the next attention")
      }
    }
  }

  func testRanksGenerateTheTextOfOne() throws {
    let config = try TinyFamilies.all(.farskip)[0].config
    let weights = RandomWeights(seed: 3, deviation: 0.4, layers: config.layerCount)
    var texts = [[Int32]](repeating: [], count: 2)
    let lock = NSLock()
    try ThreadRanks.run(2) { ranks in
      let model = try TensorParallelModel(config, weights: weights, on: RankContext(ranks, overlaps: true))
      let made = try model.generate(prompt: Array(self.tokens.prefix(5)), maximum: 6, ends: [])
      XCTAssertEqual(made.laterTokens.count, 5)
      XCTAssertGreaterThan(made.firstToken, 0)
      lock.withLock { texts[ranks.rank] = made.tokens }
    }
    XCTAssertEqual(texts[0], texts[1])
    // Greedy on one rank.
    let plain = try LanguageModel(config, weights: weights)
    var ids = Array(tokens.prefix(5))
    for _ in 0..<6 {
      let logits = plain.logits(try plain.extend(plain.makeCache(), ids))
      let row = logits.pointer + (logits.rowCount - 1) * logits.width
      ids.append(Int32((0..<logits.width).max { row[$0] < row[$1] }!))
    }
    XCTAssertEqual(texts[0], Array(ids.suffix(6)))
  }

  func testPositionsEndATextAndRefuseAPrompt() throws {
    var limited = try TinyFamilies.all(.farskip)[1].config
    limited.maxPosition = 8
    let config = limited
    /// How many tokens follow a prompt of so many.
    func follow(_ prompt: Int, damaged: Bool = false) throws -> Int {
      var count = 0
      let lock = NSLock()
      try ThreadRanks.run(2) { ranks in
        let model = try TensorParallelModel(
          config, weights: RandomWeights(seed: 3, deviation: 0.4, layers: config.layerCount),
          on: RankContext(ranks, overlaps: true))
        for (ids, words) in [
          (Array(self.tokens.prefix(9)), "longer than the model's positions"),
          ([Int32(TinyFamilies.vocabulary)], "a token outside the vocabulary"),
        ] {
          XCTAssertThrowsError(try model.extend(model.makeCache(), ids), words) {
            XCTAssertTrue(($0 as? AgreedError)?.error.what.contains(words) ?? false, "\($0)")
          }
        }
        if damaged { model.model.finalNorm.value.fill(.nan) }
        let made = try model.generate(prompt: Array(self.tokens.prefix(prompt)), maximum: .max, ends: [])
        lock.withLock { count = made.tokens.count }
      }
      return count
    }
    // The last position's prediction is the last token.
    XCTAssertEqual(try follow(6), 3)
    XCTAssertThrowsError(try follow(9)) {
      XCTAssertEqual(($0 as? UpcycleError)?.kind, .usage)
      XCTAssertTrue("\($0)".contains("`prompt`: is longer than the model's positions"), "\($0)")
    }
    XCTAssertThrowsError(try follow(6, damaged: true)) { XCTAssertTrue("\($0)".contains("not finite"), "\($0)") }
  }

  func testUnevenHeadsAndDenseModelsAreRefused() throws {
    let config = try TinyFamilies.all(.farskip)[1].config
    XCTAssertThrowsError(try config.sharded(over: 4)) {
      XCTAssertTrue("\($0)".contains("heads") && "\($0)".contains("1, 2"), "\($0)")
    }
    var dense = config
    dense.experts = nil
    XCTAssertThrowsError(try dense.sharded(over: 2)) { XCTAssertTrue("\($0)".contains("dense model"), "\($0)") }
  }
}
