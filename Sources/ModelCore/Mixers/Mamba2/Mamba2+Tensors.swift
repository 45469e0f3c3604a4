extension MixerRole {
  /// [I + X + H, D]: rows z | x | B | C | dt
  public static let input = MixerRole("in_proj.weight")
  /// [I + X + H]
  public static let inputBias = MixerRole("in_proj.bias")
  /// [X, 1, taps]
  public static let convolution = MixerRole("conv1d.weight")
  /// [X]
  public static let convolutionBias = MixerRole("conv1d.bias")
  /// [H], dt_bias
  public static let stepBias = MixerRole("dt_bias")
  /// [H], A_log
  public static let logRate = MixerRole("A_log")
  /// [H], D
  public static let skip = MixerRole("D")
  /// [I]
  public static let outputNorm = MixerRole("norm.weight")
}

extension MixerKind {
  /// Mamba2: a state of one size stands for the past.
  public static let mamba2 = MixerKind(rawValue: "mamba2")
}

// MARK: Tensors and accounting

extension Mamba2 {
  public static var kind: MixerKind { .mamba2 }
  public static var shortName: String { "Mamba2" }
  /// As in the papers' own checkpoints.
  public static var moduleName: String { "mamba" }
  public static var isLinear: Bool { true }

  /// Such as "32 heads of 64, state 64".
  public static func summary(_ config: ModelConfig) -> String? {
    config.mamba.map { "\($0.heads) heads of \($0.headDim), state \($0.stateSize)" }
  }

  /// The matrix of the input with its bias, the convolution with its own, step, rate and skip, the norm, the output.
  public static func tensors(_ config: ModelConfig, layer: Int) -> [MixerTensor] {
    guard let mamba = config.mamba else { return [] }
    let bias = MixerTensor(.inputBias, [mamba.inputRows], start: .constant(0))
    return [MixerTensor(.input, [mamba.inputRows, config.hiddenSize])] + (mamba.inputBias ? [bias] : []) + [
      MixerTensor(.convolution, [mamba.convWidth, 1, mamba.convTaps], start: .drawn(MambaStart.convolution)),
      MixerTensor(.convolutionBias, [mamba.convWidth], start: .drawn(MambaStart.convolution)),
      MixerTensor(.stepBias, [mamba.heads], start: .drawn(MambaStart.stepBias)),
      MixerTensor(.logRate, [mamba.heads], start: .drawn(MambaStart.logRate)),
      MixerTensor(.skip, [mamba.heads], start: .constant(1)),
      MixerTensor(.outputNorm, [mamba.innerWidth], start: .constant(1)),
      MixerTensor(.output, [config.hiddenSize, mamba.innerWidth], start: .residual),
    ]
  }

  /// No rows: S [H, N, P], and the last taps - 1 inputs [X] of the convolution.
  public static func cacheNeeds(_ config: ModelConfig, layer: Int) -> CacheNeeds {
    guard let mamba = config.mamba else { return CacheNeeds() }
    return CacheNeeds(recurrent: mamba.recurrentNumbers, recentInputs: (mamba.convTaps - 1) * mamba.convWidth)
  }

  /// 3 H N P products a token for the recurrence, and the convolution's taps. Of S a copy at every chunk's beginning is
  /// kept.
  public static func costs(_ config: ModelConfig, layer: Int) -> MixerCosts {
    guard let mamba = config.mamba else { return MixerCosts(keptNumbersPerToken: 0) }
    // States at the chunks' beginnings: one of N x P every chunk.
    let entries = mamba.recurrentNumbers / mamba.chunk
    return MixerCosts(
      // The recurrence: decay, write and read of every number of the state; the convolution's taps.
      productsPerToken: 3 * mamba.recurrentNumbers + mamba.convTaps * mamba.convWidth,
      keptNumbersPerToken: mamba.inputRows + mamba.convWidth + 2 * mamba.innerWidth + mamba.heads + mamba.groups
        + entries)
  }
}
