import Autograd
import Distillation
import Foundation
import ModelCore
import TestKit
import XCTest

/// Training models with experts: balance by loss and by bias, distances of hidden states, frozen embeddings, an early
/// end.
final class ExpertTrainingTests: XCTestCase {
  private func config(_ connectivity: Connectivity = .standard, bias: Bool = false) throws -> ModelConfig {
    var config = TinyTraining.config()
    config.tieWordEmbeddings = false
    config.architecture = .qwen3MoE
    config.attention.qkNorm = true
    config.experts = ExpertConfig(
      count: 8, perToken: 2, width: 12, layers: [0, 1], rule: RoutingRule(score: .softmax, isNormalized: true))
    if bias {
      config.architecture = .deepseekV3
      config.attention.qkNorm = false
      config.mixers = [.latentAttention, .latentAttention]
      config.latent = LatentConfig(
        qRank: nil, kvRank: 6, nopeHeadDim: 2, ropeHeadDim: 2, valueHeadDim: 4, upProjectionHeads: 4, latentNorm: true,
        isNative: true)
      config.experts?.rule = ExpertConfig.deepSeekV3()
      config.experts?.hasCorrectionBias = true
    }
    return try config.connecting([0, 1], as: connectivity)
  }

  private func trainer(
    _ plan: TrainingPlan, _ config: ModelConfig, teacher: LanguageModel? = nil, batches: (any BatchSource)? = nil
  ) throws -> Trainer {
    try Trainer(
      student: TinyTraining.model(config), teacher: teacher, batches: batches ?? RandomBatches(plan.batch, plan.time),
      plan: plan)
  }

  /// The balance loss acts: with a large weight the load is more even than without.
  func testBalanceLossEvensTheLoad() throws {
    /// Highest load over the mean one, 1 where it is even; the mean over layers.
    func crowding(_ weight: Double) throws -> Double {
      let plan = TinyTraining.plan(steps: 80) { $0.balance = ExpertBalance(lossWeight: weight, biasRate: 0) }
      let trainer = try trainer(plan, config())
      for _ in 0..<80 {
        let metrics = try trainer.trainStep()
        XCTAssertEqual(metrics.balance != nil, weight > 0)
      }
      let ratios = trainer.student.routing.records.map { record -> Double in
        Double(record.loads.max()! * record.loads.count) / Double(record.loads.reduce(0, +))
      }
      return ratios.reduce(0, +) / 2
    }
    XCTAssertLessThan(try crowding(1), try crowding(0) - 0.2)
  }

  /// Up where an expert got less than the mean of the whole step, down where it got more.
  func testBiasMovesByTheRate() throws {
    let plan = TinyTraining.plan {
      $0.balance = ExpertBalance(lossWeight: 0, biasRate: 0.125)
      $0.microBatch = 2
    }
    let trainer = try trainer(plan, config(bias: true))
    let metrics = try trainer.trainStep()
    XCTAssertNil(metrics.balance)
    let bias = trainer.student.parameters["model.layers.1.mlp.gate.e_score_correction_bias"]!.value.toArray()
    let loads = try XCTUnwrap(trainer.student.routing.records.first { $0.layer == 1 }).loads
    let slots = plan.batch * plan.time * 2
    XCTAssertEqual(loads.reduce(0, +), slots)
    XCTAssertEqual(bias, loads.map { $0 * 8 < slots ? 0.125 : $0 * 8 > slots ? -0.125 : 0 }, "\(loads)")
    XCTAssertTrue(bias.contains { $0 != 0 }, "\(bias)")
  }

  /// The student is its own teacher but for the connectivity: states come nearer, and what is reported is the loss.
  func testHiddenStatesComeNearer() throws {
    let teacher = try TinyTraining.model(config())
    func loss(_ connectivity: Connectivity, steps: Int, weight: Double?) throws -> Double {
      let plan = TinyTraining.plan(steps: 60) {
        ($0.ceWeight, $0.klWeight, $0.hiddenWeight) = (0, 1, weight)
      }
      let trainer = try trainer(plan, config(connectivity), teacher: teacher, batches: FixedBatches(32))
      var last = 0.0
      for _ in 0..<steps {
        let metrics = try trainer.trainStep()
        last = metrics.loss - metrics.divergence
      }
      return last
    }
    XCTAssertEqual(try loss(.standard, steps: 1, weight: 0.5), 0, accuracy: 1e-9)
    XCTAssertEqual(try loss(.farskip, steps: 1, weight: nil), 0, accuracy: 1e-9)
    let first = try loss(.farskip, steps: 1, weight: 0.5)
    XCTAssertGreaterThan(first, 0.001)
    XCTAssertEqual(try loss(.farskip, steps: 1, weight: 1), 2 * first, accuracy: 1e-6)
    XCTAssertLessThan(try loss(.farskip, steps: 60, weight: 0.5), 0.5 * first)
    XCTAssertThrowsError(try trainer(TinyTraining.plan { $0.hiddenWeight = 1 }, config())) {
      XCTAssertTrue("\($0)".contains("teacher"))
    }
  }

  func testFrozenEmbeddingsStay() throws {
    let trainer = try trainer(TinyTraining.plan { $0.freezesEmbeddings = true }, config())
    let before = [trainer.student.embedding, trainer.student.head, trainer.student.finalNorm].map { $0.value.toArray() }
    for _ in 0..<3 { _ = try trainer.trainStep() }
    XCTAssertEqual(trainer.student.embedding.value.toArray(), before[0])
    XCTAssertEqual(trainer.student.head.value.toArray(), before[1])
    XCTAssertNotEqual(trainer.student.finalNorm.value.toArray(), before[2])
  }

  /// A run that is told to end does, and is done.
  func testARunThatIsToldToEndIsDone() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let trainer = try trainer(TinyTraining.plan(), config())
    try trainer.run(in: RunDirectory(folder), identity: TinyTraining.identity, isFinished: { $0 == 4 })
    XCTAssertEqual(trainer.step, 4)
  }

  /// Plans written before models had experts still read, and write the same.
  func testPlansWithoutExpertsReadAndWriteAsBefore() throws {
    let plan = TinyTraining.plan()
    let text = String(decoding: try JSONEncoder().encode(plan), as: UTF8.self)
    for key in ["balance", "hiddenWeight", "freezesEmbeddings"] { XCTAssertFalse(text.contains(key), text) }
    XCTAssertEqual(try JSONDecoder().decode(TrainingPlan.self, from: Data(text.utf8)), plan)
  }
}
