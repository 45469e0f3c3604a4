import Distillation
import Foundation
import Groundwork
import LabKit
import ModelCore
import Published
import TensorCore

/// One training step of a sequence.
struct StepParameters: StageParameters {
  /// Other than the preset's.
  var vocabulary: Int?
  /// Other than the preset's: whether the head is the embedding.
  var isTied: Bool?
  /// A preset; nil: cross-entropy alone.
  var teacher: String?
  var tokens: Int
  @OneOf var form: LossForm
  var checkpointing: Bool
  var trainsTeacher: Bool

  enum CodingKeys: String, CodingKey, CaseIterable {
    case vocabulary
    case isTied = "tied"
    case teacher, tokens
    case form = "loss"
    case checkpointing
    case trainsTeacher = "train_teacher"
  }

  func step(_ shape: HybridShape) throws -> MeasuredStep {
    var student = try shape.config()
    var teacher = try teacher.map(ModelConfig.preset)
    if let vocabulary {
      student.vocabularySize = vocabulary
      teacher?.vocabularySize = vocabulary
    }
    if let isTied { student.tieWordEmbeddings = isTied }
    try student.validate(file: "student")
    return MeasuredStep(
      student: student, teacher: teacher, tokens: tokens, form: form, checkpointing: checkpointing,
      trainsTeacher: trainsTeacher)
  }
}

/// How a step is run.
struct MemoryParameters: StageParameters {
  var budgetGiB: Double
  var repeats: Int

  enum CodingKeys: String, CodingKey, CaseIterable {
    case budgetGiB = "budget_gib"
    case repeats
  }
}

/// `memory`: one training step of a preset with other mixers (as `info` names them) and random weights, one sequence of
/// `tokens`; `teacher` a preset or null (cross-entropy), `loss` one of naive, chunked, fused, hidden. Metrics
/// `peak_gib` (true allocations), `seconds` (fastest of `repeats` steps), `estimate_gib` (the formula's), `fits` (1
/// where that is at most `budget_gib`) and `loss`.
let memoryStage = Stage(
  name: "memory", version: 4, parameters: (HybridShape.self, StepParameters.self, MemoryParameters.self), seeded: false,
  isTimed: true,
  run: { context, shape, settings, parameters in
    let step = try settings.step(shape)
    let outcome = try step.run(repeats: parameters.repeats) { try context.checkInterrupt() }
    // No limit on the pool: it would hand buffers back and forth in a step that does not fit, and slow it down.
    let fits = Double(outcome.peakBytes) <= parameters.budgetGiB * gib
    StoragePool.trim()
    try MemoryRecord(step, peak: outcome.peakBytes, bytesOfLogit: 4).save(in: context.folder)
    return StageResult(metrics: [
      "peak_gib": Metric(Double(outcome.peakBytes) / gib), "seconds": Metric(outcome.seconds),
      "estimate_gib": Metric(Double(step.estimate.peak) / gib), "fits": Metric(fits ? 1 : 0),
      "loss": Metric(outcome.loss),
    ])
  })

/// How a step is counted.
struct FormulaParameters: StageParameters {
  /// Devices that share the weights.
  var shards: Int
  /// Of an activation.
  var bytes: Int

  enum CodingKeys: String, CodingKey, CaseIterable { case shards, bytes }
}

/// `memory_formula`: the same step by formula at any size, in the paper's number types on `shards` devices (`bytes` 2:
/// bfloat16; 4: float32). Metrics `peak_gib`, `weights_gib`, `activations_gib`, `loss_gib`, `working_gib`.
let memoryFormulaStage = Stage(
  name: "memory_formula", version: 3, parameters: (HybridShape.self, StepParameters.self, FormulaParameters.self),
  seeded: false,
  run: { context, shape, settings, parameters in
    let step = try settings.step(shape)
    var precision = StepMemory.Precision.paper
    precision.shards = parameters.shards
    if parameters.bytes == 4 {
      (precision.activation, precision.logit, precision.frozen) = (4, 4, 4)
    }
    let memory = StepMemory(
      student: step.student, teacher: step.teacher, tokens: step.tokens, form: step.form,
      checkpointing: step.checkpointing,
      trainsTeacher: step.trainsTeacher, precision: precision, lanes: 1)
    try MemoryRecord(step, peak: memory.peak, bytesOfLogit: 2).save(in: context.folder)
    return StageResult(
      metrics: [
        "peak_gib": memory.peak, "weights_gib": memory.weights, "activations_gib": memory.activations,
        "loss_gib": memory.loss, "working_gib": memory.working,
      ].mapValues { Metric(Double($0) / gib) })
  })

/// `memory_saving`: what a technique saves, from two of the stages above: `saved_gib`, and `saved_matrices`, in
/// matrices of [tokens, vocab] logits (float32 where measured, bfloat16 in the formula).
let memorySavingStage = Stage(
  name: "memory_saving", version: 1, parents: ["without", "with"], parameters: NoParameters.self, seeded: false,
  run: { context, _ in
    let without = try MemoryRecord(in: context.parent("without").folder)
    let with = try MemoryRecord(in: context.parent("with").folder)
    let saved = Double(without.peakBytes - with.peakBytes)
    return StageResult(metrics: [
      "saved_gib": Metric(saved / gib), "saved_matrices": Metric(saved / Double(with.matrixBytes)),
      "factor": Metric(Double(without.peakBytes) / Double(with.peakBytes)),
    ])
  })

private let gib = 1_073_741_824.0

/// What a memory stage leaves for `memory_saving`.
private struct MemoryRecord: Codable {
  var peakBytes: Int
  /// Of one matrix of logits.
  var matrixBytes: Int

  init(_ step: MeasuredStep, peak: Int, bytesOfLogit: Int) {
    peakBytes = peak
    matrixBytes = step.tokens * step.student.vocabularySize * bytesOfLogit
  }

  init(in folder: URL) throws {
    self = try decodeJSON(Self.self, contentsOf: folder.appendingPathComponent("memory.json"))
  }

  func save(in folder: URL) throws {
    try writeFile(jsonText(self), to: folder.appendingPathComponent("memory.json"))
  }
}
