import Autograd
import Groundwork

/// The shape of Gated DeltaNet layers, shared by all of a model; the keys are Qwen3-Next's.
public struct DeltaConfig: MixerShape {
  public static var kind: MixerKind { .gatedDeltaNet }

  /// H, each with a state [K, V] (`linear_num_value_heads`).
  public var heads: Int
  /// G, heads of queries and of keys (`linear_num_key_heads`).
  public var keyHeads: Int
  /// K (`linear_key_head_dim`).
  public var keyDim: Int
  /// V (`linear_value_head_dim`).
  public var valueDim: Int
  /// Taps of the causal convolution (`linear_conv_kernel_dim`).
  public var convTaps: Int
  /// Tokens of a chunk in training and prefill; what is computed does not depend on it (`linear_chunk_size`).
  public var chunk: Int
  /// Of the output norm (`linear_norm_eps`; in Qwen3-Next `rms_norm_eps`).
  public var normEps: Double
  /// One matrix makes q, k, v and the output gate, one both scalar gates, and one convolution serves q, k and v
  /// (Qwen3-Next); else each has its own.
  public var isFused: Bool
  /// Biases on q, k and v before their convolutions, which carry a base's (`linear_qkv_bias`); not in fused layers.
  public var qkvBias = false

  /// - Parameter keyHeads: nil: as many as `heads`
  public init(
    heads: Int, keyHeads: Int? = nil, keyDim: Int, valueDim: Int, convTaps: Int = 4, chunk: Int = 64,
    normEps: Double = 1e-5, isFused: Bool = false
  ) {
    self.heads = heads
    self.keyHeads = keyHeads ?? heads
    self.keyDim = keyDim
    self.valueDim = valueDim
    self.convTaps = convTaps
    self.chunk = chunk
    self.normEps = normEps
    self.isFused = isFused
  }

  /// HyLo's shape for a model's width d (its Table 8): all key heads together 0.75 d wide, all value heads 1.5 d.
  /// - Parameter heads: H; nil: heads with K = 256 and V = 512 as published where d is a multiple of 1024, else the six
  ///   of the published 1B model (K = d / 8), or three where d is no multiple of 8
  /// - Throws: where 0.75 d is not a whole number of equal heads
  public init(replacing base: ModelConfig, heads: Int? = nil) throws {
    let width = base.hiddenSize
    let keyWidth = 3 * width / 4
    let heads = heads ?? (width % 1024 == 0 ? keyWidth / 256 : width % 8 == 0 ? 6 : 3)
    guard width % 4 == 0, heads > 0, keyWidth % heads == 0 else {
      throw UpcycleError.usage(
        "Gated DeltaNet's heads do not divide its keys", field: "gdn_heads",
        expected: "a divisor of 0.75 d = \(Double(3 * width) / 4) (d = \(width))", found: "\(heads)")
    }
    self.init(heads: heads, keyDim: keyWidth / heads, valueDim: 2 * keyWidth / heads)
    qkvBias = base.attention.qkvBias
  }

  /// As the operations of `Autograd` take it.
  public var layout: GatedDeltaLayout {
    GatedDeltaLayout(heads: heads, keyHeads: keyHeads, keyDim: keyDim, valueDim: valueDim, chunk: chunk)
  }
  /// Width of [q | k | v], which the convolution sees.
  public var convWidth: Int { layout.width }
  /// Numbers of S, all heads.
  public var recurrentNumbers: Int { heads * keyDim * valueDim }
}

extension DeltaConfig {
  /// Reads the `linear_*` keys.
  /// - Parameter normEps: of the output norm where `linear_norm_eps` is absent
  init(model: JSONObject, normEps: Double = 1e-5, isFused: Bool = false) throws {
    let width = 1...(1 << 20)
    self.init(
      heads: try model.required("linear_num_value_heads", in: width),
      keyHeads: try model.required("linear_num_key_heads", in: width),
      keyDim: try model.required("linear_key_head_dim", in: width),
      valueDim: try model.required("linear_value_head_dim", in: width),
      convTaps: try model.int("linear_conv_kernel_dim", in: 1...64) ?? 4,
      chunk: try model.int("linear_chunk_size", in: 1...65536) ?? 64,
      normEps: try model.positive("linear_norm_eps") ?? normEps, isFused: isFused)
    qkvBias = try !isFused && model.bool("linear_qkv_bias") ?? false
  }

  /// The `linear_*` keys, for merging into the model's object.
  var json: [String: JSONValue] {
    var object: [String: JSONValue] = [
      "linear_num_value_heads": .int(heads), "linear_num_key_heads": .int(keyHeads),
      "linear_key_head_dim": .int(keyDim),
      "linear_value_head_dim": .int(valueDim), "linear_conv_kernel_dim": .int(convTaps),
      "linear_chunk_size": .int(chunk),
      "linear_norm_eps": .double(normEps),
    ]
    if qkvBias { object["linear_qkv_bias"] = .bool(true) }
    return object
  }

  /// Refuses what cannot be: names the key.
  func validate(_ check: ConfigCheck) throws {
    try check.require(
      keyHeads <= heads && heads % keyHeads == 0, "linear_num_key_heads",
      "a divisor of linear_num_value_heads (\(heads))", keyHeads, "value heads must fill whole groups")
  }
}

extension ModelConfig {
  /// Shape of Gated DeltaNet; present when any layer is.
  public var delta: DeltaConfig? {
    get { shape() }
    set { setShape(newValue) }
  }

  /// This model with `layers` (all if nil) turned into Gated DeltaNet, of HyLo's shape unless `delta` says otherwise;
  /// validated.
  public func withGatedDeltaNet(_ delta: DeltaConfig? = nil, layers: [Int]? = nil) throws -> ModelConfig {
    var config = self
    config.delta = try delta ?? DeltaConfig(replacing: self)
    return try config.replacingMixers(layers, with: .gatedDeltaNet)
  }
}

extension GatedDeltaNet {
  /// The `linear_*` keys.
  /// - Throws: failures that name a key which is missing or out of range
  public static func read(_ model: JSONObject, into config: inout ModelConfig) throws {
    config.delta = try DeltaConfig(model: model)
  }

  /// The `linear_*` keys.
  public static func json(_ config: ModelConfig) -> [String: JSONValue] { config.delta?.json ?? [:] }

  /// - Throws: names the key where value heads do not fill groups, one for each key head
  public static func validate(_ config: ModelConfig, _ check: ConfigCheck) throws {
    try check.shape(config.delta, "linear_num_value_heads", of: kind).validate(check)
  }
}
