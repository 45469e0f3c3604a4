/// Checkpoint names of feed-forwards and experts, Hugging Face's: one tensor per expert and projection (DeepSeek,
/// Qwen3), or all experts in one (Llama-4: `gate_up_proj` [E, D, 2 F], `down_proj` [E, F, D], inputs first).
extension ModelConfig {
  /// `model.layers.N.mlp`, or Llama-4's `model.layers.N.feed_forward`.
  public func feedForwardPrefix(_ layer: Int) -> String {
    Self.layerPrefix(layer) + (architecture == .llama4 ? "feed_forward" : "mlp")
  }

  /// The router's weight [E, D].
  public func routerName(_ layer: Int) -> String {
    feedForwardPrefix(layer) + (architecture == .llama4 ? ".router.weight" : ".gate.weight")
  }

  /// DeepSeek-V3's bias [E] on the choice of experts.
  public func correctionBiasName(_ layer: Int) -> String { feedForwardPrefix(layer) + ".gate.e_score_correction_bias" }

  /// The shared experts, which are one feed-forward.
  public func sharedExpertPrefix(_ layer: Int) -> String {
    feedForwardPrefix(layer) + (architecture == .llama4 ? ".shared_expert" : ".shared_experts")
  }

  /// `gate_proj`, `up_proj` or `down_proj` of one routed expert.
  public func expertName(_ layer: Int, _ expert: Int, _ projection: String) -> String {
    "\(feedForwardPrefix(layer)).experts.\(expert).\(projection).weight"
  }

  /// All experts of a layer in one tensor, Llama-4's `gate_up_proj` or `down_proj`.
  public func stackedExpertsName(_ layer: Int, _ projection: String) -> String {
    "\(feedForwardPrefix(layer)).experts.\(projection)"
  }

  /// All experts of a layer stand in one tensor.
  public var hasStackedExperts: Bool { architecture == .llama4 }

  /// Whether `layer` has experts.
  public func hasExperts(layer: Int) -> Bool { experts?.isUsed(inLayer: layer) ?? false }

  /// The tensors of one layer's feed-forward or experts, without their norm.
  public func feedForwardTensors(_ layer: Int) -> [TensorSpec] {
    if architecture == .mamba2 { return [] }
    guard let experts, experts.isUsed(inLayer: layer) else {
      return swiGLUTensors(feedForwardPrefix(layer), width: intermediateSize)
    }
    var all = [TensorSpec(routerName(layer), [experts.count, hiddenSize])]
    if experts.hasCorrectionBias { all.append(TensorSpec(correctionBiasName(layer), [experts.count])) }
    if hasStackedExperts {
      all.append(TensorSpec(stackedExpertsName(layer, "gate_up_proj"), [experts.count, hiddenSize, 2 * experts.width]))
      all.append(TensorSpec(stackedExpertsName(layer, "down_proj"), [experts.count, experts.width, hiddenSize]))
    } else {
      for expert in 0..<experts.count {
        all.append(TensorSpec(expertName(layer, expert, "gate_proj"), [experts.width, hiddenSize]))
        all.append(TensorSpec(expertName(layer, expert, "up_proj"), [experts.width, hiddenSize]))
        all.append(TensorSpec(expertName(layer, expert, "down_proj"), [hiddenSize, experts.width]))
      }
    }
    return experts.sharedWidth == 0 ? all : all + swiGLUTensors(sharedExpertPrefix(layer), width: experts.sharedWidth)
  }

  private func swiGLUTensors(_ prefix: String, width: Int) -> [TensorSpec] {
    [
      TensorSpec(prefix + ".gate_proj.weight", [width, hiddenSize]),
      TensorSpec(prefix + ".up_proj.weight", [width, hiddenSize]),
      TensorSpec(prefix + ".down_proj.weight", [hiddenSize, width]),
    ]
  }
}
