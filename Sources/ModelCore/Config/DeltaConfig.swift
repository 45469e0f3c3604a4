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

  /// HyLo's shape for a model's width d (brief 1.4): keys 0.75 d in heads of 256, values twice as wide. Models too
  /// narrow for that have the six heads of the smallest published one, d / 8 wide.
  public init(replacing base: ModelConfig) {
    let width = base.hiddenSize
    let keyDim = width % 1024 == 0 ? 256 : max(1, width / 8)
    self.init(heads: max(1, 3 * width / 4 / keyDim), keyDim: keyDim, valueDim: 2 * keyDim)
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

  /// The `linear_*` keys, for merging into the model's object.
  var json: [String: JSONValue] {
    [
      "linear_num_value_heads": .int(heads), "linear_num_key_heads": .int(keyHeads), "linear_key_head_dim": .int(keyDim),
      "linear_value_head_dim": .int(valueDim), "linear_conv_kernel_dim": .int(convTaps), "linear_chunk_size": .int(chunk),
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
