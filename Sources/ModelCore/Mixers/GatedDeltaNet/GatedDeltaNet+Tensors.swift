extension MixerRole {
  /// [H V, D], the output's gate
  public static let gate = MixerRole("g_proj.weight")
  /// [H, D], what decays the state: a
  public static let decay = MixerRole("a_proj.weight")
  /// [H, D], how much is written: b
  public static let writing = MixerRole("b_proj.weight")
  /// [2 (G K + H V), D]: of each key head q, k, its v, their gates
  public static let fusedQueryKeyValueGate = MixerRole("in_proj_qkvz.weight")
  /// [2 H, D]: of each key head its b, then a
  public static let fusedGates = MixerRole("in_proj_ba.weight")
  /// [G K, 1, taps]
  public static let queryConvolution = MixerRole("q_conv1d.weight")
  /// [G K, 1, taps]
  public static let keyConvolution = MixerRole("k_conv1d.weight")
  /// [H V, 1, taps]
  public static let valueConvolution = MixerRole("v_conv1d.weight")
  /// [V], over every head's output
  public static let headNorm = MixerRole("o_norm.weight")
}

extension MixerKind {
  /// Gated DeltaNet: a state that forgets by a gate and corrects what it holds of a key.
  public static let gatedDeltaNet = MixerKind(rawValue: "linear_attention")
}

// MARK: Tensors and accounting

extension DeltaConfig {
  /// The matrices that a layer begins with, and their rows.
  var inputs: [(role: MixerRole, rows: Int)] {
    let layout = layout
    return isFused
      ? [(.fusedQueryKeyValueGate, layout.width + layout.valueWidth), (.fusedGates, 2 * heads)]
      : [
        (.query, layout.keyWidth), (.key, layout.keyWidth), (.value, layout.valueWidth), (.gate, layout.valueWidth),
        (.decay, heads), (.writing, heads),
      ]
  }

  /// The convolutions over q, k and v, and their channels.
  var convolutions: [(role: MixerRole, channels: Int)] {
    let layout = layout
    return isFused
      ? [(.convolution, layout.width)]
      : [
        (.queryConvolution, layout.keyWidth), (.keyConvolution, layout.keyWidth),
        (.valueConvolution, layout.valueWidth),
      ]
  }
}

extension GatedDeltaNet {
  public static var kind: MixerKind { .gatedDeltaNet }
  public static var shortName: String { "GDN" }
  public static var moduleName: String { "gdn" }
  public static var isLinear: Bool { true }

  /// Such as "6 heads, 6 for keys, state 256 x 512".
  public static func summary(_ config: ModelConfig) -> String? {
    config.delta.map { "\($0.heads) heads, \($0.keyHeads) for keys, state \($0.keyDim) x \($0.valueDim)" }
  }

  /// Matrices of the input, biases of q, k and v, convolutions, the rule's rate and step, the norm, o.
  public static func tensors(_ config: ModelConfig, layer: Int) -> [MixerTensor] {
    guard let delta = config.delta else { return [] }
    let inputs = delta.inputs.map { MixerTensor($0.role, [$0.rows, config.hiddenSize]) }
    let convolutions = delta.convolutions.map {
      MixerTensor($0.role, [$0.channels, 1, delta.convTaps], start: .drawn(MambaStart.convolution))
    }
    let layout = delta.layout
    let biases = [
      (MixerRole.queryBias, layout.keyWidth), (.keyBias, layout.keyWidth), (.valueBias, layout.valueWidth),
    ].map { MixerTensor($0, [$1], start: .constant(0)) }
    return inputs + (delta.qkvBias ? biases : []) + convolutions + [
      MixerTensor(.logRate, [delta.heads], start: .drawn(DeltaStart.logRate)),
      MixerTensor(.stepBias, [delta.heads], start: .drawn(MambaStart.stepBias)),
      MixerTensor(.headNorm, [delta.valueDim], start: .constant(1)),
      MixerTensor(.output, [config.hiddenSize, delta.layout.valueWidth], start: .residual),
    ]
  }

  /// No rows: S [H, K, V], and the last taps - 1 inputs of the convolution.
  public static func cacheNeeds(_ config: ModelConfig, layer: Int) -> CacheNeeds {
    guard let delta = config.delta else { return CacheNeeds() }
    return CacheNeeds(recurrent: delta.recurrentNumbers, recentInputs: (delta.convTaps - 1) * delta.convWidth)
  }

  /// 3 H K V products a token for the rule, and the convolution's taps. Of S a copy at every chunk's beginning is kept.
  public static func costs(_ config: ModelConfig, layer: Int) -> MixerCosts {
    guard let delta = config.delta else { return MixerCosts(keptNumbersPerToken: 0) }
    let layout = delta.layout
    let entries = delta.recurrentNumbers / delta.chunk
    return MixerCosts(
      // Reading for the error, writing and reading for the output; the convolution's taps.
      productsPerToken: 3 * delta.recurrentNumbers + delta.convTaps * delta.convWidth,
      keptNumbersPerToken: 2 * layout.width + layout.valueWidth + 4 * delta.heads + 2 * layout.keyWidth
        + 2 * delta.keyHeads + 2 * layout.valueWidth + delta.heads + entries)
  }
}
