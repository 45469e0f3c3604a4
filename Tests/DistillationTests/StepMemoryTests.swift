import Autograd
import ModelCore
import TensorCore
import TestKit
import XCTest

@testable import Distillation

/// The formula of a training step's memory against what a real step allocates, for every mixer.
final class StepMemoryTests: XCTestCase {
  private let tokens = 1024

  private func base() -> ModelConfig {
    ModelConfig(
      hiddenSize: 64, layerCount: 4, attentionHeads: 8, keyValueHeads: 4, headDim: 8, intermediateSize: 128,
      vocabularySize: 512, tieWordEmbeddings: true)
  }

  private func measured(_ config: ModelConfig, teacher: ModelConfig?, checkpointing: Bool) throws -> Int {
    StoragePool.trim()
    let before = StoragePool.liveBytes
    StoragePool.resetPeak()
    let plan = TrainingPlan(
      tokens: tokens, batch: 1, time: tokens, ceWeight: teacher == nil ? 1 : 0, klWeight: teacher == nil ? 0 : 1,
      checkpointing: checkpointing)
    let trainer = try Trainer(
      student: LanguageModel(config, seed: 1), teacher: teacher.map { try LanguageModel($0, seed: 2) },
      batches: WideBatches(tokens, config.vocabularySize), plan: plan)
    _ = try trainer.trainStep()
    return StoragePool.peakBytes - before
  }

  func testTheFormulaIsWhatIsAllocated() throws {
    let latent = LatentConfig(
      qRank: 24, kvRank: 16, nopeHeadDim: 4, ropeHeadDim: 4, valueHeadDim: 8, upProjectionHeads: 4)
    let kinds: [(String, ModelConfig)] = [
      ("attention", base()), ("latent", try base().withLatentAttention(latent)), ("mamba2", try base().withMamba2()),
      ("gated delta", try base().withGatedDeltaNet()),
      ("hybrid", try base().withGatedDeltaNet(layers: [1, 2]).withLatentAttention(latent, layers: [0, 3])),
    ]
    for (name, config) in kinds {
      for checkpointing in [false, true] {
        for teacher in [nil, base()] {
          let formula = StepMemory(
            student: config, teacher: teacher, tokens: tokens, checkpointing: checkpointing, lanes: Threads.count
          ).peak
          let ratio = Double(try measured(config, teacher: teacher, checkpointing: checkpointing)) / Double(formula)
          // Buffers are rounded up by as much as an eighth; gradients need not stand all at once.
          XCTAssert(
            (0.85...1.1).contains(ratio), "\(name), checkpointing \(checkpointing), teacher \(teacher != nil): \(ratio)"
          )
        }
      }
    }
  }

  /// The forms of the loss hold what Table 9 says, in matrices of logits.
  func testFormsOfTheLossHoldTheLogitsOfTable9() {
    func loss(_ form: LossForm) -> Int {
      StepMemory(student: base(), teacher: base(), tokens: 1 << 20, form: form, checkpointing: true).loss
    }
    let matrix = (1 << 20) * 512 * 4
    XCTAssertEqual(loss(.naive) - loss(.fused), 3 * matrix)
    XCTAssertEqual(loss(.chunked) - loss(.fused), matrix)
    XCTAssertLessThan(loss(.hidden), loss(.fused) - matrix)
  }
}

private final class WideBatches: BatchSource {
  private let ids: [Int32]
  init(_ count: Int, _ vocabulary: Int) { ids = randomIds(count, vocabulary: vocabulary) }
  func batch(step: Int) -> (ids: [Int32], targets: [Int32]) { (ids, ids) }
}
