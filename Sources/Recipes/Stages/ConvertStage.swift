import Foundation
import Groundwork
import LabKit
import ModelCore
import TensorCore
import TokenData
import Upcycling

/// `convert`: attention layers of the parent model become latent attention. Metrics `loss` and `kl` against
/// the parent on held-out text, before any training.
let convertStage = Stage(
  name: "convert", version: 1, parents: ["model"],
  parameters: [
    "kv_rank", "q_rank", "rope_dim", "nope_dim", "layers", "init", "rank_rule", "delta_q", "delta_kv", "sigma",
    "latent_norm", "rope_init", "svd",
  ],
  run: { context in
    let source = try context.parent("model").folder
    let conversion = try latentConversion(StageParameters(context.config), seed: context.seed)
    let tokenizer = try Tokenizer.load(from: source)
    let text = MicroworldText(try Places().microworld)
    let base = try LanguageModel(folder: source)
    let covariances =
      conversion.weighting == .covariance ? try calibrationCovariances(base, text, tokenizer, conversion) : [:]
    let (model, report) = try convert(base: base, conversion, covariances: covariances)
    try tokenizer.save(to: context.folder)
    try model.save(to: context.folder)
    let heldOut = try text.shards(.instruction, .validation, tokens: heldOutTokens, tokenizer: tokenizer)
    let windows = try (0..<64).map { try heldOut.read($0 * 256..<$0 * 256 + 257) }
    let fit = try StartingFit(model, base: base, windows: windows)
    return StageResult(metrics: [
      "loss": Metric(fit.loss), "base_loss": Metric(fit.baseLoss), "kl": Metric(fit.divergence),
      "kv_percent": Metric(report.kvPercent),
    ])
  })

/// Tokens of held-out text that every run shares.
let heldOutTokens = 50_000

private func latentConversion(_ parameters: StageParameters, seed: Int) throws -> LatentConversion {
  var conversion = LatentConversion(
    kvRank: try parameters.optional("kv_rank") { $0.int }, queryRank: try QueryRank(parameters.spelled("q_rank")),
    nopeHeadDim: try parameters.int("nope_dim"), ropeHeadDim: try parameters.int("rope_dim"),
    layers: try LayerSelection(parameters.spelled("layers")),
    start: try parameters.choice("init", LatentConversion.Start.self),
    rope: try parameters.choice("rope_init", LatentConversion.Rope.self),
    weighting: try parameters.choice("svd", LatentConversion.Weighting.self),
    sigma: try parameters.choice("sigma", LatentConversion.SigmaPlacement.self),
    rankRule: try parameters.choice("rank_rule", RankRule.self), latentNorm: try parameters.bool("latent_norm"),
    seed: UInt64(seed))
  if let delta = try parameters.optional("delta_q", { $0.double }) { conversion.queryEnergy = delta }
  if let delta = try parameters.optional("delta_kv", { $0.double }) { conversion.keyValueEnergy = delta }
  return conversion
}

/// Input covariances of the layers to convert, from training text that evaluation never sees.
private func calibrationCovariances(
  _ base: LanguageModel, _ text: MicroworldText, _ tokenizer: Tokenizer, _ conversion: LatentConversion
) throws -> [Int: Matrix] {
  let shards = try text.shards(.instruction, tokens: heldOutTokens, tokenizer: tokenizer)
  let windows = try (0..<128).map { try shards.read($0 * 256..<$0 * 256 + 256) }
  return inputCovariances(of: base, layers: try conversion.validate(base: base.config), windows: windows)
}
