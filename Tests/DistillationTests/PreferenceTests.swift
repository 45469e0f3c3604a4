import Autograd
import Foundation
import Groundwork
import ModelCore
import TensorCore
import TestKit
import XCTest

@testable import Distillation

/// Preference training: what a batch holds, what a step computes, that it learns, and that it resumes.
final class PreferenceTests: XCTestCase {
  private var folder = URL(fileURLWithPath: "/")

  override func setUpWithError() throws { folder = try temporaryFolder() }
  override func tearDown() { try? FileManager.default.removeItem(at: folder) }

  /// Prompts and replies of many lengths.
  private func randomPairs(_ count: Int) -> [TokenizedPair] {
    let stream = RandomStream(seed: 3, "pairs")
    return (0..<count).map { i in
      func ids(_ length: Int, _ part: Int) -> [Int32] {
        randomIds(length, vocabulary: TinyTraining.vocabulary, seed: UInt64(10 * i + part))
      }
      let lengths = (0..<3).map { 1 + stream.below(5, at: UInt64(3 * i + $0)) }
      let prompt = ids(lengths[0], 0)
      return TokenizedPair(
        chosen: PromptedReply(prompt: prompt, reply: ids(lengths[1], 1)),
        rejected: PromptedReply(prompt: prompt, reply: ids(lengths[2], 2)))
    }
  }

  private func plan(_ pairs: Int = 40, _ change: (inout PreferencePlan) -> Void = { _ in }) -> PreferencePlan {
    var plan = PreferencePlan(pairs: pairs, batch: 4, microBatch: 2, learningRate: 0.01)
    change(&plan)
    return plan
  }

  private func trainer(_ plan: PreferencePlan, pairs: [TokenizedPair]? = nil, reference seed: UInt64 = 1) throws
    -> PreferenceTrainer
  {
    try PreferenceTrainer(
      policy: TinyTraining.model(), reference: TinyTraining.model(seed: seed), pairs: pairs ?? randomPairs(plan.pairs),
      plan: plan)
  }

  // MARK: Batches

  func testABatchHoldsBothRepliesPadded() {
    let pair = TokenizedPair(
      chosen: PromptedReply(prompt: [1, 2], reply: [3, 4, 5]), rejected: PromptedReply(prompt: [1, 2], reply: [6]))
    let batch = PreferenceBatch([pair])
    XCTAssertEqual(batch.sequences, 2)
    XCTAssertEqual(batch.time, 4)
    XCTAssertEqual(batch.ids, [1, 2, 3, 4, 1, 2, 0, 0], "the last token is only predicted")
    XCTAssertEqual(batch.targets, [-1, 3, 4, 5, -1, 6, -1, -1], "neither prompt nor padding is predicted")
  }

  /// The sum over a reply's tokens, by plain logits of the sequence alone.
  private func replyLogProbability(_ model: LanguageModel, _ reply: PromptedReply) -> Double {
    let logits = model.logits(ids: Array(reply.ids.dropLast()), batch: 1, time: reply.inputCount).toArray()
    let width = TinyTraining.vocabulary
    var sum = 0.0
    for position in reply.replyStart..<reply.ids.count {
      let row = logits[(position - 1) * width..<position * width].map(Double.init)
      let total = row.reduce(0.0) { $0 + exp($1) }
      sum += row[Int(reply.ids[position])] - log(total)
    }
    return sum
  }

  /// A step in padded micro-batches is the loss of the replies one by one: only they count, and right padding
  /// changes nothing.
  func testAStepGivesWhatItsSequencesGiveAlone() throws {
    let pairs = randomPairs(4)
    XCTAssertGreaterThan(Set(pairs.flatMap { [$0.chosen.inputCount, $0.rejected.inputCount] }).count, 2)
    for size in [1, 2, 4] {
      let trainer = try trainer(
        plan(4) {
          $0.microBatch = size; $0.beta = 0.5
        }, pairs: pairs, reference: 5)
      var loss = 0.0
      var chosen = 0.0
      for pair in pairs {
        let policy = [pair.chosen, pair.rejected].map { replyLogProbability(trainer.policy, $0) }
        let reference = [pair.chosen, pair.rejected].map { replyLogProbability(trainer.reference, $0) }
        let gains = zip(policy, reference).map { $0 - $1 }
        let margin = 0.5 * (gains[0] - gains[1])
        loss += log(1 + exp(-margin)) / 4
        chosen += policy[0] / 4
      }
      let metrics = try trainer.trainStep()
      XCTAssertEqual(metrics.loss, loss, accuracy: 1e-5)
      XCTAssertEqual(metrics.chosen, chosen, accuracy: 1e-4)
    }
  }

  /// More padding (a long pair in the same micro-batch) and other micro-batches give the same update.
  func testMicroBatchesAndPaddingChangeNoGradient() throws {
    var pairs = randomPairs(4)
    pairs[2].rejected = PromptedReply(
      prompt: pairs[2].rejected.ids, reply: randomIds(40, vocabulary: TinyTraining.vocabulary))
    let results = try [1, 2, 4].map { size -> (norm: Double, values: [Float]) in
      let trainer = try trainer(plan(4) { $0.microBatch = size }, pairs: pairs, reference: 5)
      let metrics = try trainer.trainStep()
      return (metrics.gradientNorm, trainer.policy.parameters.values.toArray())
    }
    for result in results.dropFirst() {
      XCTAssertEqual(result.norm, results[0].norm, accuracy: 1e-5 * results[0].norm)
      assertClose(result.values, results[0].values, "values after a step", tolerance: 1e-5)
    }
  }

  /// Every layer, the final norm and the head have the right gradient.
  func testAModelsGradientsMatchDifferences() throws {
    let model = try TinyTraining.model()
    let batch = PreferenceBatch(randomPairs(2))
    GradientCheck("DPO through a model", step: 2e-3, tolerance: 1e-2, directions: 3).runLoss(set: model.parameters) {
      tape, _ in
      let hidden = model.hidden(tape, ids: batch.ids, batch: batch.sequences, time: batch.time)
      let scores = tape.targetLogProbabilities(hidden, head: model.head, targets: batch.targets)
      let (loss, sums) = tape.preferenceLoss(scores, reference: [-9, -7, -12, -10], beta: 0.5, scale: 1)
      return .init(scalar: loss, value: sums.loss)
    }
  }

  // MARK: Learning

  func testTheFirstLossIsTheLogarithmOfTwo() throws {
    let metrics = try trainer(plan { $0.beta = 0.3 }).trainStep()
    XCTAssertEqual(metrics.loss, log(2))
    XCTAssertEqual(metrics.margin, 0)
    XCTAssertGreaterThan(metrics.gradientNorm, 0)
  }

  /// Every reply made of 3 and 4 is preferred to one of 5 and 6: learnt, also for prompts never seen.
  func testPreferencesAreLearntForUnseenPrompts() throws {
    func pairs(_ range: Range<Int>) -> [TokenizedPair] {
      range.map { i in
        let prompt = randomIds(3, vocabulary: TinyTraining.vocabulary, seed: UInt64(i))
        func reply(from first: Int32) -> PromptedReply {
          let ids: [Int32] = randomIds(1 + i % 3, vocabulary: 2, seed: UInt64(i)).map { $0 + first }
          return PromptedReply(prompt: prompt, reply: ids)
        }
        return TokenizedPair(chosen: reply(from: 3), rejected: reply(from: 5))
      }
    }
    let trainer = try trainer(plan(120) { $0.beta = 0.5 }, pairs: pairs(0..<120))
    let frozen = trainer.reference.parameters.values.toArray()
    for _ in 0..<30 { _ = try trainer.trainStep() }
    let sums = trainer.score(pairs(1000..<1030))
    XCTAssertEqual(sums.pairs, 30)
    XCTAssertGreaterThan(Double(sums.correct) / 30, 0.9)
    XCTAssertLessThan(sums.loss / 30, 0.5)
    XCTAssertGreaterThan(sums.chosen, sums.rejected)
    XCTAssertEqual(trainer.reference.parameters.values.toArray(), frozen, "the reference is left alone")
    XCTAssertNil(trainer.reference.parameters.gradients)
  }

  /// Every pair is seen once, in an order that the seed decides.
  func testEveryPairIsSeenOnceInTheSeedsOrder() throws {
    func chosen(_ seed: UInt64) throws -> [Double] {
      let trainer = try trainer(
        plan(40) {
          $0.seed = seed; $0.learningRate = 1e-12
        })
      return try (0..<10).map { _ in try trainer.trainStep().chosen }
    }
    let (first, other) = (try chosen(1), try chosen(2))
    XCTAssertNotEqual(first, other)
    XCTAssertEqual(first.reduce(0, +), other.reduce(0, +), accuracy: 1e-3, "the same pairs")
  }

  // MARK: Resuming

  private func values(_ name: String, until last: Int? = nil, _ plan: PreferencePlan) throws -> [Float] {
    let trainer = try trainer(plan)
    let directory = RunDirectory(folder.appendingPathComponent(name))
    do {
      try trainer.run(in: directory, identity: TinyTraining.identity, shouldStop: { trainer.step == last })
      XCTAssertNil(last, "ran past its stop")
    } catch let error as UpcycleError where last != nil {
      XCTAssert("\(error)".contains("interrupted after step \(last!)"), "\(error)")
    }
    return trainer.policy.parameters.values.toArray()
  }

  func testAResumedRunHasTheBitsOfAnUninterruptedOne() throws {
    let whole = try values("whole", plan())
    for step in [3, 7] { _ = try values("parts", until: step, plan()) }
    // kill -9: a step after the checkpoint left a line and a half.
    let metrics = folder.appendingPathComponent("parts/run/metrics.csv")
    try writeFile(readFile(metrics) + Data("8,0,0,0,0,0,0,0,0\n9,0.1".utf8), to: metrics)
    XCTAssertEqual(try values("parts", plan()), whole)
    func rows(_ name: String) throws -> [[Double]] {
      try RunDirectory(folder.appendingPathComponent(name)).readMetrics().rows.map { Array($0.dropLast()) }
    }
    XCTAssertEqual(try rows("parts"), try rows("whole"))
    XCTAssertEqual(try rows("whole").map { Int($0[0]) }, Array(1...10))
  }

  func testAnotherPlanIsRefused() throws {
    _ = try values("taken", until: 3, plan())
    XCTAssertThrowsError(try values("taken", plan { $0.beta = 0.2 })) {
      XCTAssertEqual(($0 as? UpcycleError)?.exitCode, 2)
      XCTAssert("\($0)".contains("holds a run with other settings"), "\($0)")
    }
  }

  // MARK: Refusals

  func testImpossiblePlansAreRefused() throws {
    XCTAssertNoThrow(try plan().validate())
    let bad: [(String, (inout PreferencePlan) -> Void)] = [
      ("beta", { $0.beta = 0 }), ("beta", { $0.beta = .infinity }), ("batch", { $0.batch = 0 }),
      ("micro_batch", { $0.microBatch = 3 }), ("pairs", { $0.pairs = 3 }), ("lr", { $0.learningRate = -1 }),
      ("warmup", { $0.warmup = 2 }), ("clip", { $0.clip = -1 }),
    ]
    for (option, change) in bad {
      XCTAssertThrowsError(try plan(40, change).validate(), option) {
        XCTAssertEqual(($0 as? UpcycleError)?.exitCode, 2)
        XCTAssert("\($0)".prefix { $0 != ":" }.contains(option), "\($0)")
      }
    }
    XCTAssertThrowsError(try trainer(plan(8), pairs: randomPairs(7))) {
      XCTAssertTrue("\($0)".contains("`pairs`: do not fit the plan"), "\($0)")
    }
  }

  /// Both trainings' losses are per pair: the plan says how they are split, not what they are.
  func testTheDefaultMicroBatchIsNoPartOfThePlan() {
    XCTAssertEqual(
      [1, 2, 3, 4, 5, 6, 16, 7].map { PreferencePlan(pairs: 100, batch: $0).microBatch }, [1, 2, 3, 4, 1, 3, 4, 1])
  }
}
