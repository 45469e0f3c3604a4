import Foundation
import LabKit
import ModelCore
import TokenData
import Upcycling

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
    try LayerScores(scores).save(to: scoreFile(in: context.folder))
    var metrics = Dictionary(uniqueKeysWithValues: scores.enumerated().map { ("s\($0)", Metric($1)) })
    metrics["divergence"] = Metric(divergence)
    return StageResult(metrics: metrics, series: ["scores": scores.enumerated().map { [Double($0), $1] }])
  })

/// Where a `sensitivity` stage leaves its scores.
func scoreFile(in folder: URL) -> URL { folder.appendingPathComponent("scores.csv") }

/// `count` windows of 256 tokens from the end of the corpus, which short trainings do not reach.
func scoredWindows(_ count: Int, _ context: StageContext) throws -> [[Int32]] {
  let tokenizer = try Tokenizer.load(from: try context.parent("base").folder)
  let shards = try MicroworldText(for: tokenizer).training(.instruction, tokenizer: tokenizer)
  return try (1...count).map { try shards.read(shards.count - $0 * 256..<shards.count - ($0 - 1) * 256) }
}
