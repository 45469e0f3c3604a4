import Autograd
import Groundwork

/// The shape of Mamba2 layers, shared by all of a model.
///
/// Stock Mamba2 gives every head its own x and shares B and C over groups. The papers' grouped variant
/// (MambaInLlama, Zebra-Llama) takes the place of grouped-query attention: x and B have n_kv heads, repeated after
/// the convolution, C has n_h; head width and state size are the attention's head width.
public struct MambaConfig: MixerShape {
  public static var kind: MixerKind { .mamba2 }

  /// `mamba_n_heads`
  public var heads: Int
  /// P (`mamba_d_head`)
  public var headDim: Int
  /// N (`mamba_d_state`)
  public var stateSize: Int
  /// Heads that share one B and one C in stock Mamba2 (`mamba_n_groups`); the number of C heads when grouped.
  public var groups: Int
  /// Width of x and of B in the grouped variant (`mamba_d_xb`); nil: stock.
  public var groupedWidth: Int?
  /// A bias on in_proj, which carries a base's biases on q, k and v (`mamba_in_proj_bias`).
  public var inputBias: Bool
  /// Taps of the causal convolution (`mamba_d_conv`).
  public var convTaps: Int
  /// Tokens of a chunk in training and prefill; what is computed does not depend on it (`mamba_chunk_size`).
  public var chunk: Int
  /// Columns that share one output norm: the whole row where there is one group, one head in the grouped variant.
  public var normGroup: Int { innerWidth / groups }
  /// Of the output norm (`mamba_norm_eps`).
  public var normEps: Double

  /// - Parameter chunk: nil: `defaultChunk`
  public init(
    heads: Int, headDim: Int, stateSize: Int, groups: Int, groupedWidth: Int? = nil, inputBias: Bool = false,
    convTaps: Int = 4, chunk: Int? = nil, normEps: Double = 1e-5
  ) {
    self.heads = heads
    self.headDim = headDim
    self.stateSize = stateSize
    self.groups = groups
    self.groupedWidth = groupedWidth
    self.inputBias = inputBias
    self.convTaps = convTaps
    self.chunk = chunk ?? Self.defaultChunk(stateSize)
    self.normEps = normEps
  }

  /// The grouped variant that takes the place of a model's attention (Zebra-Llama, section 3.1).
  public init(grouping base: ModelConfig) {
    self.init(
      heads: base.attentionHeads, headDim: base.headDim, stateSize: base.headDim, groups: base.attentionHeads,
      groupedWidth: base.keyValueHeads * base.headDim, inputBias: base.attention.qkvBias)
  }

  /// Small states are scanned, where a chunk is what the backward keeps in the nearest cache.
  public static func defaultChunk(_ stateSize: Int) -> Int { stateSize <= 16 ? 32 : 64 }

  /// d_inner, the width of the gate and of the output.
  public var innerWidth: Int { heads * headDim }
  /// As the operations of `Autograd` take it.
  public var layout: StateSpaceLayout {
    if let groupedWidth {
      return StateSpaceLayout(
        heads: heads, headDim: headDim, stateSize: stateSize, xHeads: groupedWidth / headDim,
        bGroups: groupedWidth / stateSize, cGroups: groups, chunk: chunk)
    }
    return StateSpaceLayout(
      heads: heads, headDim: headDim, stateSize: stateSize, xHeads: heads, bGroups: groups, cGroups: groups,
      chunk: chunk)
  }
  /// Width of [x | B | C], which the convolution sees.
  public var convWidth: Int { layout.width }
  /// Rows of in_proj: z, x, B, C, dt.
  public var inputRows: Int { innerWidth + convWidth + heads }
  /// Numbers of S, all heads.
  public var recurrentNumbers: Int { heads * headDim * stateSize }
}

extension MambaConfig {
  /// Reads the `mamba_*` keys of a hybrid config.
  init(model: JSONObject) throws {
    let width = 1...(1 << 20)
    self.init(
      heads: try model.required("mamba_n_heads", in: width), headDim: try model.required("mamba_d_head", in: width),
      stateSize: try model.required("mamba_d_state", in: width),
      groups: try model.required("mamba_n_groups", in: width),
      groupedWidth: try model.int("mamba_d_xb", in: width),
      inputBias: try model.bool("mamba_in_proj_bias") ?? false,
      convTaps: try model.int("mamba_d_conv", in: 1...64) ?? 4,
      chunk: try model.int("mamba_chunk_size", in: 1...65536), normEps: try model.positive("mamba_norm_eps") ?? 1e-5)
  }

  /// The `mamba_*` keys, for merging into the model's object.
  var json: [String: JSONValue] {
    var object: [String: JSONValue] = [
      "mamba_n_heads": .int(heads), "mamba_d_head": .int(headDim), "mamba_d_state": .int(stateSize),
      "mamba_n_groups": .int(groups), "mamba_d_conv": .int(convTaps), "mamba_chunk_size": .int(chunk),
      "mamba_norm_eps": .double(normEps),
    ]
    if inputBias { object["mamba_in_proj_bias"] = .bool(true) }
    object["mamba_d_xb"] = groupedWidth.map { .int($0) }
    return object
  }

  /// Refuses what cannot be: names the key.
  func validate(_ check: ConfigCheck) throws {
    if let groupedWidth {
      try check.require(
        groupedWidth % headDim == 0 && heads % (groupedWidth / headDim) == 0, "mamba_d_xb",
        "a multiple of mamba_d_head (\(headDim)) that divides into the heads", groupedWidth,
        "x heads must fill whole groups")
      try check.require(
        stateSize == headDim, "mamba_d_state", "mamba_d_head (\(headDim)) when mamba_d_xb is given", stateSize,
        "x and B have the same heads")
    }
    try check.require(
      groups <= heads && heads % groups == 0, "mamba_n_groups", "a divisor of mamba_n_heads (\(heads))", groups,
      "heads must fill whole groups")
  }
}

extension ModelConfig {
  /// Shape of Mamba2; present when any layer is.
  public var mamba: MambaConfig? {
    get { shape() }
    set { setShape(newValue) }
  }

  /// This model with `layers` (all if nil) turned into Mamba2, grouped as its attention is unless `mamba` says
  /// otherwise; validated.
  public func withMamba2(_ mamba: MambaConfig? = nil, layers: [Int]? = nil) throws -> ModelConfig {
    var config = self
    config.mamba = mamba ?? MambaConfig(grouping: self)
    return try config.replacingMixers(layers, with: .mamba2)
  }
}

extension Mamba2 {
  /// The `mamba_*` keys of a hybrid.
  /// - Throws: failures that name a key which is missing or out of range
  public static func read(_ model: JSONObject, into config: inout ModelConfig) throws {
    config.mamba = try MambaConfig(model: model)
  }

  /// The `mamba_*` keys of a hybrid.
  public static func json(_ config: ModelConfig) -> [String: JSONValue] { config.mamba?.json ?? [:] }

  /// - Throws: names the key where heads do not fill groups, and where N is not P in the grouped variant
  public static func validate(_ config: ModelConfig, _ check: ConfigCheck) throws {
    try check.shape(config.mamba, "mamba_n_heads", of: kind).validate(check)
  }
}
