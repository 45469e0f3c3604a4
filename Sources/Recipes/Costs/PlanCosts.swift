import Distillation
import Foundation
import Groundwork
import LabKit
import ModelCore
import Published
import Worlds

/// What the stages of a plan cost on paper: nothing is run, the shapes of all models follow from the stages' parameters.
///
/// In a profile of published sizes every model is the one that the ladder's stands for, and ranks, widths and layers grow
/// with it (`SizeScale`). A token costs `forwardFLOPsPerToken` in a forward pass (2 a weight of every product, scores,
/// recurrences) and twice that in a backward one; element-wise work, the optimizer, and what a stage measures beside its
/// work are left out. Not known before: factorisations, and how long tasks and replies are. At published sizes a weight
/// takes 2 bytes, and 16 with gradient and moments, as the papers train (`StepMemory.Precision`); else 4 and 16, as we do.
public struct PlanCosts {
  /// By the stages' keys.
  public private(set) var stages: [String: StageCost] = [:]

  /// By the keys of stages that leave a model, where its shape is known.
  private var models: [String: Model] = [:]
  private let standIns: StandIns?
  private let precision: StepMemory.Precision
  /// Of all pairs of a preference training.
  let preferenceTokens: Int?

  /// A model's shape, and how it came to its size.
  struct Model {
    var config: ModelConfig
    let scale: SizeScale
  }

  /// What is known of a stage's work.
  struct Work {
    /// nil: not known before.
    var operations: Double?
    /// Models whose weights it reads.
    var reads: [ModelConfig] = []
    var leaves: Model?
    /// Parameters that stand in memory with gradient and moments.
    var trained = 0
    /// Those that stand there alone.
    var frozen = 0
  }

  /// - Throws: where the list of stand-ins or a model's shape cannot be read, and for what a published model refuses
  public init(_ plan: Plan) throws {
    standIns = plan.profile.hasPublishedSizes ? try StandIns() : nil
    precision = plan.profile.hasPublishedSizes ? .paper : .own
    preferenceTokens = plan.profile.set["preference_tokens"]?.int
    for key in plan.order {
      let work = try work(of: plan.nodes[key]!)
      models[key] = work?.leaves
      stages[key] = work.map { cost($0) } ?? StageCost()
    }
  }

  private func cost(_ work: Work) -> StageCost {
    func bytes(_ models: [ModelConfig]) -> Int { models.reduce(0) { $0 + precision.frozen * $1.parameterCount } }
    return StageCost(
      operations: work.operations, read: bytes(work.reads), written: bytes(work.leaves.map { [$0.config] } ?? []),
      state: precision.trained * work.trained + precision.frozen * work.frozen)
  }

  // MARK: Stages

  /// Stages of arithmetic, without a model's weights.
  private static let arithmetic: Set = [
    "info", "layer_parameters", "layer_score", "placement", "memory_formula", "memory_saving", "simulate",
    "simulate_shares", "simulate_durations", "simulate_sensitivity", "fit_overhead", "serve",
  ]

  /// nil: nothing is known, as of timings, or the shape of what it builds on is not.
  private func work(of node: Plan.Node) throws -> Work? {
    switch node.stage.name {
    case "teacher", "pretrain", "pretrain_hybrid": try made(node)
    case "convert", "mha2mla", "prune", "rewire": try converted(node)
    case "ild", "align": try layerwise(node)
    case "super_network", "placement_search", "swap_search": try searched(node)
    case "sensitivity", "guided", "compose": try assembled(node)
    case "distill", "extend", "self_distill": try distilled(node)
    case "prefer": try preferred(node)
    case "evaluate", "sample", "heldout", "ruler", "needles": try measured(node)
    case let name where Self.arithmetic.contains(name): Work(operations: 0)
    default: nil
    }
  }

  /// What a stage builds on; nil where it builds on no model of that role, or on one whose shape is not known.
  func parent(_ role: String, of node: Plan.Node) -> Model? { node.parents[role].flatMap { models[$0] } }

  /// - Parameter own: the ladder's model of that name
  private func sized(_ name: String, _ own: ModelConfig) throws -> Model {
    let published = try standIns.map { try ModelConfig.preset($0.published(name)) } ?? own
    return Model(config: published, scale: SizeScale(own: own, published: published))
  }

  /// Models that are there, or made from nothing.
  private func made(_ node: Plan.Node) throws -> Work? {
    switch node.stage.name {
    case "teacher":
      let parameters = try TeacherParameters(resolved: node.config)
      let model = try sized(parameters.preset, ModelConfig(contentsOf: parameters.folder()))
      return Work(operations: 0, reads: [model.config], leaves: model)
    case "pretrain":
      let parameters = try PretrainParameters(resolved: node.config)
      let model = try sized(parameters.preset, .preset(parameters.preset))
      return training(
        model, tokens: parameters.tokens, batch: parameters.batch, time: parameters.sequence, fromScratch: true)
    default:
      let parameters = try PretrainHybridParameters(resolved: node.config)
      let name = try HybridShape(resolved: node.config).preset
      let base = try sized(name, .preset(name))
      var shape = try HybridShape(resolved: base.scale.scaled(node.config))
      shape.preset = try standIns?.published(name) ?? name
      return training(
        Model(config: try shape.config(), scale: base.scale), tokens: parameters.tokens, batch: parameters.batch,
        time: parameters.sequence, fromScratch: true)
    }
  }

  /// A training of all weights: the work of three forward passes a token, and a teacher's one.
  func training(
    _ student: Model, tokens: Int, batch: Int, time: Int, teacher: Model? = nil, fromScratch: Bool = false
  ) -> Work {
    let perToken =
      3 * student.config.forwardFLOPsPerToken(context: time)
      + (teacher?.config.forwardFLOPsPerToken(context: time) ?? 0)
    return Work(
      operations: Double(wholeSteps(tokens, of: batch * time)) * perToken,
      reads: (fromScratch ? [] : [student.config]) + (teacher.map { [$0.config] } ?? []), leaves: student,
      trained: student.config.parameterCount, frozen: teacher?.config.parameterCount ?? 0)
  }

  /// Models that are asked.
  private func measured(_ node: Plan.Node) throws -> Work? {
    guard let model = parent("model", of: node) else { return nil }
    var work = Work(reads: [model.config], frozen: model.config.parameterCount)
    /// Texts of each length.
    func read(_ texts: Int, lengths: [Int]) -> Double {
      lengths.map { Double(texts * $0) * model.config.forwardFLOPsPerToken(context: $0) }.reduce(0, +)
    }
    switch node.stage.name {
    case "heldout":
      let own = try HeldOutParameters(resolved: node.config)
      work.operations = read(own.windows, lengths: [own.length])
    case "ruler":
      let own = try RulerParameters(resolved: node.config)
      work.operations = read(own.samples * (try RulerTask.list(own.tasks).count), lengths: own.lengths)
    case "needles":
      let own = try NeedlesParameters(resolved: node.config)
      work.operations = read(own.samples, lengths: own.lengths)
    default: break
    }
    return work
  }
}

/// Tokens of the whole steps that a training takes.
func wholeSteps(_ tokens: Int, of step: Int) -> Int { tokens / max(1, step) * max(1, step) }
