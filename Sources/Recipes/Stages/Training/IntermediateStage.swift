import Distillation
import Foundation
import Groundwork
import LabKit
import ModelCore
import TokenData
import Upcycling
import Worlds

/// What takes attention's place: `mixer` is mla (with `output_gate` and `position_free` for HyLo's Table 5, and `rope_init`, the
/// paper's unless said otherwise), mamba2, gdn (Gated DeltaNet, with HyLo's starts as `init`), jet (JetBlock) or lightning
/// (Lightning Attention).
struct ReplacementParameters: StageParameters {
  private enum Mixer: String, CaseIterable { case mla, mamba2, gdn, jet, lightning }

  /// Of seed 0.
  private let replacement: any MixerReplacement

  enum CodingKeys: String, CodingKey, CaseIterable {
    case mixer, layers
    case start = "init"
    case heads
    case kvRank = "kv_rank"
    case queryRank = "q_rank"
    case ropeHeadDim = "rope_dim"
    case nopeHeadDim = "nope_dim"
    case rope = "rope_init"
    case outputGate = "output_gate"
    case positionFree = "position_free"
  }

  init(from decoder: any Decoder) throws {
    let box = try decoder.container(keyedBy: CodingKeys.self)
    let layers = try box.decodeIfPresent(LayerSelection.self, forKey: .layers) ?? .all
    func start<Start: RawRepresentable & CaseIterable & Sendable>(_: Start.Type) throws -> Start
    where Start.RawValue == String {
      try box.decode(OneOf<Start>.self, forKey: .start).wrappedValue
    }
    switch try box.decode(OneOf<Mixer>.self, forKey: .mixer).wrappedValue {
    case .mamba2:
      replacement = MambaConversion(layers: layers, start: try start(MixerStart.self))
    case .gdn:
      replacement = DeltaConversion(
        layers: layers, start: try start(DeltaConversion.Start.self),
        heads: try box.decodeIfPresent(Int.self, forKey: .heads))
    case .lightning: replacement = LightningConversion(layers: layers)
    case .jet: replacement = JetConversion(layers: layers, start: try start(MixerStart.self))
    case .mla:
      _ = try box.decode(Int.self, forKey: .kvRank)  // no rule chooses it here
      var conversion = try LatentShape(from: decoder).conversion(layers: layers)
      conversion.start = try start(MixerStart.self) == .random ? .random : .svd
      conversion.sharesUpProjection = true
      conversion.rope =
        try box.decodeIfPresent(OneOf<LatentConversion.Rope>.self, forKey: .rope)?.wrappedValue ?? .paper
      if try box.decodeIfPresent(Bool.self, forKey: .outputGate) == true { conversion.outputGate = true }
      if try box.decodeIfPresent(Bool.self, forKey: .positionFree) == true { conversion.isPositionFree = true }
      replacement = conversion
    }
  }

  func replacement(seed: Int) -> any MixerReplacement { replacement.seeded(UInt64(seed)) }
}

/// How the replacement learns; `tokens` 0 leaves it as it starts.
struct IntermediateParameters: StageParameters {
  struct Training: StageParameters {
    var tokens: Int
    @OneOf var loss: IntermediatePlan.Loss
    @OneOf var trained: IntermediatePlan.Trained
    var learningRate: Double
    var batch: Int
    var sequence: Int
    var warmup: Double
    @OneOf var mixture: MicroworldCorpus.Mixture
    /// nil: text that the base was pretrained on; else another author's, who gives this share of answers wrongly.
    var rho: Double?

    enum CodingKeys: String, CodingKey, CaseIterable {
      case tokens, loss, trained
      case learningRate = "lr"
      case batch, sequence, warmup, mixture, rho
    }

    func plan(seed: Int) -> IntermediatePlan {
      IntermediatePlan(
        tokens: tokens, batch: batch, time: sequence, learningRate: learningRate, warmup: warmup, loss: loss,
        trained: trained, seed: UInt64(seed))
    }
  }

  /// nil: none.
  let training: Training?

  typealias CodingKeys = Training.CodingKeys

  init(from decoder: any Decoder) throws {
    let tokens = try decoder.container(keyedBy: CodingKeys.self).decode(Int.self, forKey: .tokens)
    training = tokens == 0 ? nil : try Training(from: decoder)
  }
}

/// `ild`: attention layers of the parent become one other mixer and learn their layer's output (Zebra-Llama's first
/// and HyLo's first stage) or, with the loss `matrices`, attention's matrices (the first of MOHAWK); without tokens their
/// start is measured. Metrics `error_before`, `error` (mean over layers of the relative error on held-out text), series
/// `error_before` and `error` by layer, `loss` (training) by tokens.
let intermediateStage = Stage(
  name: "ild", version: 1, parents: ["base"], parameters: (ReplacementParameters.self, IntermediateParameters.self),
  run: { context, replacement, parameters in
    let replacement = replacement.replacement(seed: context.seed)
    if let training = parameters.training { return try learn(.replacing(replacement), training, context) }
    let base = try context.parent("base").folder
    let tokenizer = try Tokenizer.load(from: base)
    let heldOut = try MicroworldText(for: tokenizer).heldOut(tokenizer: tokenizer)
    let errors = try replacement.save(base: base, to: context.folder, heldOut: heldOut)
    return StageResult(metrics: ["error": mean(errors)], series: ["error": byLayer(errors)])
  })

/// `align`: a student that `ild` left learns on from its base, layer by layer (MOHAWK's second stage, with the loss
/// `mixers`). Metrics and series as of `ild`.
let alignStage = Stage(
  name: "align", version: 1, parents: ["base", "student"], parameters: IntermediateParameters.Training.self,
  run: { context, training in try learn(.model(try context.parent("student").folder), training, context) })

private func learn(
  _ student: IntermediateDistilling.Student, _ training: IntermediateParameters.Training, _ context: StageContext
) throws -> StageResult {
  let base = try context.parent("base").folder
  let tokenizer = try Tokenizer.load(from: base)
  let text = try MicroworldText(for: tokenizer)
  let plan = training.plan(seed: context.seed)
  let recipe = IntermediateDistilling(
    base: base, student: student,
    data: try text.training(training.mixture, .intermediate, rho: training.rho, tokenizer: tokenizer),
    heldOut: try text.heldOut(tokenizer: tokenizer), plan: plan)
  let outcome = try recipe.run(
    in: context.folder,
    report: { metrics, rate in context.progress(metrics.step, of: plan.steps, intermediateDetail(metrics, rate)) },
    shouldStop: { context.isInterrupted })
  return StageResult(
    metrics: ["error_before": mean(outcome.before), "error": mean(outcome.after)],
    series: [
      "error_before": byLayer(outcome.before), "error": byLayer(outcome.after),
      "loss": try context.lossSeries(plan),
    ], tokens: plan.steps * plan.batch * plan.time)
}

private func byLayer(_ errors: [Double]) -> [[Double]] {
  errors.enumerated().map { [Double($0), ($1 * 1e6).rounded() / 1e6] }
}

private func mean(_ errors: [Double]) -> Metric { Metric(errors.reduce(0, +) / Double(errors.count)) }
