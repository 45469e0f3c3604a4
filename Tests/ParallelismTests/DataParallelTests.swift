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

/// Trainers on ranks that share every batch, as threads: the loss curve of one rank with the same batch, the same bits
/// whenever there are as many, with the optimizer's state shared out or not, resumed or not.
final class DataParallelTests: XCTestCase {
  private var folder = URL(fileURLWithPath: "/")

  override class func setUp() { Threads.set(1) }
  override func setUpWithError() throws { folder = try temporaryFolder() }
  override func tearDown() { try? FileManager.default.removeItem(at: folder) }

  private static let vocabulary = TinyFamilies.vocabulary

  private final class RandomBatches: BatchSource {
    func batch(step: Int) -> (ids: [Int32], targets: [Int32]) {
      let targets = randomIds(32, vocabulary: DataParallelTests.vocabulary, seed: UInt64(step) + 9000)
      return (
        randomIds(32, vocabulary: DataParallelTests.vocabulary, seed: UInt64(step) + 100),
        targets.enumerated().map { $0.offset % 5 == 3 ? -1 : $0.element }
      )
    }
  }

  private func dense(seed: UInt64) throws -> LanguageModel { try model(TinyFamilies.dense, seed: seed) }

  private func model(_ config: ModelConfig, seed: UInt64) throws -> LanguageModel {
    try LanguageModel(config, weights: RandomWeights(seed: seed, deviation: 0.2, layers: config.layerCount))
  }

  /// A training on a rank, which stops after `last` steps.
  private typealias Training = (_ ranks: any TrainingRanks, _ folder: URL, _ last: Int) throws -> LanguageModel

  private static func identity(_ ranks: any TrainingRanks) -> RunIdentity {
    RunIdentity(student: "tiny", teacher: nil, data: "random ids", on: ranks)
  }

  /// Knowledge distillation of `student` and `teacher`, 6 steps of 4 sequences in micro-batches of `microBatch`.
  private func distilling(
    _ student: @escaping () throws -> LanguageModel, from teacher: @escaping () throws -> LanguageModel,
    microBatch: Int = 2, _ change: (inout TrainingPlan) -> Void = { _ in }
  ) -> Training {
    var plan = TrainingPlan(
      tokens: 6 * 32, batch: 4, time: 8, microBatch: microBatch, learningRate: 0.01, warmup: 0.2,
      optimizer: .init(weightDecay: 0.1), clip: 1, klWeight: 1)
    change(&plan)
    return { [plan] ranks, folder, last in
      let trainer = try Trainer(
        student: student(), teacher: teacher(), batches: RandomBatches(), plan: plan.dealt(to: ranks.size), ranks: ranks
      )
      try trainer.run(
        in: RunDirectory(folder), identity: Self.identity(ranks), saveEvery: last < 0 ? 60 : 0,
        shouldStop: { trainer.step == last && ranks.rank == ranks.size - 1 })
      return trainer.student
    }
  }

  private var intermediate: Training {
    { ranks, folder, last in
      let trainer = try IntermediateTrainer(
        student: self.dense(seed: 2), base: self.dense(seed: 1), batches: RandomBatches(),
        plan: IntermediatePlan(tokens: 6 * 32, batch: 4, time: 8, learningRate: 0.01, loss: .refined), ranks: ranks)
      try trainer.run(
        in: RunDirectory(folder), identity: Self.identity(ranks), saveEvery: last < 0 ? 60 : 0,
        shouldStop: { trainer.step == last })
      return trainer.student
    }
  }

  private var preference: Training {
    let pairs = (0..<24).map { index in
      func ids(_ length: Int, _ part: Int) -> [Int32] {
        randomIds(length, vocabulary: Self.vocabulary, seed: UInt64(10 * index + part))
      }
      return TokenizedPair(
        chosen: PromptedReply(prompt: ids(3, 0), reply: ids(1 + index % 4, 1)),
        rejected: PromptedReply(prompt: ids(3, 0), reply: ids(1 + index % 3, 2)))
    }
    return { ranks, folder, last in
      let plan = PreferencePlan(pairs: 24, batch: 4, learningRate: 0.01)
      let trainer = try PreferenceTrainer(
        policy: self.dense(seed: 1), reference: self.dense(seed: 1), pairs: pairs, plan: plan.dealt(to: ranks.size),
        ranks: ranks)
      try trainer.run(
        in: RunDirectory(folder), identity: Self.identity(ranks), saveEvery: last < 0 ? 60 : 0,
        shouldStop: { trainer.step == last })
      return trainer.policy
    }
  }

  /// The loss curve and every rank's weights at the end.
  private func result(
    _ training: @escaping Training, ranks count: Int, sharded: Bool = false, in name: String,
    stoppingAfter last: Int = -1
  ) throws -> (curve: [[Double]], weights: [[Float]]) {
    let place = folder.appendingPathComponent(name)
    let weights = Results(count)
    if count == 1 {
      weights.set(0, try training(SingleRank(), place, last).parameters.values.toArray())
    } else {
      try ThreadRanks.run(count) { ranks in
        let model = try training(DataParallelRanks(ranks, shardsOptimizer: sharded), place, last)
        weights.set(ranks.rank, model.parameters.values.toArray())
      }
    }
    return (try RunDirectory(place).readMetrics().rows.map { Array($0.dropLast()) }, weights.values)
  }

  private final class Results: @unchecked Sendable {
    private let lock = NSLock()
    private(set) var values: [[Float]]
    init(_ count: Int) { values = Array(repeating: [], count: count) }
    func set(_ rank: Int, _ weights: [Float]) { lock.withLock { values[rank] = weights } }
  }

  private var trainings: [(name: String, training: Training)] {
    get throws {
      // Experts whose load is kept even by a loss and by biases.
      var experts = try TinyFamilies.all(.standard)[0].config
      experts.architecture = .deepseekV3
      experts.experts?.rule = ExpertConfig.deepSeekV3()
      experts.experts?.hasCorrectionBias = true
      return [
        ("kl", distilling({ try self.dense(seed: 2) }, from: { try self.dense(seed: 1) }, microBatch: 4)),
        (
          "kl, hidden states, recomputed",
          distilling({ try self.dense(seed: 2) }, from: { try self.dense(seed: 1) }, microBatch: 1) {
            $0.hiddenWeight = 0.1
            $0.checkpointing = true
          }
        ),
        (
          "experts",
          distilling(
            { [experts] in try self.model(experts, seed: 2) }, from: { [experts] in try self.model(experts, seed: 1) }
          ) {
            $0.balance = ExpertBalance()
          }
        ),
        ("ild", intermediate), ("dpo", preference),
      ]
    }
  }

  func testRanksFollowTheCurveOfOneWithTheSameBitsWhoeverKeepsTheOptimizer() throws {
    for (name, training) in try trainings {
      let one = try result(training, ranks: 1, in: "\(name) alone")
      for count in name == "kl" ? [2, 4] : [2] {
        let many = try result(training, ranks: count, in: "\(name) \(count)")
        let about = "\(name) on \(count) ranks"
        XCTAssertEqual(many.curve.count, one.curve.count, about)
        for (row, wanted) in zip(many.curve, one.curve) {
          for (found, value) in zip(row, wanted) {
            XCTAssertEqual(found, value, accuracy: 1e-5 * abs(value) + 2e-6, about)
          }
        }
        for weights in many.weights { XCTAssertEqual(weights, many.weights[0], about + ": ranks differ") }
        let sharded = try result(training, ranks: count, sharded: true, in: "\(name) \(count) sharded")
        XCTAssertEqual(sharded.weights, many.weights, about + ": bits")
        XCTAssertEqual(sharded.curve, many.curve, about)
      }
    }
  }

  func testAnInterruptedTrainingGoesOnToTheSameBits() throws {
    let (_, training) = try trainings[0]
    let calm = try result(training, ranks: 2, in: "calm")
    for sharded in [false, true] {
      let name = "stopped \(sharded)"
      XCTAssertThrowsError(try result(training, ranks: 2, sharded: sharded, in: name, stoppingAfter: 3)) {
        XCTAssertTrue("\($0)".hasPrefix(self.folder.path) && "\($0)".contains("interrupted after step 3"), "\($0)")
      }
      let states = RunDirectory(folder.appendingPathComponent(name)).checkpoint
      let places = sharded ? (0..<2).map { states.appendingPathComponent("rank-\($0)") } : [states]
      for place in places { XCTAssertEqual(TrainingCheckpoint.examine(place).good, [3, 2], place.path) }
      for (ranks, other) in [(4, sharded), (2, !sharded)] {
        XCTAssertThrowsError(try result(training, ranks: ranks, sharded: other, in: name)) {
          XCTAssertTrue("\($0)".contains("other settings"), "\($0)")
        }
      }
      let resumed = try result(training, ranks: 2, sharded: sharded, in: name)
      XCTAssertEqual(resumed.weights, calm.weights)
      XCTAssertEqual(resumed.curve, calm.curve)
    }
  }

  /// A fault in the part of the batch that one rank has is told once, with its place.
  func testAFaultOnOneRankEndsAllWithItsPlace() throws {
    let training = distilling(
      {
        let model = try self.dense(seed: 2)
        model.embedding.value.pointer.update(repeating: .infinity, count: model.embedding.value.count)
        return model
      }, from: { try self.dense(seed: 1) })
    XCTAssertThrowsError(try result(training, ranks: 2, in: "fault")) {
      XCTAssertTrue("\($0)".contains("step 1") && "\($0)".contains("parameter model.embed"), "\($0)")
    }
  }

  // MARK: Weights

  /// Only the first rank finds the checkpoint.
  func testOneRankReadsTheWeightsForAll() throws {
    let saved = try dense(seed: 3)
    let place = folder.appendingPathComponent("saved")
    try saved.save(to: place)
    let nowhere = folder.appendingPathComponent("nowhere")
    let weights = Results(3)
    try ThreadRanks.run(3) { ranks in
      let model = try DataParallelRanks(ranks).load(saved.config, from: ranks.rank == 0 ? place : nowhere)
      weights.set(ranks.rank, model.parameters.values.toArray())
    }
    for rank in 0..<3 { XCTAssertEqual(weights.values[rank], saved.parameters.values.toArray(), "rank \(rank)") }
  }

  func testWeightsThatTheFirstRankCannotReadEndAll() throws {
    let saved = try dense(seed: 3)
    func load(_ name: String, _ change: (URL) throws -> Void) throws -> String {
      let place = folder.appendingPathComponent(name)
      try saved.save(to: place)
      try change(place.appendingPathComponent(CheckpointReader.singleName))
      let said = Messages()
      try ThreadRanks.run(3) { ranks in
        do { _ = try DataParallelRanks(ranks).load(saved.config, from: place) } catch let error as AgreedError {
          said.add("\(error.error)")
        }
      }
      XCTAssertEqual(said.all.count, 3, "\(name): \(said.all)")
      XCTAssertEqual(Set(said.all).count, 1, name)
      return said.all.first ?? ""
    }
    XCTAssertTrue(try load("missing") { try FileManager.default.removeItem(at: $0) }.contains("no such file"))
    XCTAssertTrue(
      try load("short") { file in
        try Data(contentsOf: file).dropLast(8).write(to: file)
      }.contains("model.safetensors"))
    // Found where the numbers are read, and in what the checkpoint holds beside them.
    let infinite = try dense(seed: 3)
    infinite.embedding.value.pointer[0] = .nan
    XCTAssertTrue(
      try load("nan") { try infinite.save(to: $0.deletingLastPathComponent()) }.contains("NaN"))
    var deeper = saved.config
    deeper.layerCount += 1
    deeper.mixers.append(deeper.mixers[0])
    XCTAssertTrue(
      try load("extra") { try self.model(deeper, seed: 3).save(to: $0.deletingLastPathComponent()) }
        .contains("does not ask for"))
  }

  private final class Messages: @unchecked Sendable {
    private let lock = NSLock()
    private(set) var all: [String] = []
    func add(_ text: String) { lock.withLock { all.append(text) } }
  }

  func testRanksWithOtherConfigsAreRefused() throws {
    let saved = try dense(seed: 3)
    let place = folder.appendingPathComponent("saved")
    try saved.save(to: place)
    XCTAssertThrowsError(
      try ThreadRanks.run(2) { ranks in
        var config = saved.config
        if ranks.rank == 1 { config.tieWordEmbeddings.toggle() }
        _ = try DataParallelRanks(ranks).load(config, from: place)
      }
    ) { XCTAssertTrue("\($0)".contains("rank 1 has another checkpoint (config.json)"), "\($0)") }
  }

  func testABatchThatRanksCannotShareIsRefused() throws {
    for (ranks, batch, micro, word) in [(3, 4, 4, "`batch`"), (2, 6, 2, "`micro_batch`")] {
      let plan = TrainingPlan(tokens: 960, batch: batch, time: 8, microBatch: micro).dealt(to: ranks)
      XCTAssertThrowsError(try plan.validate(ranks: ranks)) { XCTAssertTrue("\($0)".hasPrefix(word), "\($0)") }
    }
    XCTAssertNoThrow(try TrainingPlan(tokens: 960, batch: 8, time: 8).dealt(to: 4).validate(ranks: 4))
  }
}
