import Groundwork

/// Our own: any mixer in any layer, what conversions write. The replaced mixers carry the official names of the papers'
/// checkpoints (`model.layers.N.mla.*`, `.mamba.*`, `out_proj`), so that those load.
struct Hybrid: Family {
  let architecture = Architecture.hybrid
  let className = "UpcycleHybridForCausalLM"
  let rotatesPartOfHeads = true
  let hasExperts = true
  private static let mixersKey = "mixer_types"

  var names: TensorNames {
    var names = TensorNames()
    names.mixerTensors = [
      .latentAttention: [.output: "out_proj.weight"], .mamba2: [.output: "out_proj.weight"],
    ]
    return names
  }

  func read(_ model: JSONObject) throws -> ModelConfig {
    try refuseUnsupported(model, except: Set(Self.factorKeys + ["hidden_act", "sliding_window"]))
    try refuseExperts(model)
    let layers = try layerCount(model)
    // transformers refuses names of mixers that it does not know in layer_types, where our earlier folders have them.
    let listed = try layerTypes(model, layerCount: layers, key: Self.mixersKey) ?? layerTypes(model, layerCount: layers)
    guard let mixers = listed else {
      throw UpcycleError("\"\(Self.mixersKey)\" is missing", at: model.file, expected: "\(layers) entries")
    }
    var config = try readCommonKeys(model, mixers: mixers)
    config.normOffset = Float(try model.double("norm_offset") ?? 0)
    config.attention = try AttentionConfig(model: model, config: config)
    try readTraits(model, layers, into: &config.attention)
    try readMixerShapes(model, into: &config)
    config.experts = try experts(model, layers)
    return config
  }

  func json(_ config: ModelConfig) -> [String: JSONValue] {
    var object = commonJSON(config).merging(config.attention.json(layerCount: config.layerCount)) { $1 }
    if config.normOffset != 0 { object["norm_offset"] = .double(Double(config.normOffset)) }
    object[Self.mixersKey] = layerTypesJSON(config)
    object[Self.traitsKey] = traits(config.attention)
    object[Self.routingKey] = config.experts.map(routing)
    return object
  }

  /// Experts are those of FarSkip's models in the modelling file of exports; no conversion makes others.
  func validate(_ config: ModelConfig, _ check: ConfigCheck) throws {
    guard let experts = config.experts else { return }
    try check.require(
      !config.rewiredLayers.isEmpty && !experts.isStacked, "num_experts", "none", experts.count,
      "\(architecture.rawValue) models with experts are not implemented")
  }
}

extension Architecture {
  /// Our own (`Hybrid`).
  public static let hybrid = Architecture(rawValue: "upcycle_hybrid")
}
