import Autograd
import Groundwork

/// What stands around mixers and feed-forwards: where norms are and which, how the gate bends, constant factors, learned
/// positions. Llama's unless said otherwise.
public struct BlockConfig: Equatable, Sendable {
  /// Where the norms of a layer's two branches stand. The raw value is our spelling of it (`norm_placement`).
  public enum NormPlacement: String, CaseIterable, Sendable {
    /// x + f(norm(x)), as in Llama
    case before
    /// x + norm(f(x)) (OLMo2)
    case after
    /// x + norm(f(norm(x))) (Gemma 2 and 3)
    case around
  }

  /// Of both branches.
  public var norms: NormPlacement
  /// Of dense feed-forwards (`hidden_act`).
  public var activation: GateActivation
  /// Of the embedding's rows (`embedding_multiplier`).
  public var embeddingMultiplier: Double
  /// Of what both branches add (`residual_multiplier`).
  public var residualMultiplier: Double
  /// What logits are divided by (`logits_scaling`).
  public var logitDivisor: Double
  /// Soft cap of the logits, behind that: cap tanh(z / cap) (`final_logit_softcapping`); nil for none.
  public var logitCap: Double?
  /// Norms take the mean away and have biases: LayerNorm instead of RMS norm (GPT-2).
  public var usesLayerNorm: Bool
  /// Feed-forwards are f(x W_up^T + b) W_down^T + b, without a gate (GPT-2).
  public var isUngated: Bool
  /// A learned row for every position joins the embedding (GPT-2); then no layer may see more positions.
  public var learnsPositions: Bool

  /// Llama's.
  public init(
    norms: NormPlacement = .before, activation: GateActivation = .silu, embeddingMultiplier: Double = 1,
    residualMultiplier: Double = 1, logitDivisor: Double = 1, logitCap: Double? = nil, usesLayerNorm: Bool = false,
    isUngated: Bool = false, learnsPositions: Bool = false
  ) {
    self.norms = norms
    self.activation = activation
    self.embeddingMultiplier = embeddingMultiplier
    self.residualMultiplier = residualMultiplier
    self.logitDivisor = logitDivisor
    self.logitCap = logitCap
    self.usesLayerNorm = usesLayerNorm
    self.isUngated = isUngated
    self.learnsPositions = learnsPositions
  }

  /// Whether norms stand before the branches.
  var normsInputs: Bool { norms != .after }
  /// Whether norms stand behind the branches.
  var normsOutputs: Bool { norms != .before }
}

// MARK: Keys

extension BlockConfig {
  /// Reads the keys that any family may carry; converted models keep their base's under them. What only GPT-2 has is not
  /// among them: no method converts it.
  init(model: JSONObject) throws {
    self.init(
      embeddingMultiplier: try model.positive("embedding_multiplier") ?? 1,
      residualMultiplier: try model.positive("residual_multiplier") ?? 1,
      logitDivisor: try model.positive("logits_scaling") ?? 1,
      logitCap: try model.positive("final_logit_softcapping"))
    if let name = try model.string("norm_placement") {
      guard let placement = NormPlacement(rawValue: name) else {
        let known = NormPlacement.allCases.map(\.rawValue).joined(separator: ", ")
        throw model.fail("norm_placement", expected: "one of \(known)")
      }
      norms = placement
    }
    if let name = try model.string("hidden_activation") ?? model.string("hidden_act"), name != "swish" {
      guard let known = GateActivation(rawValue: name) else {
        throw model.unsupported("hidden_act", "this activation (known: silu, gelu_pytorch_tanh)")
      }
      activation = known
    }
  }

  /// The same keys, of what is not Llama's.
  var json: [String: JSONValue] {
    var object: [String: JSONValue] = ["hidden_act": .string(activation.rawValue)]
    if norms != .before { object["norm_placement"] = .string(norms.rawValue) }
    for (key, factor) in [
      ("embedding_multiplier", embeddingMultiplier), ("residual_multiplier", residualMultiplier),
      ("logits_scaling", logitDivisor),
    ] where factor != 1 { object[key] = .double(factor) }
    object["final_logit_softcapping"] = logitCap.map { .double($0) }
    return object
  }
}
