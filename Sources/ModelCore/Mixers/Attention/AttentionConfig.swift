import Groundwork

/// What a model's attention layers have beside their sizes (`attentionHeads`, `keyValueHeads`, `headDim`) and the
/// model's rotary embedding. Families fill it: nothing here is optional for them to say, most of it is off.
public struct AttentionConfig: Equatable, Sendable {
  /// Bias on q, k and v (`qkv_bias`; Qwen2).
  public var qkvBias: Bool
  /// Bias on o (GPT-2).
  public var outputBias: Bool
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
  /// Layers in which a token sees only the last ones; nil for none (Mistral, Gemma).
  public var windows: Windows?
  /// The norms of queries and keys span all heads of a token instead of each (OLMo2).
  public var qkNormSpansHeads: Bool
  /// Softmax scale (`attention_multiplier`; Granite, Gemma); nil: d_h^(-1/2).
  public var scale: Double?
  /// Soft cap of the scores: cap tanh(s / cap) (`attn_logit_softcapping`; Gemma 2); nil for none.
  public var scoreCap: Double?

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

  /// Attention to the last positions, one's own among them (`sliding_window`).
  public struct Windows: Equatable, Sendable {
    /// Ascending, at least one.
    public var layers: [Int]
    /// Positions of a window.
    public var size: Int
    /// Rotary embedding of these layers when it is not the model's (Gemma 3).
    public var rope: RopeConfig?

    /// - Parameters:
    ///   - layers: ascending, at least one
    ///   - size: positions of a window
    ///   - rope: nil: the model's
    public init(layers: [Int], size: Int, rope: RopeConfig? = nil) {
      self.layers = layers
      self.size = size
      self.rope = rope
    }
  }

  /// Plain grouped-query attention unless said otherwise.
  public init(
    qkvBias: Bool = false, qkNorm: Bool = false, outputGate: Bool = false, ropeInterleaved: Bool = false,
    unrotatedLayers: [Int] = [], normsRotated: Bool = false, temperature: Temperature? = nil, chunks: Chunks? = nil,
    windows: Windows? = nil, qkNormSpansHeads: Bool = false, scale: Double? = nil, scoreCap: Double? = nil,
    outputBias: Bool = false
  ) {
    self.qkvBias = qkvBias
    self.outputBias = outputBias
    self.qkNorm = qkNorm
    self.outputGate = outputGate
    self.ropeInterleaved = ropeInterleaved
    self.unrotatedLayers = unrotatedLayers
    self.normsRotated = normsRotated
    self.temperature = temperature
    self.chunks = chunks
    self.windows = windows
    self.qkNormSpansHeads = qkNormSpansHeads
    self.scale = scale
    self.scoreCap = scoreCap
  }
}

extension ModelConfig {
  /// Rows of q_proj: all query heads, each with its gate if they have one.
  var attentionQueryWidth: Int { attentionHeads * headDim * (attention.outputGate ? 2 : 1) }

  /// Dimensions of an attention head that rope turns, from the first on.
  public var rotaryDim: Int { Int(Double(headDim) * rope.rotatedShare) }

  /// Softmax scale of attention layers: d_h^(-1/2) unless the model says another.
  public var attentionScale: Double { attention.scale ?? 1 / Double(headDim).squareRoot() }

  /// Positions that an attention layer sees, where they are not all of the model's.
  public func attentionWindow(layer: Int) -> Int? {
    guard let windows = attention.windows, windows.layers.contains(layer), windows.size < maxPosition else {
      return nil
    }
    return windows.size
  }

  /// Rotary embedding of an attention layer.
  public func attentionRope(layer: Int) -> RopeConfig {
    attention.windows.flatMap { $0.layers.contains(layer) ? $0.rope : nil } ?? rope
  }
}

// MARK: Keys and checks

extension AttentionConfig {
  /// Reads the keys that any family may carry; converted models keep their base's attention under them.
  /// - Parameter model: the configuration so far, whose sizes and rope are read
  init(model: JSONObject, config: ModelConfig) throws {
    self.init(
      qkvBias: try model.bool("qkv_bias") ?? false, qkNorm: try model.bool("qk_norm") ?? false,
      outputGate: try model.bool("attn_output_gate") ?? false,
      unrotatedLayers: try Self.unrotatedLayers(model, layerCount: config.layerCount) ?? [],
      qkNormSpansHeads: try model.bool("qk_norm_spans_heads") ?? false,
      scale: try model.positive("attention_multiplier"), scoreCap: try model.positive("attn_logit_softcapping"))
    if let layers = try model.array("sliding_window_layers")?.map({ $0.int ?? -1 }), !layers.isEmpty {
      windows = Windows(
        layers: layers, size: try model.required("sliding_window", in: 1...(1 << 40)),
        rope: try model.object("sliding_rope_parameters").map {
          try RopeConfig(parameters: $0, theta: config.rope.theta, maxPosition: config.maxPosition)
        })
    }
  }

  /// The same keys.
  func json(layerCount: Int) -> [String: JSONValue] {
    var object: [String: JSONValue] = ["qkv_bias": .bool(qkvBias), "qk_norm": .bool(qkNorm)]
    if outputGate { object["attn_output_gate"] = .bool(true) }
    if qkNormSpansHeads { object["qk_norm_spans_heads"] = .bool(true) }
    if !unrotatedLayers.isEmpty { object["no_rope_layers"] = rotationFlags(layerCount: layerCount) }
    object["attention_multiplier"] = scale.map { .double($0) }
    object["attn_logit_softcapping"] = scoreCap.map { .double($0) }
    if let windows {
      object["sliding_window"] = .int(windows.size)
      object["sliding_window_layers"] = .array(windows.layers.map { .int($0) })
      object["sliding_rope_parameters"] = windows.rope?.json
    }
    return object
  }

  /// `no_rope_layers`: 1 for a layer that is rotated, 0 for one that is not; nil where the key is absent.
  static func unrotatedLayers(_ model: JSONObject, layerCount: Int) throws -> [Int]? {
    guard let list = try model.array("no_rope_layers"), !list.isEmpty else { return nil }
    let flags = list.compactMap(\.int).filter((0...1).contains)
    guard flags.count == list.count, flags.count == layerCount else {
      throw model.fail("no_rope_layers", expected: "\(layerCount) entries, 0 or 1 each")
    }
    return flags.indices.filter { flags[$0] == 0 }
  }

  /// The same list.
  func rotationFlags(layerCount: Int) -> JSONValue {
    .array((0..<layerCount).map { .int(unrotatedLayers.contains($0) ? 0 : 1) })
  }
}

extension Attention {
  /// - Throws: names the key of a width that rotary pairs do not fill, and of a window that cannot be
  public static func validate(_ config: ModelConfig, _ check: ConfigCheck) throws {
    try check.require(
      config.headDim % 2 == 0, "head_dim", "an even number", config.headDim, "rotary pairs need two dimensions each")
    if let windows = config.attention.windows {
      try check.require(
        windows.layers.allSatisfy((0..<config.layerCount).contains) && windows.layers == windows.layers.sorted(),
        "sliding_window_layers", "layers in 0...\(config.layerCount - 1)", windows.layers, "layers out of range")
      try check.require(windows.size >= 1, "sliding_window", "at least 1", windows.size, "out of range")
    }
    try check.rope(config.rope, dim: config.rotaryDim)
    let share = config.rope.rotatedShare
    try check.require(
      share <= 1 && config.rotaryDim > 0 && config.rotaryDim % 2 == 0, "partial_rotary_factor",
      "a share of head_dim (\(config.headDim)) that is even", share, "rotary pairs need two dimensions each")
  }
}
