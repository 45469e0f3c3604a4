import Autograd
import Foundation
import Groundwork
import ModelCore
import TensorCore
import TestKit
import XCTest

@testable import Distillation

/// What one step computes: means per token, accumulation, clipping, checkpointing, memory.
final class TrainerTests: XCTestCase {
  /// Values of a student after some steps, and the last step's metrics.
  private func train(
    _ plan: TrainingPlan, steps: Int = 1, teacher: LanguageModel? = nil, batches: (any BatchSource)? = nil
  ) throws -> (values: [Float], metrics: Trainer.StepMetrics) {
    let trainer = try TinyTraining.trainer(plan, teacher: teacher, batches: batches)
    var metrics = try trainer.trainStep()
    for _ in 1..<steps { metrics = try trainer.trainStep() }
    return (trainer.student.parameters.values.toArray(), metrics)
  }

  // MARK: Means

  /// Four sequences at once, in pairs or one by one are the same step, whatever the counts of ignored targets.
  func testMicroBatchesAreOneStep() throws {
    let batches = RandomBatches(4, 8, ignored: true)
    let teacher = try TinyTraining.model(seed: 5)
    let whole = try train(TinyTraining.plan { $0.klWeight = 0.5 }, steps: 3, teacher: teacher, batches: batches)
    for size in [1, 2] {
      let parts = try train(
        TinyTraining.plan {
          $0.microBatch = size; $0.klWeight = 0.5
        }, steps: 3, teacher: teacher, batches: batches)
      XCTAssertEqual(parts.metrics.loss, whole.metrics.loss, accuracy: 1e-5 * whole.metrics.loss)
      XCTAssertEqual(
        parts.metrics.gradientNorm, whole.metrics.gradientNorm, accuracy: 1e-5 * whole.metrics.gradientNorm)
      assertClose(parts.values, whole.values, "micro-batches of \(size)", tolerance: 1e-5)
    }
  }

  /// A mean per token: the same sequences twice over give the same loss and the same gradient.
  func testMeanDoesNotDependOnTheNumberOfTokens() throws {
    let teacher = try TinyTraining.model(seed: 5)
    let once = try train(TinyTraining.plan(batch: 2) { $0.klWeight = 1 }, teacher: teacher, batches: FixedBatches(16))
    let twice = try train(
      TinyTraining.plan(batch: 4) { $0.klWeight = 1 }, teacher: teacher, batches: FixedBatches(16, copies: 2))
    for (a, b) in [
      (once.metrics.crossEntropy, twice.metrics.crossEntropy), (once.metrics.divergence, twice.metrics.divergence),
      (once.metrics.gradientNorm, twice.metrics.gradientNorm),
    ] { XCTAssertEqual(a, b, accuracy: 1e-5 * abs(a)) }
    assertClose(twice.values, once.values, "values after the step", tolerance: 1e-5)
  }

  /// Sequences twice as long: a KL of the same scale, where a mean over the batch would double it.
  func testDivergenceDoesNotGrowWithLength() throws {
    let teacher = try TinyTraining.model(seed: 5)
    func divergence(_ time: Int) throws -> Double {
      try train(TinyTraining.plan(batch: 8, time: time) { $0.klWeight = 1 }, teacher: teacher).metrics.divergence
    }
    let short = try divergence(16)
    XCTAssertGreaterThan(short, 0.01)
    XCTAssertEqual(try divergence(32) / short, 1, accuracy: 0.25)
  }

  func testLossIsTheWeightedSum() throws {
    let teacher = try TinyTraining.model(seed: 5)
    let both = try train(
      TinyTraining.plan {
        $0.ceWeight = 0.2; $0.klWeight = 1.5
      }, teacher: teacher
    ).metrics
    XCTAssertEqual(both.loss, 0.2 * both.crossEntropy + 1.5 * both.divergence, accuracy: 1e-9)
    let alone = try train(
      TinyTraining.plan {
        $0.ceWeight = 0; $0.klWeight = 1
      }, teacher: teacher
    ).metrics
    XCTAssertEqual(alone.loss, alone.divergence, accuracy: 1e-9)
    XCTAssertGreaterThan(alone.crossEntropy, 0, "measured even when it has no weight")
  }

  /// A student that is its own teacher has nothing to learn.
  func testATeacherOfItselfTeachesNothing() throws {
    let metrics = try train(
      TinyTraining.plan {
        $0.ceWeight = 0; $0.klWeight = 1
      }, teacher: TinyTraining.model(seed: 1)
    ).metrics
    XCTAssertEqual(metrics.divergence, 0, accuracy: 1e-6)
    XCTAssertEqual(metrics.gradientNorm, 0, accuracy: 1e-5)
  }

  /// Neither the teacher's values nor its gradients are touched.
  func testTeacherIsLeftAlone() throws {
    let teacher = try TinyTraining.model(seed: 5)
    let before = teacher.parameters.values.toArray()
    _ = try train(TinyTraining.plan { $0.klWeight = 1 }, steps: 3, teacher: teacher)
    XCTAssertEqual(teacher.parameters.values.toArray(), before)
    XCTAssertNil(teacher.parameters.gradients)
    XCTAssert(teacher.parameters.parameters.allSatisfy { $0.gradient == nil })
  }

  // MARK: Learning

  func testTheLossFalls() throws {
    let teacher = try TinyTraining.model(seed: 5)
    let plan = TinyTraining.plan(steps: 60) { $0.klWeight = 1 }
    let first = try train(plan, teacher: teacher, batches: FixedBatches(32)).metrics
    let last = try train(plan, steps: 60, teacher: teacher, batches: FixedBatches(32)).metrics
    XCTAssertLessThan(last.loss, 0.7 * first.loss)
  }

  func testClippingBoundsTheStepNotTheReportedNorm() throws {
    let free = try train(TinyTraining.plan { $0.clip = 0 })
    let loose = try train(TinyTraining.plan { $0.clip = 1e6 })
    let tight = try train(TinyTraining.plan { $0.clip = free.metrics.gradientNorm / 100 })
    XCTAssertEqual(free.values, loose.values)
    XCTAssertEqual(tight.metrics.gradientNorm, free.metrics.gradientNorm, "the norm is reported before clipping")
    // Adam forgets a factor common to all steps, so it shows only beside a large epsilon.
    let coarse: (Double) -> TrainingPlan = { clip in
      TinyTraining.plan {
        $0.clip = clip
        $0.optimizer = .init(epsilon: 10)
      }
    }
    let start = try TinyTraining.model().parameters.values.toArray()
    func moved(_ clip: Double) throws -> Double {
      zip(try train(coarse(clip)).values, start).reduce(0) { $0 + Double(abs($1.0 - $1.1)) }
    }
    XCTAssertEqual(try moved(free.metrics.gradientNorm / 100) / moved(0), 0.01, accuracy: 0.001)
  }

  func testFrozenParametersStay() throws {
    let student = try TinyTraining.model()
    let before = student.parameters.values.toArray()
    for parameter in student.parameters.parameters where parameter.name.contains("mlp") {
      parameter.isTrainable = false
    }
    let trainer = try Trainer(student: student, batches: RandomBatches(4, 8), plan: TinyTraining.plan())
    for _ in 0..<3 { _ = try trainer.trainStep() }
    for (index, parameter) in student.parameters.parameters.enumerated() {
      let range = student.parameters.range(of: index)
      let same = parameter.value.toArray() == Array(before[range])
      XCTAssertEqual(same, !parameter.isTrainable, parameter.name)
    }
  }

  // MARK: Bits and memory

  func testTheSameRunTwiceHasTheSameBits() throws {
    let teacher = try TinyTraining.model(seed: 5)
    let plan = TinyTraining.plan { $0.klWeight = 1 }
    XCTAssertEqual(
      try train(plan, steps: 4, teacher: teacher).values, try train(plan, steps: 4, teacher: teacher).values)
  }

  func testCheckpointingChangesNoBit() throws {
    XCTAssertEqual(
      try train(TinyTraining.plan { $0.checkpointing = true }, steps: 4).values,
      try train(TinyTraining.plan(), steps: 4).values)
  }

  /// From the third step on every buffer comes from the pool.
  func testStepsAllocateNothingNew() throws {
    let teacher = try TinyTraining.model(seed: 5)
    for checkpointing in [false, true] {
      let trainer = try TinyTraining.trainer(
        TinyTraining.plan(batch: 4, time: 24) {
          $0.klWeight = 1; $0.checkpointing = checkpointing; $0.microBatch = 2
        },
        teacher: teacher)
      for _ in 0..<2 { _ = try trainer.trainStep() }
      let allocations = StoragePool.systemAllocations
      let live = StoragePool.liveBytes
      for step in 3...8 {
        _ = try trainer.trainStep()
        XCTAssertEqual(StoragePool.systemAllocations, allocations, "step \(step)")
        XCTAssertEqual(StoragePool.liveBytes, live, "step \(step)")
      }
    }
  }

  // MARK: Refusals and failures

  /// Rows of the teacher's head that no token has change nothing.
  func testATeachersPaddingIsLeftOut() throws {
    final class Padded: Teacher {
      let model: LanguageModel
      let head: Tensor
      var vocabularySize: Int { head.shape[0] }

      init(_ model: LanguageModel) {
        self.model = model
        let rows = model.head.value
        head = Tensor(
          [rows.shape[0] + 3, rows.width], values: rows.toArray() + [Float](repeating: 9, count: 3 * rows.width))
      }

      func teaching(step: Int, part: Int, ids: [Int32], batch: Int, time: Int) -> TeacherHead {
        var taught = model.teaching(step: step, part: part, ids: ids, batch: batch, time: time)
        taught.weight = head
        return taught
      }
    }
    let (plan, model) = (TinyTraining.plan { $0.klWeight = 1 }, try TinyTraining.model(seed: 5))
    func step(_ teacher: any Teacher) throws -> [Float] {
      let trainer = try Trainer(
        student: TinyTraining.model(), teacher: teacher, batches: RandomBatches(plan.batch, plan.time), plan: plan)
      _ = try trainer.trainStep()
      return trainer.student.parameters.values.toArray()
    }
    XCTAssertEqual(try step(Padded(model)), try step(model))
  }

  func testImpossibleTrainersAreRefused() throws {
    func refusal(_ body: () throws -> Trainer) -> String {
      do {
        _ = try body()
        return "no error"
      } catch {
        XCTAssertEqual((error as? UpcycleError)?.exitCode, 2)
        return "\(error)"
      }
    }
    let other = try TinyTraining.model(TinyTraining.config(vocabulary: 12))
    let vocabularies = refusal { try TinyTraining.trainer(TinyTraining.plan { $0.klWeight = 1 }, teacher: other) }
    XCTAssert(vocabularies.contains("different vocabularies; expected at least 13, found 12"), vocabularies)
    let alone = refusal { try TinyTraining.trainer(TinyTraining.plan { $0.klWeight = 1 }) }
    XCTAssert(alone.contains("a KL weight needs a teacher"), alone)
  }

  private func failure(_ plan: TrainingPlan, _ directory: URL, poison: @escaping (Int, LanguageModel) -> Void) throws
    -> String
  {
    let batches = RandomBatches(plan.batch, plan.time)
    let trainer = try TinyTraining.trainer(plan, batches: batches)
    batches.before = { poison($0, trainer.student) }
    do {
      try trainer.run(in: RunDirectory(directory), identity: TinyTraining.identity, saveEvery: 0)
      return "no error"
    } catch { return "\(error)" }
  }

  /// NaN in a parameter stops the run, naming step, parameter and the checkpoint to go back to.
  func testANaNStopsTheRunAndNamesTheParameter() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let name = "model.layers.1.mlp.down_proj.weight"
    let line = try failure(TinyTraining.plan(), folder) { step, student in
      if step == 3 { student.parameters[name]!.value.pointer[5] = .nan }
    }
    XCTAssert(line.hasPrefix("step 4: loss or gradient is not finite"), line)
    XCTAssert(line.contains("parameter \(name)"), line)
    XCTAssert(line.contains("last good checkpoint: \(folder.path)/run/checkpoint/state-3.safetensors"), line)
    // And the run can go on from there.
    let trainer = try TinyTraining.trainer(TinyTraining.plan())
    try trainer.run(in: RunDirectory(folder), identity: TinyTraining.identity)
    XCTAssertFalse(trainer.student.parameters.values.hasNonFinite)
  }

  /// Finite parameters whose activations overflow: the layer is named.
  func testAnOverflowStopsTheRunAndNamesTheLayer() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let line = try failure(TinyTraining.plan(), folder) { step, student in
      if step == 2 { student.parameters["model.layers.1.mlp.down_proj.weight"]!.value.fill(3e38) }
    }
    XCTAssert(line.hasPrefix("step 3: loss or gradient is not finite"), line)
    XCTAssert(line.contains("output of layer 1"), line)
    XCTAssert(line.contains("state-2.safetensors"), line)
  }

  /// An update that spoils the parameters after the last forward pass is not saved as a good state.
  func testAnUpdateThatIsNotFiniteIsNotSaved() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let line = try failure(
      TinyTraining.plan(steps: 1) {
        $0.learningRate = 1e39; $0.warmup = 0
      }, folder
    ) { _, _ in }
    XCTAssert(line.hasPrefix("step 1: the update is not finite"), line)
    XCTAssert(line.contains("no checkpoint yet"), line)
  }
}
