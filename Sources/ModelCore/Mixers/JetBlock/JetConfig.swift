import Autograd
import Groundwork

/// The shape of JetBlock layers, shared by all of a model; the keys are Jet-Nemotron's, in
/// `efficient_attention_config.jet`.
public struct JetConfig: MixerShape {
  public static var kind: MixerKind { .jetBlock }

  /// H, each with a state [K, V] (`num_heads`).
  public var heads: Int
  /// K (`head_dim`).
  public var keyDim: Int
  /// V (`expand_v`, V / K).
  public var valueDim: Int
  /// Taps of the convolution over values (`conv_size`).
  public var convTaps: Int
  /// H V against the width of the network that makes the taps (`dconv_generator_reduction`).
  public var generatorReduction: Int
  /// Of the output norm (`norm_eps`).
  public var normEps: Double
  /// Tokens of a chunk in training and prefill; what is computed does not depend on it (`chunk_size`, our own key).
  public var chunk: Int

  /// The released models' convolution and its generator unless said otherwise.
  public init(
    heads: Int, keyDim: Int, valueDim: Int, convTaps: Int = 4, generatorReduction: Int = 8, normEps: Double = 1e-5,
    chunk: Int = 64
  ) {
    self.heads = heads
    self.keyDim = keyDim
    self.valueDim = valueDim
    self.convTaps = convTaps
    self.generatorReduction = generatorReduction
    self.normEps = normEps
    self.chunk = chunk
  }

  /// The released 2B model's shape for a base's attention: as many heads as queries have, K three quarters and V twice the
  /// width of one (12 heads of 96 and 256 where Qwen2.5-1.5B has 12 of 128).
  public init(replacing base: ModelConfig) {
    self.init(heads: base.attentionHeads, keyDim: max(1, base.headDim * 3 / 4), valueDim: 2 * base.headDim)
  }

  /// As the operations of `Autograd` take it.
  public var layout: GatedDeltaLayout {
    GatedDeltaLayout(heads: heads, keyHeads: heads, keyDim: keyDim, valueDim: valueDim, chunk: chunk)
  }
  /// Width of the network that makes the taps.
  public var generatorWidth: Int { heads * valueDim / generatorReduction }
  /// Numbers of S, all heads.
  public var recurrentNumbers: Int { heads * keyDim * valueDim }
}

extension JetConfig {
  /// Reads `efficient_attention_config.jet`.
  init(model: JSONObject) throws {
    guard let jet = try model.object(Self.outerKey)?.object(Self.innerKey) else {
      throw UpcycleError(
        "\"\(Self.outerKey).\(Self.innerKey)\" is missing although a layer is \(Self.kind.rawValue)", at: model.file)
    }
    let width = 1...(1 << 20)
    let keyDim = try jet.required("head_dim", in: width)
    let expansion = try jet.positive("expand_v") ?? 2
    // Published with ten digits: 2.6666666667 for 256 / 96.
    let valueDim = (Double(keyDim) * expansion).rounded()
    guard valueDim >= 1, valueDim <= 1e6, abs(Double(keyDim) * expansion - valueDim) <= 1e-5 * valueDim else {
      throw jet.fail("expand_v", expected: "a whole number of values over head_dim = \(keyDim)")
    }
    self.init(
      heads: try jet.required("num_heads", in: width), keyDim: keyDim, valueDim: Int(valueDim),
      convTaps: try jet.int("conv_size", in: 1...64) ?? 4,
      generatorReduction: try jet.int("dconv_generator_reduction", in: width) ?? 8,
      normEps: try Self.epsilon(jet) ?? 1e-5, chunk: try jet.int("chunk_size", in: 1...65536) ?? 64)
  }

  private static let outerKey = "efficient_attention_config"
  private static let innerKey = "jet"

  /// A number, or a text as in the released models.
  private static func epsilon(_ jet: JSONObject) throws -> Double? {
    guard case .string(let text)? = jet["norm_eps"] else { return try jet.positive("norm_eps") }
    guard let number = Double(text), number > 0, number.isFinite else {
      throw jet.fail("norm_eps", expected: "a number above 0")
    }
    return number
  }

  /// V / K such that its product with K, and with H K, cut to whole numbers as the released code does, is exact.
  private var expansion: Double {
    var expansion = Double(valueDim) / Double(keyDim)
    while Int(Double(keyDim) * expansion) < valueDim || Int(Double(heads * keyDim) * expansion) < heads * valueDim {
      expansion = expansion.nextUp
    }
    return expansion
  }

  /// For merging into the model's object.
  var json: [String: JSONValue] {
    [
      Self.outerKey: .object([
        Self.innerKey: .object([
          "num_heads": .int(heads), "head_dim": .int(keyDim), "expand_v": .double(expansion),
          "conv_size": .int(convTaps), "dconv_generator_reduction": .int(generatorReduction),
          "norm_eps": .double(normEps), "chunk_size": .int(chunk),
        ])
      ])
    ]
  }

  /// Refuses what cannot be: names the key.
  func validate(_ check: ConfigCheck) throws {
    try check.require(
      generatorWidth >= 1, "dconv_generator_reduction", "at most the \(heads * valueDim) values", generatorReduction,
      "leaves no network to make the taps")
  }
}

extension ModelConfig {
  /// Shape of JetBlock; present when any layer is.
  public var jet: JetConfig? {
    get { shape() }
    set { setShape(newValue) }
  }

  /// This model with `layers` (all if nil) turned into JetBlock, of the released shape unless `jet` says otherwise;
  /// validated.
  public func withJetBlock(_ jet: JetConfig? = nil, layers: [Int]? = nil) throws -> ModelConfig {
    var config = self
    config.jet = jet ?? JetConfig(replacing: self)
    return try config.replacingMixers(layers, with: .jetBlock)
  }
}

extension JetBlock {
  /// `efficient_attention_config.jet`.
  /// - Throws: failures that name a key which is missing or out of range
  public static func read(_ model: JSONObject, into config: inout ModelConfig) throws {
    config.jet = try JetConfig(model: model)
  }

  /// `efficient_attention_config`, nothing but `jet` in it.
  public static func json(_ config: ModelConfig) -> [String: JSONValue] { config.jet?.json ?? [:] }

  /// - Throws: names `dconv_generator_reduction` where it is more than the H V values
  public static func validate(_ config: ModelConfig, _ check: ConfigCheck) throws {
    try check.shape(config.jet, "efficient_attention_config", of: kind).validate(check)
  }
}
