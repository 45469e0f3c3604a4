import Autograd
import Groundwork

/// The shape of Gated DeltaNet layers, shared by all of a model; the keys are Qwen3-Next's.
public struct DeltaConfig: Equatable, Sendable {
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

  public init(
    heads: Int, keyHeads: Int? = nil, keyDim: Int, valueDim: Int, convTaps: Int = 4, chunk: Int = 64,
    normEps: Double = 1e-5
  ) {
    self.heads = heads
    self.keyHeads = keyHeads ?? heads
    self.keyDim = keyDim
    self.valueDim = valueDim
    self.convTaps = convTaps
    self.chunk = chunk
    self.normEps = normEps
  }

  /// HyLo's shape for a model's width d (brief 1.4): all key heads together 0.75 d wide, all value heads 1.5 d.
  /// - Parameter heads: H; nil: heads with K = 256 and V = 512 as published where d is a multiple of 1024, else the six
  ///   of the published 1B model (K = d / 8), or three where d is no multiple of 8
  /// - Throws: where 0.75 d is not a whole number of equal heads
  public init(replacing base: ModelConfig, heads: Int? = nil) throws {
    let width = base.hiddenSize
    let keyWidth = 3 * width / 4
    let heads = heads ?? (width % 1024 == 0 ? keyWidth / 256 : width % 8 == 0 ? 6 : 3)
    guard width % 4 == 0, heads > 0, keyWidth % heads == 0 else {
      throw UpcycleError.usage(
        "Gated DeltaNet's heads do not divide its keys", at: "--gdn-heads",
        expected: "a divisor of 0.75 d = \(Double(3 * width) / 4) (d = \(width))", found: "\(heads)")
    }
    self.init(heads: heads, keyDim: keyWidth / heads, valueDim: 2 * keyWidth / heads)
  }

  public var layout: GatedDeltaLayout {
    GatedDeltaLayout(heads: heads, keyHeads: keyHeads, keyDim: keyDim, valueDim: valueDim, chunk: chunk)
  }
  /// Width of [q | k | v], which the convolution sees.
  public var convWidth: Int { layout.width }
  /// Numbers that a layer remembers per sequence, whatever its length: the state and the convolution's last inputs.
  public var stateNumbers: Int { recurrentNumbers + (convTaps - 1) * convWidth }
  /// Numbers of S, all heads.
  public var recurrentNumbers: Int { heads * keyDim * valueDim }
}

extension DeltaConfig {
  /// Reads the `linear_*` keys.
  /// - Parameter normEps: of the output norm where `linear_norm_eps` is absent
  init(model: ConfigObject, normEps: Double) throws {
    let width = 1...(1 << 20)
    self.init(
      heads: try model.required("linear_num_value_heads", in: width),
      keyHeads: try model.required("linear_num_key_heads", in: width),
      keyDim: try model.required("linear_key_head_dim", in: width),
      valueDim: try model.required("linear_value_head_dim", in: width),
      convTaps: try model.int("linear_conv_kernel_dim", in: 1...64) ?? 4,
      chunk: try model.int("linear_chunk_size", in: 1...65536) ?? 64,
      normEps: try model.positive("linear_norm_eps") ?? normEps)
  }

  /// Reads flash-linear-attention's own keys (`GatedDeltaNetConfig`), whose defaults it has.
  /// - Parameters:
  ///   - heads: where `num_heads` is absent
  ///   - normEps: where `norm_eps` is absent
  init(fla model: ConfigObject, heads: Int, normEps: Double) throws {
    let width = 1...(1 << 20)
    for key in ["use_gate", "use_short_conv"] where try model.bool(key) == false {
      throw model.unsupported(key, "a layer without it")
    }
    for key in ["allow_neg_eigval", "conv_bias"] where try model.bool(key) == true {
      throw model.unsupported(key, "a layer with it")
    }
    let keyHeads = try model.int("num_heads", in: width) ?? heads
    let keyDim = try model.int("head_dim", in: width) ?? 256
    let expansion = try model.positive("expand_v") ?? 2
    let valueDim = Double(keyDim) * expansion
    guard valueDim == valueDim.rounded(), valueDim >= 1, valueDim <= Double(width.upperBound) else {
      throw model.fail("expand_v", expected: "a number that makes head_dim (\(keyDim)) * expand_v whole")
    }
    self.init(
      heads: try model.int("num_v_heads", in: width) ?? keyHeads, keyHeads: keyHeads, keyDim: keyDim,
      valueDim: Int(valueDim), convTaps: try model.int("conv_size", in: 1...64) ?? 4,
      normEps: try model.positive("norm_eps") ?? normEps)
  }

  /// The same keys, for merging into the model's object.
  var flaJSON: [String: JSONValue] {
    var object: [String: JSONValue] = [
      "num_heads": .int(keyHeads), "head_dim": .int(keyDim), "expand_v": .double(Double(valueDim) / Double(keyDim)),
      "conv_size": .int(convTaps), "norm_eps": .double(normEps), "use_gate": .bool(true), "use_short_conv": .bool(true),
      "allow_neg_eigval": .bool(false),
    ]
    if heads != keyHeads { object["num_v_heads"] = .int(heads) }
    return object
  }

  /// The `linear_*` keys, for merging into the model's object.
  var json: [String: JSONValue] {
    [
      "linear_num_value_heads": .int(heads), "linear_num_key_heads": .int(keyHeads),
      "linear_key_head_dim": .int(keyDim),
      "linear_value_head_dim": .int(valueDim), "linear_conv_kernel_dim": .int(convTaps),
      "linear_chunk_size": .int(chunk),
      "linear_norm_eps": .double(normEps),
    ]
  }

  /// Refuses what cannot be: names the key.
  func validate(require: (Bool, String, String, Any, String) throws -> Void) throws {
    try require(
      keyHeads <= heads && heads % keyHeads == 0, "linear_num_key_heads",
      "a divisor of linear_num_value_heads (\(heads))", keyHeads, "value heads must fill whole groups")
  }
}
