import Distillation
import Foundation
import Groundwork
import ModelCore
import TensorCore
import TokenData
import Upcycling

/// The first stage of Zebra-Llama: every attention layer of a base becomes one other mixer, and every layer learns
/// the base's output from the base's input (ILD). A base folder in, a model folder out, resumable.
public struct IntermediateDistilling {
  /// Folder of an attention-only model.
  public var base: URL
  /// Whose layers learn.
  public var student: Student
  /// Text to train on.
  public var data: TokenShards
  /// Text for the layers' errors before and after; nil: not measured.
  public var heldOut: TokenShards?
  /// No tokens: the replacement as it starts.
  public var plan: IntermediatePlan
  /// Type of the finished model's numbers.
  public var type = ElementType.float32

  /// The base with another mixer in attention's place, as it starts; or a folder of such a model that has learnt already
  /// (MOHAWK's second stage goes on with what the first left).
  public enum Student {
    case replacing(any MixerReplacement)
    case model(URL)

    func identity(on ranks: any TrainingRanks) throws -> String {
      switch self {
      case .replacing(let replacement): try replacement.identity
      case .model(let folder): try ranks.fromFirst { try modelIdentity(folder) }
      }
    }

    func load(base: LanguageModel, on ranks: any TrainingRanks) throws -> LanguageModel {
      switch self {
      case .replacing(let replacement): try replacement.converted(base)
      case .model(let folder): try ranks.load(folder)
      }
    }
  }

  public init(
    base: URL, student: Student, data: TokenShards, heldOut: TokenShards? = nil, plan: IntermediatePlan
  ) {
    self.base = base
    self.student = student
    self.data = data
    self.heldOut = heldOut
    self.plan = plan
  }

  /// Relative error of every layer on held-out text, fed with the base's input; empty without such text.
  public struct Outcome: Codable, Sendable {
    /// By layer, at the start.
    public var before: [Double] = []
    /// By layer, at the end.
    public var after: [Double] = []
  }

  /// Trains in `folder` and leaves the model there with its tokenizer.
  /// - Parameter ranks: that share every batch
  @discardableResult
  public func run(
    in folder: URL, force: Bool = false, on ranks: any TrainingRanks = SingleRank(), saveEvery: Double = 60,
    report: (IntermediateTrainer.StepMetrics, Double) -> Void = { _, _ in },
    shouldStop: () -> Bool = { false }
  ) throws -> Outcome {
    let directory = RunDirectory(folder, force: force)
    let (tokenizer, identity) = try ranks.agreeing {
      let tokenizer = try Tokenizer.load(from: base)
      try data.require(tokenizer, of: base)
      try heldOut?.require(tokenizer)
      let identity = RunIdentity(
        student: try student.identity(on: ranks), teacher: try ranks.fromFirst { try modelIdentity(base) },
        data: data.identity,
        heldOut: heldOut?.identity, on: ranks)
      return (tokenizer, identity)
    }
    let outcomeFile = directory.run.appendingPathComponent("layers.json")
    return try directory.complete(plan: plan, identity: identity, tokenizer: tokenizer, type: type, ranks: ranks) {
      try decodeJSON(Outcome.self, contentsOf: outcomeFile)
    } train: {
      let trainer = try ranks.agreeing {
        let baseModel = try ranks.load(base)
        return try IntermediateTrainer(
          student: try student.load(base: baseModel, on: ranks), base: baseModel,
          batches: ShardBatches(data, batch: plan.batch, time: plan.time, seed: plan.seed), plan: plan, ranks: ranks)
      }
      var outcome = Outcome()
      func errors() throws -> [Double] {
        try heldOut.map { trainer.layerErrors(try errorWindows($0, plan.time)) } ?? []
      }
      try ranks.onFirst { outcome.before = try errors() }
      try trainer.run(
        in: directory, identity: identity, saveEvery: saveEvery, report: report, shouldStop: shouldStop)
      try ranks.onFirst {
        outcome.after = try errors()
        try writeFile(jsonText(outcome), to: outcomeFile)
      }
      return (trainer.student, outcome)
    }
  }
}

extension MixerReplacement {
  /// What the identity of a run says, `{"gatedDeltaNet":{"_0":{…}}}`: runs on disk have this spelling.
  var identity: String {
    get throws {
      let mixer = "\(Self.kind.mixer)"
      return try jsonText([mixer.prefix(1).lowercased() + mixer.dropFirst(): ["_0": self]])
    }
  }

  /// Writes the start as a model folder; returns its layers' errors on held-out text.
  func save(base: URL, to folder: URL, heldOut: TokenShards) throws -> [Double] {
    let baseModel = try LanguageModel(folder: base)
    let student = try converted(baseModel)
    let plan = IntermediatePlan(tokens: IntermediatePlan(tokens: 0).unitsPerStep)
    let trainer = try IntermediateTrainer(
      student: student, base: baseModel, batches: ShardBatches(heldOut, batch: plan.batch, time: plan.time, seed: 0),
      plan: plan)
    let errors = trainer.layerErrors(try errorWindows(heldOut, plan.time))
    try Tokenizer.load(from: base).save(to: folder)
    try student.save(to: folder)
    return errors
  }
}

/// The first windows of held-out text, at most 32; of what there is, where that is less than one.
private func errorWindows(_ shards: TokenShards, _ time: Int) throws -> [[Int32]] {
  let length = min(time, shards.count)
  guard length > 0 else { throw UpcycleError("too little text", at: shards.folder.path, found: "no token") }
  return try (0..<min(32, shards.count / length)).map { try shards.read($0 * length..<($0 + 1) * length) }
}

func intermediateDetail(_ metrics: IntermediateTrainer.StepMetrics, _ rate: Double) -> String {
  String(format: "loss %.4f  lr %.1e  %@ tok/s", metrics.loss, metrics.rate, formatCount(Int(rate)))
}

/// The progress line of an ILD run: loss summed over layers, rate, ETA.
public func intermediateReport(_ plan: IntermediatePlan, label: String = "ild step", quiet: Bool) -> (
  IntermediateTrainer.StepMetrics, Double
) -> Void {
  progressReport(label, plan, quiet: quiet, intermediateDetail)
}
