import Distillation
import Foundation
import Groundwork
import ModelCore
import TensorCore
import TokenData
import Upcycling

/// Distils a student from a frozen teacher on token shards (X-EcoMLA's first stage, SFT): student and
/// teacher folders in, a trained model folder out, resumable, with the held-out loss on the way.
public struct Distilling {
  /// Folder of the model that trains.
  public var student: URL
  /// Folder of the model that is followed; nil: cross-entropy alone.
  public var teacher: URL?
  /// Text to train on.
  public var data: TokenShards
  /// Text for the held-out loss; nil for none.
  public var heldOut: TokenShards?
  /// What decides the numbers.
  public var plan: TrainingPlan
  /// New positions of the student; nil: as they are.
  public var positions: ContextExtension?
  /// Where the teacher's hidden states are kept; nil: the teacher runs beside the student, or `shared`.
  public var cache: TeacherStates?
  /// Where they are kept for all trainings of a checkout, as far as they fit; nil: nowhere.
  public var shared: SharedTeacherStates?
  /// Type of the finished model's numbers.
  public var type = ElementType.float32

  public init(student: URL, teacher: URL?, data: TokenShards, heldOut: TokenShards? = nil, plan: TrainingPlan) {
    self.student = student
    self.teacher = teacher
    self.data = data
    self.heldOut = heldOut
    self.plan = plan
  }

  /// Held-out loss by training tokens, first row at 0 tokens.
  public typealias Curve = [[Double]]

  /// Trains in `folder` and leaves the model there with its tokenizer.
  /// - Parameters:
  ///   - ranks: that share every batch
  ///   - reportTeacher: steps of the teacher's states that are recorded, where they are kept.
  /// - Returns: the held-out curve, on the first rank.
  @discardableResult
  public func run(
    in folder: URL, force: Bool = false, on ranks: any TrainingRanks = SingleRank(), saveEvery: Double = 60,
    reportTeacher: (Int) -> Void = { _ in },
    report: (Trainer.StepMetrics, Double) -> Void = { _, _ in }, shouldStop: () -> Bool = { false }
  ) throws -> Curve {
    let (tokenizer, identity) = try ranks.agreeing { try checked(on: ranks) }
    let directory = RunDirectory(folder, force: force)
    let curveFile = directory.run.appendingPathComponent("heldout.csv")
    func require(_ curve: HeldOutCurve, by step: Int) throws {
      if heldOut != nil, ranks.writes { try curve.require(by: step, of: plan) }
    }
    return try directory.complete(plan: plan, identity: identity, tokenizer: tokenizer, type: type, ranks: ranks) {
      try ranks.agreeing {
        let curve = try HeldOutCurve(curveFile)
        try require(curve, by: plan.steps)
        return curve.rows
      }
    } train: {
      let batches = try ranks.agreeing { try ShardBatches(data, batch: plan.batch, time: plan.time, seed: plan.seed) }
      // Where the teacher's states are kept the first rank makes them.
      let guide = try teacher.map { folder -> any Teacher in
        if cache == nil && (shared == nil || plan.klWeight == 0) {
          return try ranks.load(folder)
        }
        return try ranks.inTurn {
          if let cache {
            return try cache.open(
              teacher: folder, data: data.identity, plan: plan, batches: batches, report: reportTeacher,
              shouldStop: shouldStop)
          }
          return try shared!.open(
            teacher: folder, data: data.identity, plan: plan, batches: batches, report: reportTeacher,
            shouldStop: shouldStop)
        }
      }
      let (model, trainer) = try ranks.agreeing {
        var config = try ModelConfig(contentsOf: student)
        if let positions { config = positions.applied(to: config) }
        let model = try ranks.load(config, from: student)
        return (model, try Trainer(student: model, teacher: guide, batches: batches, plan: plan, ranks: ranks))
      }
      try ranks.onFirst { try directory.begin(plan: plan, identity: identity) }
      let curve = try ranks.agreeing { try HeldOutCurve(curveFile) }
      func measure(_ step: Int) throws {
        guard let heldOut else { return }
        try ranks.onFirst { try curve.measure(after: step, of: plan, model, heldOut) }
      }
      try measure(0)
      try trainer.run(
        in: directory, identity: identity, saveEvery: saveEvery,
        report: { metrics, rate in
          if plan.heldOutSteps.holds(metrics.step) { try measure(metrics.step) }
          report(metrics, rate)
        }, shouldStop: shouldStop,
        isFinished: { step in
          try ranks.agreeing { try require(curve, by: step) }
          return false
        })
      try ranks.agreeing { try require(curve, by: plan.steps) }
      return (model, curve.rows)
    }
  }

  /// What can be checked before anything long begins.
  private func checked(on ranks: any TrainingRanks) throws -> (Tokenizer, RunIdentity) {
    let tokenizer = try Tokenizer.load(from: student)
    try data.require(tokenizer, of: student, teacher)
    try heldOut?.require(tokenizer)
    let config = try ModelConfig(contentsOf: student)
    let configs =
      [positions?.applied(to: config) ?? config] + (try teacher.map { [try ModelConfig(contentsOf: $0)] } ?? [])
    for config in configs { try config.requirePositions(plan.time, field: "sequence") }
    // Extending has warnings of its own.
    if ranks.writes, positions == nil, let note = configs.compactMap({ $0.positionsNote(plan.time) }).first {
      printNote(note)
    }
    return (
      tokenizer,
      RunIdentity(
        student: try ranks.fromFirst { try modelIdentity(student) } + (positions.map { ", \($0)" } ?? ""),
        teacher: try teacher.map { folder in
          try ranks.fromFirst { try modelIdentity(folder) } + (cache?.type == .bfloat16 ? ", states in bfloat16" : "")
        },
        data: data.identity, heldOut: heldOut?.identity, on: ranks)
    )
  }
}

/// Identity of a model folder: the hash of its weights, in one file or several, and its config.
public func modelIdentity(_ folder: URL) throws -> String {
  let weights = try CheckpointReader(folder).fileNames.sorted().map {
    try sha256(fileAt: folder.appendingPathComponent($0))
  }
  let config = try sha256(fileAt: folder.appendingPathComponent("config.json"))
  return String(sha256(weights.joined() + config).prefix(16))
}
