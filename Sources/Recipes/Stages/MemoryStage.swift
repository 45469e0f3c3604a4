import Distillation
import Foundation
import Groundwork
import LabKit
import ModelCore
import Published
import TensorCore

private let sizeParameters = [
  "preset", "kv_rank", "q_rank", "rope_dim", "nope_dim", "layers", "up_heads", "rest", "vocabulary", "tied", "teacher",
  "tokens", "loss", "checkpointing", "train_teacher",
]

/// `memory`: one training step of a preset with other mixers (as `info` names them) and random weights, one sequence of
/// `tokens`; `teacher` a preset or null (cross-entropy), `loss` one of naive, chunked, fused, hidden. Metrics
/// `peak_gib` (true allocations), `seconds` (fastest of `repeats` steps), `estimate_gib` (the formula's), `fits` (1
/// where that is at most `budget_gib`) and `loss`.
let memoryStage = Stage(
  name: "memory", version: 4, parameters: sizeParameters + ["budget_gib", "repeats"], seeded: false,
  run: { context in
    let parameters = StageParameters(context.config)
    let step = try measuredStep(parameters)
    let outcome = try step.run(repeats: parameters.int("repeats")) { try context.checkInterrupt() }
    // No limit on the pool: it would hand buffers back and forth in a step that does not fit, and slow it down.
    let fits = Double(outcome.peakBytes) <= (try parameters.double("budget_gib")) * gib
    StoragePool.trim()
    try MemoryRecord(step, peak: outcome.peakBytes, bytesOfLogit: 4).save(in: context.folder)
    return StageResult(metrics: [
      "peak_gib": Metric(Double(outcome.peakBytes) / gib), "seconds": Metric(outcome.seconds),
      "estimate_gib": Metric(Double(step.estimate.peak) / gib), "fits": Metric(fits ? 1 : 0),
      "loss": Metric(outcome.loss),
    ])
  })

/// `memory_formula`: the same step by formula at any size, in the paper's number types on `shards` devices (`bytes` 2:
/// bfloat16; 4: float32). Metrics `peak_gib`, `weights_gib`, `activations_gib`, `loss_gib`, `working_gib`.
let memoryFormulaStage = Stage(
  name: "memory_formula", version: 3, parameters: sizeParameters + ["shards", "bytes"], seeded: false,
  run: { context in
    let parameters = StageParameters(context.config)
    let step = try measuredStep(parameters)
    var precision = StepMemory.Precision.paper
    precision.shards = try parameters.int("shards")
    if try parameters.int("bytes") == 4 {
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
  name: "memory_saving", version: 1, parents: ["without", "with"], parameters: [], seeded: false,
  run: { context in
    let without = try MemoryRecord(in: context.parent("without").folder)
    let with = try MemoryRecord(in: context.parent("with").folder)
    let saved = Double(without.peakBytes - with.peakBytes)
    return StageResult(metrics: [
      "saved_gib": Metric(saved / gib), "saved_matrices": Metric(saved / Double(with.matrixBytes)),
      "factor": Metric(Double(without.peakBytes) / Double(with.peakBytes)),
    ])
  })

private let gib = 1_073_741_824.0

private func measuredStep(_ parameters: StageParameters) throws -> MeasuredStep {
  var student = try hybridConfig(parameters)
  var teacher = try parameters.optional("teacher") { $0.string }.map(ModelConfig.preset)
  if let vocabulary = try parameters.optional("vocabulary", { $0.int }) {
    student.vocabularySize = vocabulary
    teacher?.vocabularySize = vocabulary
  }
  if let tied = try parameters.optional("tied", { $0.bool }) { student.tieWordEmbeddings = tied }
  try student.validate(file: "student")
  return MeasuredStep(
    student: student, teacher: teacher, tokens: try parameters.int("tokens"),
    form: try parameters.choice("loss", LossForm.self), checkpointing: try parameters.bool("checkpointing"),
    trainsTeacher: try parameters.bool("train_teacher"))
}

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
