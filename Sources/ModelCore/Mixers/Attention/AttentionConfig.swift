import Groundwork

/// What a model's attention layers have beside their sizes (`attentionHeads`, `keyValueHeads`, `headDim`) and the
/// model's rotary embedding. Families fill it: nothing here is optional for them to say, most of it is off.
public struct AttentionConfig: Equatable, Sendable {
  /// Bias on q, k and v, none on o (`qkv_bias`; Qwen2).
  public var qkvBias: Bool
  /// RMS norm with weights over each query and key head, before the rotation (`qk_norm`; Qwen3).
  public var qkNorm: Bool
  /// A sigmoid gate on the output, from rows of q_proj (`attn_output_gate`; Qwen3-Next).
  public var outputGate: Bool
  /// Neighbouring dimensions (2j, 2j + 1) turn as a pair (Llama-4); else halves (j, j + K/2).
  public var ropeInterleaved: Bool
  /// Layers whose queries and keys are not rotated, ascending (`no_rope_layers`; Llama-4).
  public var unrotatedLayers: [Int]
  /// Rotated queries and keys are divided by their root mean square, head by head, behind the rotation
  /// (`use_qk_norm`; Llama-4).
  public var normsRotated: Bool
  /// Growth of the queries of unrotated layers with the position; nil for none (Llama-4).
  public var temperature: Temperature?
  /// Layers in which a token sees only its own chunk; nil for none (Llama-4).
  public var chunks: Chunks?

  /// Factor of a query: log(floor((position + 1) / floorScale) + 1) * slope + 1 (`floor_scale`, `attn_scale`).
  public struct Temperature: Equatable, Sendable {
    /// Positions of one step of the growth (`floor_scale`).
    public var floorScale: Int
    /// `attn_scale`
    public var slope: Double

    /// Llama-4's own numbers by default.
    public init(floorScale: Int = 8192, slope: Double = 0.1) {
      self.floorScale = floorScale
      self.slope = slope
    }
  }

  /// Attention to the positions of one's own chunk (`attention_chunk_size`).
  public struct Chunks: Equatable, Sendable {
    /// Ascending, at least one.
    public var layers: [Int]
    /// Positions of a chunk.
    public var size: Int

    /// - Parameters:
    ///   - layers: ascending, at least one
    ///   - size: positions of a chunk
    public init(layers: [Int], size: Int) {
      self.layers = layers
      self.size = size
    }
  }

  /// Plain grouped-query attention unless said otherwise.
  public init(
    qkvBias: Bool = false, qkNorm: Bool = false, outputGate: Bool = false, ropeInterleaved: Bool = false,
    unrotatedLayers: [Int] = [], normsRotated: Bool = false, temperature: Temperature? = nil, chunks: Chunks? = nil
  ) {
    self.qkvBias = qkvBias
    self.qkNorm = qkNorm
    self.outputGate = outputGate
    self.ropeInterleaved = ropeInterleaved
    self.unrotatedLayers = unrotatedLayers
    self.normsRotated = normsRotated
    self.temperature = temperature
    self.chunks = chunks
  }
}

extension ModelConfig {
  /// Rows of q_proj: all query heads, each with its gate if they have one.
  var attentionQueryWidth: Int { attentionHeads * headDim * (attention.outputGate ? 2 : 1) }

  /// Dimensions of an attention head that rope turns, from the first on.
  public var rotaryDim: Int { Int(Double(headDim) * rope.rotatedShare) }

  /// Softmax scale of attention layers: d_h^(-1/2).
  public var attentionScale: Double { 1 / Double(headDim).squareRoot() }
}

// MARK: Keys and checks

extension AttentionConfig {
  /// Reads the keys that any family may carry; converted models keep their base's attention under them.
  init(model: JSONObject) throws {
    self.init(
      qkvBias: try model.bool("qkv_bias") ?? false, qkNorm: try model.bool("qk_norm") ?? false,
      outputGate: try model.bool("attn_output_gate") ?? false)
  }

  /// The same keys.
  var json: [String: JSONValue] {
    ["qkv_bias": .bool(qkvBias), "qk_norm": .bool(qkNorm)].merging(outputGate ? ["attn_output_gate": .bool(true)] : [:])
    {
      $1
    }
  }
}

extension Attention {
  public static func validate(_ config: ModelConfig, _ check: ConfigCheck) throws {
    try check.require(
      config.headDim % 2 == 0, "head_dim", "an even number", config.headDim, "rotary pairs need two dimensions each")
    let share = config.rope.rotatedShare
    try check.require(
      share <= 1 && config.rotaryDim > 0 && config.rotaryDim % 2 == 0, "partial_rotary_factor",
      "a share of head_dim (\(config.headDim)) that is even", share, "rotary pairs need two dimensions each")
  }
}
