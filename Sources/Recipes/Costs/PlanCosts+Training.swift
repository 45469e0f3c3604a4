import Distillation
import LabKit
import ModelCore

/// Stages that train whole models.
extension PlanCosts {
  /// Models that follow a teacher, or the text alone.
  func distilled(_ node: Plan.Node) throws -> Work? {
    guard let student = parent("student", of: node) else { return nil }
    let teacher = parent("teacher", of: node)
    /// - Parameter klWeight: 0: the teacher is not asked
    func followed(tokens: Int, batch: Int, time: Int, klWeight: Double) -> Work? {
      if klWeight > 0, teacher == nil { return nil }
      return training(student, tokens: tokens, batch: batch, time: time, teacher: klWeight > 0 ? teacher : nil)
    }
    switch node.stage.name {
    case "distill":
      let own = try DistillParameters(resolved: node.config)
      var work = followed(tokens: own.tokens, batch: own.batch, time: own.sequence, klWeight: own.klWeight)
      if own.freezesFeedForwards == true {
        work?.freeze(
          student.config.feedForwardParameterCount, of: student.config.feedForwardFLOPsPerToken, tokens: own.tokens)
      }
      return work
    case "extend":
      let own = try ExtendParameters(resolved: node.config)
      if own.tokens == 0 { return Work(operations: 0, reads: [student.config], leaves: student) }
      let plan = Extending.plan(
        context: own.context, tokens: own.tokens, batch: own.batch, klWeight: own.klWeight ?? 1)
      var work = followed(tokens: plan.tokens, batch: plan.batch, time: plan.time, klWeight: plan.klWeight)
      if own.freezesFeedForwards == true {
        work?.freeze(
          student.config.feedForwardParameterCount, of: student.config.feedForwardFLOPsPerToken,
          tokens: plan.steps * plan.unitsPerStep)
      }
      return work
    default:
      let own = try SelfDistillParameters(resolved: node.config)
      let plan = own.plan(seed: 0)
      var work = followed(tokens: plan.tokens, batch: plan.batch, time: plan.time, klWeight: plan.klWeight)
      if own.freezesEmbeddings {
        work?.freeze(
          student.config.embeddingParameterCount, of: student.config.headFLOPsPerToken,
          tokens: plan.steps * plan.unitsPerStep)
      }
      return work
    }
  }

  /// A policy and its reference, the model as it came, which both read two replies a pair.
  func preferred(_ node: Plan.Node) throws -> Work? {
    guard let policy = parent("model", of: node) else { return nil }
    let own = try PreferParameters(resolved: node.config)
    var work = Work(
      reads: [policy.config], leaves: policy, trained: policy.config.parameterCount,
      frozen: policy.config.parameterCount)
    if let preferenceTokens, own.pairs > 0 {
      let length = max(1, preferenceTokens / (2 * own.pairs))
      work.operations = 4 * Double(preferenceTokens) * policy.config.forwardFLOPsPerToken(context: length)
    }
    return work
  }
}

extension PlanCosts.Work {
  /// Takes out what some parameters would cost that do not train: their gradients, and the room of these and of the moments.
  /// - Parameter work: operations of their products for one token in a forward pass, as many as their gradients take
  fileprivate mutating func freeze(_ parameters: Int, of work: Double, tokens: Int) {
    operations = operations.map { $0 - Double(tokens) * work }
    trained -= parameters
    frozen += parameters
  }
}
