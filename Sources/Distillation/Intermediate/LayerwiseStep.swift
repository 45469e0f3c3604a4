import Autograd
import Groundwork
import ModelCore

/// The part of a step's batch that a rank trains on where layers learn the base's outputs.
struct LayerwiseStep {
  /// [batch * time]
  let ids: [Int32]
  /// Sequences.
  let batch: Int
  let time: Int
  /// Tokens of the whole batch, on all ranks.
  let tokens: Int

  /// - Parameter all: ids of the whole batch
  init(_ all: [Int32], _ plan: IntermediatePlan, _ ranks: any TrainingRanks) {
    let rows = ranks.part(of: plan.batch)
    ids = Array(all[rows.lowerBound * plan.time..<rows.upperBound * plan.time])
    (batch, time, tokens) = (rows.count, plan.time, all.count)
  }

  /// Which layer is not finite: the base's come first, since the student learns their outputs.
  func fault(base: LanguageModel, student: LanguageModel) -> Fault? {
    if let fault = base.firstNonFiniteLayer(ids: ids, batch: batch, time: time) {
      return Fault("the base's \(fault.place)", hint: "the base is damaged, or its states overflow")
    }
    return student.firstNonFiniteLayer(ids: ids, batch: batch, time: time)
  }
}

extension LanguageModel {
  /// What of a layer's output is compared with another model's: of the last one, what the final norm makes of it.
  func comparable(_ tape: Tape, _ output: Variable, layer: Int) -> Variable {
    layer == layers.count - 1 ? finalNormed(tape, output) : output
  }
}

/// Refuses a student that is no copy of the base with other mixers.
func requireCopy(_ student: LanguageModel, of base: LanguageModel) throws {
  guard student.layers.count == base.layers.count, student.config.hiddenSize == base.config.hiddenSize else {
    throw UpcycleError.usage(
      "is not a copy of the base with other mixers", field: "student",
      expected: "\(base.layers.count) layers of width \(base.config.hiddenSize)",
      found: "\(student.layers.count) of width \(student.config.hiddenSize)")
  }
}
