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
  public static var moduleName: String { "mamba" }
  public static var isLinear: Bool { true }

  public static func summary(_ config: ModelConfig) -> String? {
    config.mamba.map { "\($0.heads) heads of \($0.headDim), state \($0.stateSize)" }
  }

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

  public static func cacheNeeds(_ config: ModelConfig, layer: Int) -> CacheNeeds {
    guard let mamba = config.mamba else { return CacheNeeds() }
    return CacheNeeds(recurrent: mamba.recurrentNumbers, recentInputs: (mamba.convTaps - 1) * mamba.convWidth)
  }

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
