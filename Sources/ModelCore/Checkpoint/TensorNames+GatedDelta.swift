/// Names of Gated DeltaNet layers: those of flash-linear-attention under `model.layers.N.gdn.` in a converted model,
/// Qwen3-Next's own otherwise.
extension ModelConfig {
  /// Whether one matrix holds q, k, v and the gate, one both scalar gates, and one convolution serves q, k and v.
  var hasFusedDelta: Bool { architecture == .qwen3Next }

  /// The matrices whose outputs a layer begins with.
  func deltaInputs(_ layer: Int) -> [TensorSpec] {
    guard let delta else { return [] }
    let (prefix, layout) = (mixerPrefix(layer), delta.layout)
    func matrix(_ name: String, _ rows: Int) -> TensorSpec {
      TensorSpec(prefix + name + ".weight", [rows, hiddenSize])
    }
    if hasFusedDelta {
      return [matrix("in_proj_qkvz", layout.width + layout.valueWidth), matrix("in_proj_ba", 2 * delta.heads)]
    }
    return [
      matrix("q_proj", layout.keyWidth), matrix("k_proj", layout.keyWidth), matrix("v_proj", layout.valueWidth),
      matrix("g_proj", layout.valueWidth), matrix("a_proj", delta.heads), matrix("b_proj", delta.heads),
    ]
  }

  /// The convolutions over q, k and v.
  func deltaConvolutions(_ layer: Int) -> [TensorSpec] {
    guard let delta else { return [] }
    let (prefix, layout) = (mixerPrefix(layer), delta.layout)
    let parts =
      hasFusedDelta
      ? [("conv1d", layout.width)]
      : [("q_conv1d", layout.keyWidth), ("k_conv1d", layout.keyWidth), ("v_conv1d", layout.valueWidth)]
    return parts.map { TensorSpec(prefix + $0.0 + ".weight", [$0.1, 1, delta.convTaps]) }
  }

  func deltaNormName(_ layer: Int) -> String { mixerPrefix(layer) + (hasFusedDelta ? "norm.weight" : "o_norm.weight") }

  func deltaTensors(_ layer: Int) -> [TensorSpec] {
    guard let delta else { return [] }
    return deltaInputs(layer) + deltaConvolutions(layer) + [
      TensorSpec(mixerPrefix(layer) + "A_log", [delta.heads]),
      TensorSpec(mixerPrefix(layer) + "dt_bias", [delta.heads]),
      TensorSpec(deltaNormName(layer), [delta.valueDim]),
      TensorSpec(outputProjectionName(layer), [hiddenSize, delta.layout.valueWidth]),
    ]
  }
}
