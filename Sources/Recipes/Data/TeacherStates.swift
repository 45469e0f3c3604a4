import Distillation
import Foundation
import Groundwork
import ModelCore
import TensorCore

/// A teacher folder's hidden states on a plan's batches, kept on disk and made where they are missing.
public struct TeacherStates: Sendable {
  /// Where they are kept.
  public var folder: URL
  /// Their numbers.
  public var type: TeacherCache.NumberType

  public init(_ folder: URL, type: TeacherCache.NumberType = .float32) {
    self.folder = folder
    self.type = type
  }

  /// Whose states, and on which batches.
  func identity(teacher: URL, data: String, plan: TrainingPlan) throws -> TeacherCache.Identity {
    let config = try ModelConfig(contentsOf: teacher)
    return TeacherCache.Identity(
      teacher: try modelIdentity(teacher), data: data, plan: plan, width: config.hiddenSize, type: type)
  }

  /// The states as a teacher, recorded first where they are not complete. Only the head of the model stays in memory.
  /// - Parameter report: steps of the recording that are done.
  func open(
    teacher: URL, data: String, plan: TrainingPlan, batches: any BatchSource, report: (Int) -> Void,
    shouldStop: () -> Bool
  ) throws -> TeacherCache {
    let config = try ModelConfig(contentsOf: teacher)
    let identity = try identity(teacher: teacher, data: data, plan: plan)
    if let others = TeacherCache.otherKernels(folder, identity) {
      printNote("note: \(folder.path): states of other kernels (\(others)): their last bits are not this machine's")
    }
    if try !TeacherCache.isComplete(folder, identity, steps: plan.steps) {
      try TeacherCache.record(
        LanguageModel(folder: teacher), batches: batches, identity: identity, steps: plan.steps, in: folder,
        report: report, shouldStop: shouldStop)
    }
    return try TeacherCache(
      folder, identity: identity, steps: plan.steps, head: CheckpointReader(teacher).read(config.headTensor),
      cap: Float(config.block.logitCap ?? 0))
  }
}
