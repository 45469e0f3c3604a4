import Distillation
import Foundation
import Groundwork
import LabKit
import ModelCore
import TokenData
import Upcycling
import Worlds

/// How much text the scores rest on.
struct SensitivityParameters: StageParameters {
  /// Of 256 tokens.
  var windows: Int

  enum CodingKeys: String, CodingKey, CaseIterable { case windows }
}

/// `sensitivity`: SMART's scores, measured on training text that evaluation never sees. Metrics `divergence` (all
/// linear) and `s0`, `s1`, …; series `scores` by layer; `scores.csv` for `compose`.
let sensitivityStage = Stage(
  name: "sensitivity", version: 1, parents: ["base", "latent", "linear"], parameters: SensitivityParameters.self,
  seeded: false,
  run: { context, parameters in
    let (divergence, scores) = try layerSensitivities(
      base: LanguageModel(folder: context.parent("base").folder),
      latent: LanguageModel(folder: context.parent("latent").folder),
      linear: LanguageModel(folder: context.parent("linear").folder),
      windows: scoredWindows(parameters.windows, context)
    ) { done, total in
      context.progress(done, of: total, "batches")
      try context.checkInterrupt()
    }
    return try result(divergence, scores, context)
  })

/// How every candidate trains before it is measured.
struct GuidedParameters: StageParameters {
  /// Of 256 tokens, that scores are measured on.
  var windows: Int
  /// Of each of the trainings, one a layer and one without a latent layer.
  var tokens: Int
  var learningRate: Double
  var batch: Int
  var sequence: Int
  var warmup: Double
  @OneOf var mixture: MicroworldCorpus.Mixture

  enum CodingKeys: String, CodingKey, CaseIterable {
    case windows, tokens
    case learningRate = "lr"
    case batch, sequence, warmup, mixture
  }
}

/// `guided`: scores after a little distillation of every candidate (KL-guided selection). Metrics, series and file as of
/// `sensitivity`.
let guidedStage = Stage(
  name: "guided", version: 1, parents: ["base", "latent", "linear"], parameters: GuidedParameters.self,
  run: { context, parameters in
    let base = try context.parent("base").folder
    let tokenizer = try Tokenizer.load(from: base)
    let work = context.folder.appendingPathComponent("candidates")
    let plan = TrainingPlan(
      tokens: parameters.tokens, batch: parameters.batch, time: parameters.sequence,
      learningRate: parameters.learningRate, warmup: parameters.warmup, ceWeight: 0, klWeight: 1,
      seed: UInt64(context.seed))
    let (divergence, scores) = try GuidedScores(
      base: base, latent: context.parent("latent").folder, linear: context.parent("linear").folder,
      data: MicroworldText(for: tokenizer).training(parameters.mixture, .supervised, tokenizer: tokenizer), plan: plan,
      work: work
    ).measure(
      windows: scoredWindows(parameters.windows, context),
      report: { context.progress($0, of: $1, "candidates") }, shouldStop: { context.isInterrupted })
    // A model a layer, of no further use.
    try FileManager.default.removeItem(at: work)
    var result = try result(divergence, scores, context)
    result.tokens = (scores.count + 1) * plan.steps * plan.unitsPerStep
    return result
  })

private func result(_ divergence: Double, _ scores: [Double], _ context: StageContext) throws -> StageResult {
  try LayerScores(scores).save(to: scoreFile(in: context.folder))
  var metrics = Dictionary(uniqueKeysWithValues: scores.enumerated().map { ("s\($0)", Metric($1)) })
  metrics["divergence"] = Metric(divergence)
  return StageResult(metrics: metrics, series: ["scores": scores.enumerated().map { [Double($0), $1] }])
}

/// Where `sensitivity` and `guided` leave their scores.
func scoreFile(in folder: URL) -> URL { folder.appendingPathComponent("scores.csv") }

/// `count` windows of 256 tokens from the end of the corpus, which short trainings do not reach.
func scoredWindows(_ count: Int, _ context: StageContext) throws -> [[Int32]] {
  guard count > 0 else {
    throw UpcycleError.usage("is out of range", field: "windows", expected: "at least 1", found: "\(count)")
  }
  let tokenizer = try Tokenizer.load(from: try context.parent("base").folder)
  let shards = try MicroworldText(for: tokenizer).training(.instruction, tokenizer: tokenizer)
  return try (1...count).map { try shards.read(shards.count - $0 * 256..<shards.count - ($0 - 1) * 256) }
}
