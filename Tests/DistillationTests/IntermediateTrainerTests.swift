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
    for loss in IntermediatePlan.Loss.allCases {
      let trainer = try trainer(steps: 60, loss: loss)
      let windows = (0..<4).map { randomIds(8, vocabulary: TinyTraining.vocabulary, seed: UInt64(50 + $0)) }
      let before = trainer.layerErrors(windows)
      for _ in 0..<60 { _ = try trainer.trainStep() }
      for (layer, (before, after)) in zip(before, trainer.layerErrors(windows)).enumerated() {
        XCTAssertLessThan(after, 0.8 * before, "\(loss), layer \(layer)")
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
      // The step's loss is the mean over tokens, summed over layers.
      let metrics = try trainer.trainStep()
      XCTAssertGreaterThan(metrics.loss, 0)
      XCTAssertEqual(metrics.mixerLoss > 0, loss == .refined)
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
    func run(_ name: String, until last: Int? = nil) throws -> [Float] {
      let trainer = try trainer(steps: 8)
      do {
        try trainer.run(
          in: RunDirectory(folder.appendingPathComponent(name)), identity: TinyTraining.identity,
          shouldStop: { trainer.step == last })
      } catch let error as UpcycleError where last != nil {
        XCTAssert("\(error)".contains("interrupted after step \(last!)"), "\(error)")
      }
      return trainer.student.parameters.values.toArray()
    }
    _ = try run("parts", until: 3)
    XCTAssertEqual(try run("parts"), try run("whole"))
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
