import Groundwork
import ModelCore

/// What a long-context stage does to a model's positions (HyLo, section 3.4): YaRN of one factor on the rotary slice of
/// latent attention, no change of base, and then no "llama3" scaling any more. Without a stretch the rotation stays what
/// it is.
public struct ContextExtension: Codable, Equatable, Sendable, CustomStringConvertible {
  /// Tokens per sequence: the model's new `max_position_embeddings`.
  public var context: Int
  /// s; 1 is no YaRN.
  public var factor: Double
  /// L0, the context that the frequencies were made for.
  public var originalContext: Int

  /// Resolves the paper's defaults for a model: L0 is the one that earlier stages stretched, else the model's context;
  /// s is context / L0, at least the stretch that earlier stages made, and 1 without rotated latent attention.
  /// - Throws: usage errors for values out of range, and for YaRN where no latent attention is rotated.
  public init(of config: ModelConfig, context: Int, yarn: Double? = nil, originalContext: Int? = nil) throws {
    func refuse(_ field: String, _ expected: String, _ found: String) -> UpcycleError {
      .usage("is out of range", at: field, expected: expected, found: found)
    }
    guard (2...1 << 40).contains(context) else { throw refuse("`context`", "2 tokens or more", "\(context)") }
    let hasLatent = config.mixers.contains(.latentAttention) && config.latent?.isPositionFree == false
    var original = originalContext ?? config.maxPosition
    var least = 1.0
    if case .yarn(let rule) = config.latentRope.scaling, original == rule.originalMaxPosition || originalContext == nil
    {
      original = rule.originalMaxPosition
      // Weights that learned a stretch keep it where the context asks for less.
      least = rule.factor
    }
    guard (1...1 << 40).contains(original) else { throw refuse("`original_context`", "1 token or more", "\(original)") }
    let factor = yarn ?? (hasLatent ? max(least, Double(context) / Double(original)) : 1)
    guard factor >= 1, factor.isFinite else { throw refuse("`yarn`", "a number of at least 1", "\(factor)") }
    if factor != 1, !hasLatent {
      throw UpcycleError.usage(
        "YaRN stretches the rotary positions of latent attention, which this model does not have", at: "`yarn`",
        expected: "1, or a model with latent_attention layers", found: "\(factor)")
    }
    self.context = context
    self.factor = factor
    self.originalContext = original
  }

  /// The model with these positions. Layers of plain attention keep theirs.
  public func applied(to config: ModelConfig) -> ModelConfig {
    var config = config
    config.maxPosition = context
    guard config.mixers.contains(.latentAttention) else { return config }
    func scaling(_ before: RopeConfig.Scaling) -> RopeConfig.Scaling {
      guard case .yarn(var rule) = before else {
        return factor == 1 ? before : .yarn(.init(factor: factor, originalMaxPosition: originalContext))
      }
      if factor == 1 { return .none }
      // Its ramp stays; a magnitude of its own was that of its factor.
      if rule.factor != factor || rule.originalMaxPosition != originalContext { rule.attentionFactor = nil }
      (rule.factor, rule.originalMaxPosition) = (factor, originalContext)
      return .yarn(rule)
    }
    let modelRope = config.rope
    if config.latent?.rope == nil, config.mixers.contains(.attention) { config.latent?.rope = modelRope }
    if let rope = config.latent?.rope { config.latent?.rope?.scaling = scaling(rope.scaling) }
    if !config.mixers.contains(.attention) { config.rope.scaling = scaling(config.rope.scaling) }
    return config
  }

  /// For progress lines.
  public var description: String {
    factor == 1 ? "\(context) positions" : "\(context) positions, YaRN \(factor) of \(originalContext)"
  }
}
