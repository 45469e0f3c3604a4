import Autograd
import Collectives
import Distillation
import Foundation
import Groundwork
import ModelCore
import TensorCore
import TestKit
import XCTest

@testable import Parallelism

/// Expert parallelism on threads: the same bits for every number of ranks, overlapped or not.
final class ExpertParallelTests: XCTestCase {
  private typealias States = ParallelComparison.States

  override class func setUp() { Threads.set(1) }

  private static let (batch, time) = (4, 64)

  private func model(_ config: ModelConfig) throws -> LanguageModel {
    try LanguageModel(config, weights: weights(config))
  }

  private func weights(_ config: ModelConfig) -> RandomWeights {
    RandomWeights(seed: 3, deviation: 0.4, layers: config.layerCount)
  }

  private static let ids: [Int32] = {
    let random = RandomStream(seed: 2, "ids")
    return (0..<batch * time).map { Int32(random.below(TinyFamilies.vocabulary, at: UInt64($0))) }
  }()

  private func comparison(_ config: ModelConfig) -> ParallelComparison {
    ParallelComparison(
      model: { try self.model(config) }, weights: weights(config), ids: Self.ids, batch: Self.batch)
  }

  private func pass(
    _ config: ModelConfig, ranks: Int, overlaps: Bool, progress: MessageProgress.Mode = .poll, alpha: Double = 20e-6
  ) throws -> States {
    try comparison(config).shared(
      .experts, ranks: ranks, overlaps: overlaps, progress: progress, link: LinkRate(alpha: alpha, beta: 200e6))
  }

  func testForwardIsTheSameForAnyNumberOfRanks() throws {
    for connectivity in Connectivity.allCases {
      for (name, config) in try TinyFamilies.all(connectivity) {
        let expected = try comparison(config).plain()
        for ranks in [1, 2, 4] {
          let got = try pass(config, ranks: ranks, overlaps: true)
          XCTAssertTrue(got.hidden == expected.hidden, "\(name) \(connectivity.rawValue) on \(ranks) ranks")
          if ranks == 1 {
            XCTAssertTrue(got.gradients == expected.gradients, "\(name) \(connectivity.rawValue): gradients to the bit")
          } else {
            XCTAssertLessThan(
              States.distance(got.gradients, expected.gradients), 1e-5, "\(name) \(connectivity.rawValue) on \(ranks)")
          }
        }
      }
    }
  }

  /// Constant factors on embedding and sums, as Granite has them: no family with experts does today.
  func testConstantFactorsCount() throws {
    for connectivity in Connectivity.allCases {
      var config = try TinyFamilies.all(connectivity)[0].config
      config.block.embeddingMultiplier = 3
      config.block.residualMultiplier = 0.5
      let expected = try comparison(config).plain()
      let got = try pass(config, ranks: 2, overlaps: true)
      XCTAssertTrue(got.hidden == expected.hidden, connectivity.rawValue)
    }
  }

  func testNumbersThatAreNoneAreFarFromAll() {
    XCTAssertEqual(States.distance([.nan, 1], [1, 1]), .infinity)
    XCTAssertEqual(States.distance([1, 1.5], [1, 1]), 0.5)
  }

  func testOverlapChangesNoBit() throws {
    for (name, config) in try TinyFamilies.all(.farskip) {
      let blocking = try pass(config, ranks: 2, overlaps: false)
      for progress in MessageProgress.Mode.allCases {
        let overlapped = try pass(config, ranks: 2, overlaps: true, progress: progress)
        XCTAssertTrue(overlapped.hidden == blocking.hidden, name)
        XCTAssertTrue(overlapped.gradients == blocking.gradients, name)
      }
    }
  }

  func testMessagesFlyInFarSkipsWindows() throws {
    let config = try TinyFamilies.all(.farskip)[1].config
    let durations = LayerDurations(
      projections: 1, core: 1, gate: 1, dispatch: 1, experts: 1, combine: 1, shared: 1)
    let model = OverlapModel(durations: durations, layers: 3, ranks: 2)
    // A latency longer than what a rank computes between two polls.
    for log in try pass(config, ranks: 2, overlaps: true, alpha: 20e-3).logs {
      for pass in [Pass.forward, .backward] { try PartialOrder(model.schedule(.farskip, pass)).check(log) }
      for layer in 1..<3 {
        XCTAssertTrue(log.overlaps(.dispatch, .core, layer: layer, .forward))
        XCTAssertTrue(log.overlaps(.combine, .shared, layer: layer, .forward))
        XCTAssertTrue(log.overlaps(.combine, .core, layer: layer, .backward))
        XCTAssertTrue(log.overlaps(.combine, .shared, layer: layer, .backward))
        XCTAssertTrue(log.overlaps(.dispatch, .projections, layer: layer, .backward))
        XCTAssertFalse(log.overlaps(.dispatch, .core, layer: layer, .backward), "the windows swap")
      }
    }
    for log in try pass(config, ranks: 2, overlaps: false).logs {
      XCTAssertFalse(log.overlaps(.dispatch, .core, layer: 1, .forward))
    }
  }

  /// All tokens go to one rank's experts: the other one receives nothing and takes part all the same.
  func testARankWithoutTokensTakesPart() throws {
    var config = try TinyFamilies.all(.farskip)[1].config
    config.experts!.perToken = 1
    config.experts!.rule = RoutingRule(score: .softmax)
    func skewed() throws -> LanguageModel {
      let model = try model(config)
      // Zero logits: every token takes expert 0.
      for layer in model.layers { layer.transform?.experts?.router.value.fill(0) }
      return model
    }
    let alone = Tape(recording: false)
    alone.isRowwise = true
    let expected = try skewed().hidden(alone, ids: Self.ids, batch: Self.batch, time: Self.time).value.toArray()
    var got = [[Float]](repeating: [], count: 4)
    let lock = NSLock()
    try ThreadRanks.run(4) { ranks in
      let context = RankContext(ranks, overlaps: true)
      let model = try skewed()
      let parallel = try ExpertParallelModel(model, context)
      model.parameters.zeroGradients()
      let tape = Tape(recording: true)
      let own = Self.ids.count * ranks.rank / 4..<Self.ids.count * (ranks.rank + 1) / 4
      let out = parallel.hidden(tape, ids: Array(Self.ids[own]), batch: 1, time: Self.time)
      tape.backward(from: tape.dot(out, Tensor(out.shape, values: randomFloats(out.value.count, "w"))))
      try context.check()
      XCTAssertFalse(model.parameters.gradients!.hasNonFinite)
      lock.withLock { got[ranks.rank] = out.value.toArray() }
    }
    XCTAssertTrue(got.flatMap { $0 } == expected)
  }

  // MARK: Training

  private final class Batches: BatchSource {
    func batch(step: Int) throws -> (ids: [Int32], targets: [Int32]) {
      let ids = ExpertParallelTests.ids
      return (ids, ids.indices.map { $0 % 64 == 63 ? -1 : ids[($0 + 1 + step) % ids.count] })
    }
  }

  /// Losses, and the whole model's weights after the last step.
  private func train(_ config: ModelConfig, ranks count: Int, overlaps: Bool) throws
    -> (losses: [Double], norm: Double, weights: [Float])
  {
    let steps = 4
    let plan = TrainingPlan(
      tokens: steps * Self.batch * Self.time, batch: Self.batch, time: Self.time, learningRate: 0.01)
    var result: (losses: [Double], norm: Double, weights: [Float]) = ([], 0, [])
    try ThreadRanks.run(count) { ranks in
      let context = RankContext(ranks, overlaps: overlaps)
      let trainer = try ExpertParallelTrainer(try self.model(config), batches: Batches(), plan: plan, on: context)
      let metrics = try (0..<steps).map { _ in try trainer.trainStep() }
      try trainer.gatherExperts()
      if ranks.rank == 0 {
        result = (metrics.map(\.loss), metrics[0].gradientNorm, trainer.parallel.model.parameters.values.toArray())
      }
    }
    return result
  }

  func testTrainingOnRanksLearnsAndRepeatsItsBits() throws {
    for (name, config) in try TinyFamilies.all(.farskip) {
      let one = try train(config, ranks: 1, overlaps: true)
      XCTAssertLessThan(one.losses.last!, one.losses[0], name)
      let two = try train(config, ranks: 2, overlaps: true)
      let again = try train(config, ranks: 2, overlaps: false)
      XCTAssertEqual(two.losses, again.losses, name)
      XCTAssertTrue(two.weights == again.weights, name)
      // The same losses of tokens, added in another order.
      XCTAssertEqual(two.losses[0], one.losses[0], accuracy: 1e-12, name)
      XCTAssertEqual(two.norm, one.norm, accuracy: 1e-5 * one.norm, name)
      XCTAssertEqual(two.losses.last!, one.losses.last!, accuracy: 1e-3, name)
      let start = try model(config).parameters.values.toArray()
      XCTAssertGreaterThan(States.distance(one.weights, start), 0.005, name)
    }
  }

  /// The first step's loss is that of the trainer of one process.
  func testASoftCapOfTheLogitsCounts() throws {
    var config = try TinyFamilies.all(.farskip)[0].config
    config.block.logitCap = 0.5
    let plan = TrainingPlan(tokens: 4 * Self.batch * Self.time, batch: Self.batch, time: Self.time, learningRate: 0.01)
    let expected = try Trainer(student: model(config), batches: Batches(), plan: plan).trainStep().loss
    XCTAssertEqual(try train(config, ranks: 2, overlaps: true).losses[0], expected, accuracy: 1e-5 * expected)
  }

  // MARK: Refusals

  func testUnevenExpertsAndBatchesAreRefused() throws {
    let qwen = try TinyFamilies.all(.farskip)[1].config
    var dense = qwen
    dense.experts = nil
    dense.architecture = .qwen3
    dense.connectivities = []
    for (config, count, words) in [(qwen, 3, ["4 experts", "1, 2, 4"]), (dense, 2, ["dense model"])] {
      XCTAssertThrowsError(
        try ThreadRanks.run(count) { ranks in
          _ = try ranks.agreeing { try ExpertParallelModel(try self.model(config), RankContext(ranks, overlaps: true)) }
        }
      ) { error in
        for word in words { XCTAssertTrue("\(error)".contains(word), "\(error)") }
        XCTAssertEqual((error as? UpcycleError)?.exitCode, 2)
      }
    }
    XCTAssertThrowsError(
      try ThreadRanks.run(3) { ranks in try ranks.requireSame(ranks.rank == 2 ? "b" : "a", "checkpoint", field: "model")
      }
    ) { XCTAssertTrue("\($0)".contains("rank 2 has another checkpoint"), "\($0)") }
  }
}
