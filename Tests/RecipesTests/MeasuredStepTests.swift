import Distillation
import ModelCore
import Recipes
import XCTest

/// The steps that the tables of memory compare are the same step.
final class MeasuredStepTests: XCTestCase {
  private func config(_ width: Int = 32) -> ModelConfig {
    ModelConfig(
      hiddenSize: width, layerCount: 2, attentionHeads: 4, keyValueHeads: 2, headDim: 8, intermediateSize: 64,
      vocabularySize: 1024, tieWordEmbeddings: true)
  }

  func testFormsOfTheLossAreTheSameStep() throws {
    for teacher in [nil, config(48)] {
      func run(_ form: LossForm, _ checkpointing: Bool = false) throws -> MeasuredStep.Outcome {
        try MeasuredStep(student: config(), teacher: teacher, tokens: 1000, form: form, checkpointing: checkpointing)
          .run()
      }
      let hidden = try run(.hidden)
      XCTAssertGreaterThan(hidden.loss, 0)
      for form in [LossForm.naive, .chunked, .fused] {
        let other = try run(form)
        XCTAssertEqual(other.loss, hidden.loss, accuracy: 1e-5 * hidden.loss, form.rawValue)
        XCTAssertEqual(other.gradientNorm, hidden.gradientNorm, accuracy: 1e-4 * hidden.gradientNorm, form.rawValue)
        XCTAssertGreaterThan(other.peakBytes, hidden.peakBytes, form.rawValue)
        XCTAssertEqual(try run(form, true).gradientNorm, other.gradientNorm, form.rawValue)
      }
      let matrix = Double(1000 * 1024 * 4)
      let saved = Double(try run(.naive).peakBytes - run(.fused).peakBytes) / matrix
      XCTAssertEqual(saved, teacher == nil ? 2 : 3, accuracy: 0.4, "whole matrices that fusing saves")
    }
  }

  /// A teacher that is not frozen costs its gradients and moments.
  func testATrainedTeacherCostsGradientsAndMoments() throws {
    var step = MeasuredStep(student: config(), teacher: config(48), tokens: 500, form: .hidden, checkpointing: true)
    let frozen = try step.run()
    step.trainsTeacher = true
    let trained = try step.run()
    XCTAssertEqual(trained.loss, frozen.loss, accuracy: 1e-6)
    XCTAssertGreaterThan(trained.peakBytes - frozen.peakBytes, 3 * 4 * config(48).parameterCount)
    XCTAssertThrowsError(try step.run(repeats: 0))
  }
}
