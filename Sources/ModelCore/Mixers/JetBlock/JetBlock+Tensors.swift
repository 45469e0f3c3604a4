extension MixerRole {
  /// [H V / reduction, D], the first half of the network that makes the taps
  public static let tapsInput = MixerRole("dynamic_conv1d.kernel_generator.w1.weight")
  /// [H V taps, H V / reduction], the second: the taps of a channel together
  public static let tapsOutput = MixerRole("dynamic_conv1d.kernel_generator.w2.weight")
  /// [H V taps], the taps that do not depend on the input
  public static let tapsBias = MixerRole("dynamic_conv1d.kernel_generator.w2.bias")
}

extension MixerKind {
  /// JetBlock: the gated delta rule whose values pass a convolution with taps made of the input.
  public static let jetBlock = MixerKind(rawValue: "jet")
}

// MARK: Tensors and accounting

extension JetConfig {
  /// The matrices that a layer begins with, and their rows.
  var inputs: [(role: MixerRole, rows: Int)] {
    let layout = layout
    return [
      (.query, layout.keyWidth), (.key, layout.keyWidth), (.value, layout.valueWidth), (.gate, layout.valueWidth),
      (.decay, heads), (.writing, heads),
    ]
  }
}

extension JetBlock {
  public static var kind: MixerKind { .jetBlock }
  public static var shortName: String { "Jet" }
  public static var moduleName: String { "jet" }
  public static var isLinear: Bool { true }

  /// Such as "12 heads, state 96 x 256, 4 taps made of the input".
  public static func summary(_ config: ModelConfig) -> String? {
    config.jet.map { "\($0.heads) heads, state \($0.keyDim) x \($0.valueDim), \($0.convTaps) taps made of the input" }
  }

  /// Matrices of the input, the network that makes the taps, the rule's rate and step, the norm, o.
  public static func tensors(_ config: ModelConfig, layer: Int) -> [MixerTensor] {
    guard let jet = config.jet else { return [] }
    let width = jet.layout.valueWidth
    return jet.inputs.map { MixerTensor($0.role, [$0.rows, config.hiddenSize]) } + [
      MixerTensor(.tapsInput, [jet.generatorWidth, config.hiddenSize]),
      MixerTensor(.tapsOutput, [width * jet.convTaps, jet.generatorWidth]),
      MixerTensor(.tapsBias, [width * jet.convTaps], start: .drawn(MambaStart.convolution)),
      MixerTensor(.logRate, [jet.heads], start: .drawn(DeltaStart.logRate)),
      MixerTensor(.stepBias, [jet.heads], start: .drawn(MambaStart.stepBias)),
      MixerTensor(.headNorm, [jet.valueDim], start: .constant(1)),
      MixerTensor(.output, [config.hiddenSize, width], start: .residual),
    ]
  }

  /// No rows: S [H, K, V], and the last taps - 1 values [H V] before the convolution.
  public static func cacheNeeds(_ config: ModelConfig, layer: Int) -> CacheNeeds {
    guard let jet = config.jet else { return CacheNeeds() }
    return CacheNeeds(recurrent: jet.recurrentNumbers, recentInputs: (jet.convTaps - 1) * jet.layout.valueWidth)
  }

  /// 3 H K V products a token for the rule, and the taps over values; making the taps counts with the matrices.
  public static func costs(_ config: ModelConfig, layer: Int) -> MixerCosts {
    guard let jet = config.jet else { return MixerCosts(keptNumbersPerToken: 0) }
    let layout = jet.layout
    let taps = jet.convTaps * layout.valueWidth
    let inputs = jet.inputs.reduce(0) { $0 + $1.rows }
    return MixerCosts(
      // Reading for the error, writing and reading for the output; the convolution's taps.
      productsPerToken: 3 * jet.recurrentNumbers + taps,
      // The projection, the taps and what makes them; q and k cut out, bent and scaled; values; the rule's gates, entry
      // states and output; the norm's.
      keptNumbersPerToken: inputs + taps + 2 * jet.generatorWidth + 6 * layout.keyWidth + 2 * jet.heads
        + layout.valueWidth + 2 * jet.heads + jet.recurrentNumbers / jet.chunk + 2 * layout.valueWidth + jet.heads)
  }
}
