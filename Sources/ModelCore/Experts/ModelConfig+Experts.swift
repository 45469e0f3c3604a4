/// The tensors of feed-forwards and experts: one tensor per expert and projection (DeepSeek, Qwen3), or all experts in
/// one (Llama-4, inputs first).
extension ModelConfig {
  /// Whether `layer` has experts.
  public func hasExperts(layer: Int) -> Bool { experts?.isUsed(inLayer: layer) ?? false }

  /// The tensors of one layer's feed-forward or experts, without their norm.
  public func feedForwardTensors(_ layer: Int) -> [TensorSpec] {
    if !hasFeedForward { return [] }
    let names = names
    func tensor(_ role: TensorRole, _ shape: [Int], start: TensorStart = .normal) -> TensorSpec {
      TensorSpec(names.name(role, layer: layer), shape, layer: layer, role: role, start: start)
    }
    func swiGLU(_ role: (TensorRole.Projection) -> TensorRole, width: Int) -> [TensorSpec] {
      [
        tensor(role(.gate), [width, hiddenSize]), tensor(role(.up), [width, hiddenSize]),
        tensor(role(.down), [hiddenSize, width], start: .residual),
      ]
    }
    func ungated() -> [TensorSpec] {
      [
        tensor(.feedForward(.up), [intermediateSize, hiddenSize]),
        tensor(.feedForwardBias(.up), [intermediateSize], start: .constant(0)),
        tensor(.feedForward(.down), [hiddenSize, intermediateSize], start: .residual),
        tensor(.feedForwardBias(.down), [hiddenSize], start: .constant(0)),
      ]
    }
    guard let experts, experts.isUsed(inLayer: layer) else {
      let dense = block.isUngated ? ungated() : swiGLU(TensorRole.feedForward, width: intermediateSize)
      return names.placed(dense, mixers[layer])
    }
    var all = [tensor(.router, [experts.count, hiddenSize])]
    if experts.hasCorrectionBias { all.append(tensor(.correctionBias, [experts.count], start: .constant(0))) }
    if experts.isStacked {
      all.append(tensor(.stackedGateUp, [experts.count, hiddenSize, 2 * experts.width]))
      all.append(tensor(.stackedDown, [experts.count, experts.width, hiddenSize], start: .residual))
    } else {
      for expert in 0..<experts.count { all += swiGLU({ .expert(expert, $0) }, width: experts.width) }
    }
    return experts.sharedWidth == 0 ? all : all + swiGLU(TensorRole.sharedExpert, width: experts.sharedWidth)
  }
}
