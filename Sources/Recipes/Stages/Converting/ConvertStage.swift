import Foundation
import Groundwork
import LabKit
import ModelCore
import TensorCore
import TokenData
import Upcycling

/// The ranks and widths of latent attention; without `kv_rank` a rank rule chooses.
struct LatentShape: StageParameters {
  var kvRank: Int?
  var queryRank: QueryRank
  var ropeHeadDim: Int
  var nopeHeadDim: Int

  enum CodingKeys: String, CodingKey, CaseIterable {
    case kvRank = "kv_rank"
    case queryRank = "q_rank"
    case ropeHeadDim = "rope_dim"
    case nopeHeadDim = "nope_dim"
  }

  func conversion(layers: LayerSelection) -> LatentConversion {
    LatentConversion(
      kvRank: kvRank, queryRank: queryRank, nopeHeadDim: nopeHeadDim, ropeHeadDim: ropeHeadDim, layers: layers)
  }
}

/// How attention becomes latent attention of a shape.
struct ConvertParameters: StageParameters {
  var layers: LayerSelection
  @OneOf var start: LatentConversion.Start
  @OneOf var rankRule: RankRule
  var queryEnergy: Double?
  var keyValueEnergy: Double?
  @OneOf var sigma: LatentConversion.SigmaPlacement
  var latentNorm: Bool
  @OneOf var rope: LatentConversion.Rope
  @OneOf var weighting: LatentConversion.Weighting

  enum CodingKeys: String, CodingKey, CaseIterable {
    case layers
    case start = "init"
    case rankRule = "rank_rule"
    case queryEnergy = "delta_q"
    case keyValueEnergy = "delta_kv"
    case sigma
    case latentNorm = "latent_norm"
    case rope = "rope_init"
    case weighting = "svd"
  }

  func conversion(_ shape: LatentShape, seed: Int) -> LatentConversion {
    var conversion = shape.conversion(layers: layers)
    (conversion.start, conversion.rope, conversion.weighting) = (start, rope, weighting)
    (conversion.sigma, conversion.rankRule, conversion.latentNorm) = (sigma, rankRule, latentNorm)
    conversion.seed = UInt64(seed)
    if let queryEnergy { conversion.queryEnergy = queryEnergy }
    if let keyValueEnergy { conversion.keyValueEnergy = keyValueEnergy }
    return conversion
  }
}

/// `convert`: attention layers of the parent model become latent attention. Metrics `loss` and `kl` against
/// the parent on held-out text, before any training: the microworld's, or the packed texts `text` (for calibration) and
/// `held_out`.
let convertStage = Stage(
  name: "convert", version: 1, parents: ["model", "text?", "held_out?"],
  parameters: (LatentShape.self, ConvertParameters.self),
  run: { context, shape, parameters in
    let source = try context.parent("model").folder
    let conversion = parameters.conversion(shape, seed: context.seed)
    let tokenizer = try Tokenizer.load(from: source)
    func text(_ role: String, _ microworld: (MicroworldText) throws -> TokenShards) throws -> TokenShards {
      try context.parents[role].map { try packedText($0, tokenizer) } ?? microworld(MicroworldText(for: tokenizer))
    }
    let base = try LanguageModel(folder: source)
    let covariances =
      conversion.weighting == .covariance
      ? try calibrationCovariances(
        base, text("text") { try $0.shards(.instruction, tokens: MicroworldText.heldOutTokens, tokenizer: tokenizer) },
        conversion) : [:]
    let model = try convert(base: base, conversion, covariances: covariances).model
    try tokenizer.save(to: context.folder)
    try model.save(to: context.folder)
    let heldOut = try text("held_out") { try $0.heldOut(tokenizer: tokenizer) }
    return try conversionResult(model, base: base, on: heldOut)
  })

/// How far a converted model is from its base on held-out text, before any training, and how much it caches.
func conversionResult(_ model: LanguageModel, base: LanguageModel, on heldOut: TokenShards) throws -> StageResult {
  let windows = try (0..<64).map { try heldOut.read($0 * 256..<$0 * 256 + 257) }
  let fit = try StartingFit(model, base: base, windows: windows)
  return StageResult(metrics: [
    "loss": Metric(fit.loss), "base_loss": Metric(fit.baseLoss), "kl": Metric(fit.divergence),
    "kv_percent": Metric(model.config.kvPercent),
  ])
}

/// Input covariances of the layers to convert, from training text that evaluation never sees.
private func calibrationCovariances(
  _ base: LanguageModel, _ shards: TokenShards, _ conversion: LatentConversion
) throws -> [Int: Matrix] {
  let windows = try (0..<128).map { try shards.read($0 * 256..<$0 * 256 + 256) }
  return inputCovariances(of: base, layers: try conversion.validate(base: base.config), windows: windows)
}
