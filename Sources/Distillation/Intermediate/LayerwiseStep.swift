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
