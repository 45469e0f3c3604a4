import Autograd
import Foundation
import Groundwork
import ModelCore
import TensorCore
import TestKit
import XCTest

@testable import Distillation

/// Intermediate-layer distillation: layers learn the base's output, independently, one at a time in memory.
final class IntermediateTrainerTests: XCTestCase {
  private func config(layers: Int) -> ModelConfig {
    var config = TinyTraining.config()
    config.layerCount = layers
    config.mixers = Array(repeating: .attention, count: layers)
    return config
  }

  private func trainer(
    _ layers: Int = 2, steps: Int = 30, loss: IntermediatePlan.Loss = .norm,
    trained: IntermediatePlan.Trained = .layers,
    seed: UInt64 = 4, time: Int = 8
  ) throws -> IntermediateTrainer {
    let base = try TinyTraining.model(config(layers: layers))
    let student = try TinyTraining.model(seed: seed, config(layers: layers).withMamba2())
    // ILD starts from the base's embedding.
    student.embedding.value.pointer.update(from: base.embedding.value.pointer, count: base.embedding.value.count)
    let plan = IntermediatePlan(
      tokens: steps * 4 * time, batch: 4, time: time, learningRate: 0.01, loss: loss, trained: trained)
    return try IntermediateTrainer(student: student, base: base, batches: RandomBatches(4, time), plan: plan)
  }

  func testEveryLayerComesCloser() throws {
    for loss in [IntermediatePlan.Loss.squared, .norm, .refined] {
      let trainer = try trainer(steps: 60, loss: loss)
      let windows = (0..<4).map { randomIds(8, vocabulary: TinyTraining.vocabulary, seed: UInt64(50 + $0)) }
      let before = trainer.layerErrors(windows)
      for _ in 0..<60 { _ = try trainer.trainStep() }
      for (layer, (before, after)) in zip(before, trainer.layerErrors(windows)).enumerated() {
        XCTAssertLessThan(after, 0.8 * before, "\(loss), layer \(layer)")
      }
    }
  }

  /// MOHAWK's first two stages, mixers alone.
  func testMatricesAndOutputsComeCloser() throws {
    for loss in [IntermediatePlan.Loss.matrices, .mixers] {
      let trainer = try trainer(steps: 60, loss: loss, trained: .mixers)
      let losses = try (0..<60).map { _ in try trainer.trainStep().loss }
      XCTAssertLessThan(losses.suffix(5).reduce(0, +), 0.8 * losses.prefix(5).reduce(0, +), "\(loss): \(losses)")
    }
  }

  /// Only what decides a Mamba2 layer's matrices learns from attention's: rows of B, C and dt, their part of the
  /// convolution, dt_bias, A_log and D.
  func testMatricesTeachNothingElse() throws {
    let trainer = try trainer(steps: 1, loss: .matrices)
    let mamba = try XCTUnwrap(trainer.student.config.mamba)
    _ = try trainer.trainStep()
    let prefix = "model.layers.0."
    func gradient(_ name: String) throws -> [Float] {
      try XCTUnwrap(trainer.student.parameters[prefix + name]?.gradient, name).toArray()
    }
    let rows = try gradient("mamba.in_proj.weight")
    let x = mamba.innerWidth + mamba.layout.columns(0).b  // rows of z and x
    XCTAssertTrue(rows.prefix(x * 16).allSatisfy { $0 == 0 })
    XCTAssertTrue(rows.dropFirst(x * 16).contains { $0 != 0 })
    for name in ["dt_bias", "A_log", "D"] { XCTAssertTrue(try gradient("mamba.\(name)").contains { $0 != 0 }, name) }
    for name in ["mamba.norm.weight", "mamba.out_proj.weight", "mlp.up_proj.weight"] {
      XCTAssertTrue(try gradient(name).allSatisfy { $0 == 0 }, name)
    }
  }

  func testMixersWithoutMatricesAreRefused() throws {
    let base = try TinyTraining.model(config(layers: 2))
    let plan = IntermediatePlan(tokens: 32, batch: 4, time: 8, loss: .matrices)
    for (student, words) in [
      (try config(layers: 2).withGatedDeltaNet(layers: [1]), "layer 1"),
      (
        try config(layers: 2).withMamba2(
          MambaConfig(heads: 2, headDim: 8, stateSize: 8, groups: 1)), "4 heads"
      ),
    ] {
      XCTAssertThrowsError(
        try IntermediateTrainer(
          student: TinyTraining.model(student), base: base, batches: RandomBatches(4, 8), plan: plan)
      ) {
        XCTAssertEqual(($0 as? UpcycleError)?.kind, .usage)
        XCTAssert("\($0)".contains(words), "\($0)")
      }
    }
  }

  /// A layer's gradient does not depend on the student's other layers: it sees the base's input.
  func testLayersAreIndependent() throws {
    func gradient(scalingFirstLayerBy factor: Float) throws -> [Float] {
      let trainer = try trainer(steps: 1)
      for parameter in trainer.student.parameters.parameters where parameter.name.hasPrefix("model.layers.0.") {
        for i in 0..<parameter.value.count { parameter.value.pointer[i] *= factor }
      }
      _ = try trainer.trainStep()
      return trainer.student.parameters["model.layers.1.mamba.in_proj.weight"]!.gradient!.toArray()
    }
    XCTAssertEqual(try gradient(scalingFirstLayerBy: 1), try gradient(scalingFirstLayerBy: 3))
  }

  func testGradientsAreThoseOfTheLoss() throws {
    for loss in IntermediatePlan.Loss.allCases {
      let trainer = try trainer(loss: loss)
      let y = randomTensor([6, 16], "y")
      let target = randomTensor([6, 16], "target")
      GradientCheck("\(loss)").run([y]) { $0.distance($1[0], to: target, squared: loss == .squared, scale: 0.3).loss }
      let metrics = try trainer.trainStep()
      XCTAssertGreaterThan(metrics.loss, 0)
      XCTAssertEqual(metrics.mixerLoss > 0, loss == .refined)
    }
  }

  /// The step's loss is a mean over tokens: the same sequences twice over have the same, and the same gradient.
  func testLossesAreMeansOverTheBatch() throws {
    for loss in IntermediatePlan.Loss.allCases {
      let steps = try [1, 2].map { copies in
        let (base, student) = (
          try TinyTraining.model(config(layers: 2)), try TinyTraining.model(seed: 4, config(layers: 2).withMamba2())
        )
        let plan = IntermediatePlan(tokens: 32 * copies, batch: 4 * copies, time: 8, loss: loss)
        return try IntermediateTrainer(
          student: student, base: base, batches: FixedBatches(32, copies: copies), plan: plan
        ).trainStep()
      }
      XCTAssertEqual(steps[0].loss, steps[1].loss, accuracy: 1e-4 * steps[0].loss, "\(loss)")
      XCTAssertEqual(steps[0].mixerLoss, steps[1].mixerLoss, accuracy: 1e-4 * steps[0].loss, "\(loss)")
      XCTAssertEqual(
        steps[0].gradientNorm, steps[1].gradientNorm, accuracy: 1e-3 * steps[0].gradientNorm, "\(loss)")
    }
  }

  func testEmbeddingAndHeadStayAndSoDoesTheRestForMixersOnly() throws {
    for trained in IntermediatePlan.Trained.allCases {
      let trainer = try trainer(steps: 3, trained: trained)
      let before = trainer.student.parameters.parameters.map { ($0.name, $0.value.toArray()) }
      for _ in 0..<3 { _ = try trainer.trainStep() }
      for (name, old) in before {
        let isChanged = trainer.student.parameters[name]!.value.toArray() != old
        let trains = trained == .layers ? name != "model.embed_tokens.weight" : name.contains(".mamba.")
        XCTAssertEqual(isChanged, trains, "\(trained): \(name)")
      }
    }
  }

  /// Gemma's norms are 1 + w: with w = 0 the last layer is compared all the same.
  func testTheFinalNormHasItsOffset() throws {
    var config = config(layers: 1)
    config.normOffset = 1
    let (base, student) = (try TinyTraining.model(config), try TinyTraining.model(seed: 4, config.withMamba2()))
    for model in [base, student] {
      model.finalNorm.value.pointer.update(repeating: 0, count: model.finalNorm.value.count)
    }
    let trainer = try IntermediateTrainer(
      student: student, base: base, batches: RandomBatches(4, 8), plan: IntermediatePlan(tokens: 32, batch: 4, time: 8))
    XCTAssertGreaterThan(try trainer.trainStep().loss, 0)
  }

  /// Peak activation bytes of a step are those of one layer, whatever the depth.
  func testMemoryDoesNotGrowWithDepth() throws {
    func peak(_ layers: Int) throws -> Int {
      let trainer = try trainer(layers, steps: 4, time: 64)
      _ = try trainer.trainStep()
      StoragePool.resetPeak()
      let live = StoragePool.peakBytes
      _ = try trainer.trainStep()
      return StoragePool.peakBytes - live
    }
    let (shallow, deep) = (try peak(2), try peak(12))
    XCTAssertGreaterThan(shallow, 0)
    XCTAssertLessThan(Double(deep), 1.1 * Double(shallow), "\(shallow) bytes at 2 layers, \(deep) at 12")
  }

  func testAStoppedRunResumesToTheSameBits() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    func run(_ name: String, _ loss: IntermediatePlan.Loss, until last: Int? = nil) throws -> [Float] {
      let trainer = try trainer(steps: 8, loss: loss)
      do {
        try trainer.run(
          in: RunDirectory(folder.appendingPathComponent("\(name)-\(loss)")), identity: TinyTraining.identity,
          shouldStop: { trainer.step == last })
        XCTAssertNil(last, "ran past its stop")
      } catch let error as UpcycleError where last != nil {
        XCTAssert("\(error)".contains("interrupted after step \(last!)"), "\(error)")
      }
      return trainer.student.parameters.values.toArray()
    }
    for loss in IntermediatePlan.Loss.allCases {
      _ = try run("parts", loss, until: 3)
      XCTAssertEqual(try run("parts", loss), try run("whole", loss), "\(loss)")
    }
  }

  func testAnotherShapeIsRefused() throws {
    let base = try TinyTraining.model(config(layers: 2))
    let student = try TinyTraining.model(config(layers: 3).withMamba2())
    XCTAssertThrowsError(
      try IntermediateTrainer(
        student: student, base: base, batches: RandomBatches(4, 8),
        plan: IntermediatePlan(tokens: 32, batch: 4, time: 8))
    ) { XCTAssert("\($0)".contains("expected 2 layers"), "\($0)") }
  }
}
