import Foundation
import Groundwork
import LabKit
import ModelCore
import TokenData
import Upcycling

/// How PALU shrinks a cache.
struct PALUParameters: StageParameters {
  /// Cache against what it was, 0 to 1.
  var share: Double
  /// KV heads that share a latent; nil: all of a layer (J-LRD).
  var headsPerGroup: Int?

  enum CodingKeys: String, CodingKey, CaseIterable {
    case share = "kv_share"
    case headsPerGroup = "group_heads"
  }
}

/// `palu`: attention of the parent model becomes low-rank attention, calibrated on training text that evaluation never
/// sees. Metrics as of `convert`.
let paluStage = Stage(
  name: "palu", version: 1, parents: ["model"], parameters: PALUParameters.self, seeded: false,
  run: { context, parameters in
    try convertToBaseline(
      .palu(LowRankConversion(share: parameters.share, headsPerGroup: parameters.headsPerGroup)), context)
  })

/// How MHA2MLA shrinks a cache.
struct MHA2MLAParameters: StageParameters {
  var kvRank: Int
  /// Rotated width that every head keeps.
  var ropeHeadDim: Int
  @OneOf var keep: PartialRopeConversion.Keep

  enum CodingKeys: String, CodingKey, CaseIterable {
    case kvRank = "kv_rank"
    case ropeHeadDim = "rope_dim"
    case keep = "rope_keep"
  }
}

/// `mha2mla`: attention of the parent model becomes MHA2MLA's, to be trained by `distill` with `kl_weight` 0 and
/// `ce_weight` 1. Calibration and metrics as of `palu`.
let mha2mlaStage = Stage(
  name: "mha2mla", version: 1, parents: ["model"], parameters: MHA2MLAParameters.self, seeded: false,
  run: { context, parameters in
    try convertToBaseline(
      .mha2mla(
        PartialRopeConversion(
          kvRank: parameters.kvRank, ropeHeadDim: parameters.ropeHeadDim, keep: parameters.keep)), context)
  })

/// How Minitron makes a model narrower.
struct PruneParameters: StageParameters {
  /// Of the pruned model; nil: the parent's.
  var hiddenSize: Int?
  /// Of every layer.
  var intermediateSize: Int?
  /// Of every layer, with their query heads.
  var keyValueHeads: Int?

  enum CodingKeys: String, CodingKey, CaseIterable {
    case hiddenSize = "hidden_size"
    case intermediateSize = "intermediate_size"
    case keyValueHeads = "num_key_value_heads"
  }
}

/// `prune`: the parent model's channels and heads of the largest activations, to be trained by `distill` with the parent as
/// teacher. Calibration and metrics as of `palu`; the cache is compared with the narrower model's own, so it is whole.
let pruneStage = Stage(
  name: "prune", version: 1, parents: ["model"], parameters: PruneParameters.self, seeded: false,
  run: { context, parameters in
    try convertToBaseline(
      .minitron(
        WidthPruning(
          hiddenSize: parameters.hiddenSize, intermediateSize: parameters.intermediateSize,
          keyValueHeads: parameters.keyValueHeads)), context)
  })

private func convertToBaseline(_ baseline: Baseline, _ context: StageContext) throws -> StageResult {
  let source = try context.parent("model").folder
  let base = try LanguageModel(folder: source)
  let tokenizer = try Tokenizer.load(from: source)
  let text = try MicroworldText(for: tokenizer)
  let calibration = try text.calibration(windows: 128, tokenizer: tokenizer)
  let (model, _) = try baseline.convert(base, calibration: calibration)
  try tokenizer.save(to: context.folder)
  try model.save(to: context.folder)
  return try conversionResult(model, base: base, on: text.heldOut(tokenizer: tokenizer))
}
