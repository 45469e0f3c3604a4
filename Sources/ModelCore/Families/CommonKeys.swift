import Groundwork

/// What a family takes where config.json does not say.
public struct FamilyDefaults: Sendable {
  /// Nil: the width divided by the heads.
  public var headDim: Int?
  /// `rms_norm_eps`
  public var normEps = 1e-6
  /// `rope_theta`
  public var theta = 10_000.0
  /// `partial_rotary_factor`
  public var rotatedShare = 1.0
  /// `tie_word_embeddings`
  public var tiesHead = false
  /// `max_position_embeddings`
  public var maxPosition = 2048

  /// What most take.
  public init() {}

  /// Some of it changed.
  public init(_ change: (inout FamilyDefaults) -> Void) { change(&self) }
}

/// The keys that most families of the Hub share. A family calls these and adds where it differs.
extension Family {
  /// Reads sizes, rope, factors, token ids, layer types and connectivity; attention layers have no traits yet, and the
  /// shapes of other mixers are read by `readMixerShapes`.
  /// - Parameters:
  ///   - feedForwardKey: the key of the dense feed-forward's width
  ///   - headDim: nil: `head_dim`
  ///   - defaults: what the family takes where the file does not say
  ///   - mixers: nil: as `layer_types` says, attention everywhere without it
  public func readCommonKeys(
    _ model: JSONObject, feedForwardKey: String = "intermediate_size", headDim: Int? = nil,
    defaults: FamilyDefaults = FamilyDefaults(), mixers: [MixerKind]? = nil
  ) throws -> ModelConfig {
    let width = 1...(1 << 20)
    let heads = try model.required("num_attention_heads", in: width)
    let hidden = try model.required("hidden_size", in: width)
    let position = try model.int("max_position_embeddings", in: 1...(1 << 40)) ?? defaults.maxPosition
    let layers = try layerCount(model)
    let headDim = try headDim ?? model.int("head_dim", in: width) ?? defaults.headDim
    if headDim == nil && hidden % heads != 0 {
      throw model.fail("hidden_size", expected: "a multiple of num_attention_heads (\(heads)), or a head_dim")
    }
    return ModelConfig(
      architecture: architecture, hiddenSize: hidden, layerCount: layers, attentionHeads: heads,
      keyValueHeads: try model.int("num_key_value_heads", in: width) ?? heads, headDim: headDim,
      intermediateSize: try model.required(feedForwardKey, in: 1...(1 << 24)),
      vocabularySize: try model.required("vocab_size", in: 1...(1 << 26)),
      tieWordEmbeddings: try model.bool("tie_word_embeddings") ?? defaults.tiesHead,
      rmsNormEps: try model.positive("rms_norm_eps") ?? defaults.normEps, block: try BlockConfig(model: model),
      rope: try RopeConfig(
        model: model, maxPosition: position, share: defaults.rotatedShare, theta: defaults.theta),
      maxPosition: position, bosTokenId: try bosTokenId(model), eosTokenIds: try eosTokenIds(model),
      mixers: try mixers ?? layerTypes(model, layerCount: layers),
      connectivities: try ModelConfig.connectivities(model, layerCount: layers))
  }

  /// Reads the shapes of the mixers that the layers have, in our own keys.
  public func readMixerShapes(_ model: JSONObject, into config: inout ModelConfig) throws {
    for kind in config.kinds { try kind.mixer.read(model, into: &config) }
  }

  /// `num_hidden_layers`.
  public func layerCount(_ model: JSONObject) throws -> Int { try model.required("num_hidden_layers", in: 1...4096) }

  /// `bos_token_id`; nil where there is none, or one that the vocabulary does not have.
  public func bosTokenId(_ model: JSONObject) throws -> Int? { try tokenIds(model, "bos_token_id").first }

  /// `eos_token_id`, an id or a list of them, without those that the vocabulary does not have: they can never come
  /// (published merges and pruned vocabularies keep such ids, or -1).
  public func eosTokenIds(_ model: JSONObject) throws -> [Int] { try tokenIds(model, "eos_token_id") }

  private func tokenIds(_ model: JSONObject, _ key: String) throws -> [Int] {
    guard let value = model[key] else { return [] }
    let vocabulary = 0..<(try model.int("vocab_size") ?? 0)
    return try (value.array ?? [value]).compactMap {
      guard let id = $0.int else { throw model.fail(key, expected: "a token id or a list of them") }
      return vocabulary.contains(id) ? id : nil
    }
  }

  /// `layer_types`, or else attention in every `full_attention_interval`-th layer (4 unless said) and Gated DeltaNet in
  /// the others: Qwen3-Next, Qwen3.5.
  func layersByInterval(_ model: JSONObject, layerCount: Int) throws -> [MixerKind] {
    let interval = try model.int("full_attention_interval", in: 1...4096) ?? 4
    return try layerTypes(model, layerCount: layerCount)
      ?? (0..<layerCount).map { ($0 + 1) % interval == 0 ? .attention : .gatedDeltaNet }
  }

  /// `layer_types`, an entry for every layer; nil where it is absent.
  /// - Parameter key: another name of the list
  public func layerTypes(_ model: JSONObject, layerCount: Int, key: String = "layer_types") throws -> [MixerKind]? {
    guard let types = try model.array(key) else { return nil }
    guard types.count == layerCount else {
      throw UpcycleError(
        "\"\(key)\" does not fit num_hidden_layers", at: model.file, expected: "\(layerCount) entries",
        found: "\(types.count)")
    }
    return try types.enumerated().map { layer, type in
      guard let kind = type.string.flatMap(Mixers.kind) else {
        let known = Mixers.kinds.map(\.rawValue).joined(separator: ", ")
        throw UpcycleError(
          "this layer type is not implemented (known: \(known))", at: "\(model.file): \(key)[\(layer)]",
          found: JSONObject.short(type))
      }
      return kind
    }
  }

  /// Layers with a window of `sliding_window` positions, by `layer_types`; nil for none.
  /// - Parameters:
  ///   - size: where the file does not say (an explicit null is none)
  ///   - isWindowed: of a layer, where there is no such list
  func windows(
    _ model: JSONObject, layerCount: Int, size: Int? = nil, where isWindowed: (Int) -> Bool
  ) throws -> AttentionConfig.Windows? {
    let absent = model.values["sliding_window"] == nil ? size : nil
    guard let size = try model.int("sliding_window", in: 1...(1 << 40)) ?? absent else { return nil }
    var layers = (0..<layerCount).filter(isWindowed)
    if let types = try model.array("layer_types") {
      let names = types.compactMap(\.string)
      let known = [Self.windowed, MixerKind.attention.rawValue]
      guard types.count == layerCount, names.count == layerCount, names.allSatisfy(known.contains) else {
        throw model.fail("layer_types", expected: "\(layerCount) of \(known.joined(separator: ", "))")
      }
      layers = (0..<layerCount).filter { names[$0] == Self.windowed }
    }
    return layers.isEmpty ? nil : AttentionConfig.Windows(layers: layers, size: size)
  }

  private static var windowed: String { "sliding_attention" }

  /// `sliding_window` and `layer_types` of these layers.
  func windowsJSON(_ config: ModelConfig) -> [String: JSONValue] {
    let windows = config.attention.windows
    return [
      "sliding_window": windows.map { .int($0.size) } ?? .null,
      "layer_types": .array(
        (0..<config.layerCount).map {
          .string(windows?.layers.contains($0) == true ? Self.windowed : MixerKind.attention.rawValue)
        }),
    ]
  }

  /// Layer numbers listed under a key; nil where it is absent.
  func layerNumbers(_ model: JSONObject, _ key: String, _ layerCount: Int) throws -> Set<Int>? {
    try model.array(key).map { list in
      Set(
        try list.map { value in
          guard let index = value.int, (0..<layerCount).contains(index) else {
            throw model.fail(key, expected: "layer indices in 0...\(layerCount - 1)")
          }
          return index
        })
    }
  }
}

// MARK: Writing

extension Family {
  /// What `readCommonKeys` reads, the shapes of mixers, and who wrote it.
  public func commonJSON(_ config: ModelConfig) -> [String: JSONValue] {
    var object = identityJSON.merging(tokenJSON(config)) { $1 }
    object.merge([
      "hidden_size": .int(config.hiddenSize),
      "num_hidden_layers": .int(config.layerCount),
      "num_attention_heads": .int(config.attentionHeads),
      "num_key_value_heads": .int(config.keyValueHeads),
      "head_dim": .int(config.headDim),
      "intermediate_size": .int(config.intermediateSize),
      "vocab_size": .int(config.vocabularySize),
      "tie_word_embeddings": .bool(config.tieWordEmbeddings),
      "rms_norm_eps": .double(config.rmsNormEps),
      "attention_bias": .bool(false),
      "max_position_embeddings": .int(config.maxPosition),
      "rope_parameters": config.rope.json,
    ]) { $1 }
    object.merge(config.block.json) { $1 }
    if !config.connectivities.isEmpty {
      object["farskip_connectivity"] = .array(config.connectivities.map { .string($0.rawValue) })
    }
    for mixer in Mixers.types { object.merge(mixer.json(config)) { $1 } }
    return object
  }

  /// `model_type` and `architectures`.
  public var identityJSON: [String: JSONValue] {
    ["model_type": .string(architecture.rawValue), "architectures": .array([.string(className)])]
  }

  /// `bos_token_id` and `eos_token_id`.
  public func tokenJSON(_ config: ModelConfig) -> [String: JSONValue] {
    var object: [String: JSONValue] = [:]
    let ends = config.eosTokenIds
    object["bos_token_id"] = config.bosTokenId.map { .int($0) }
    if !ends.isEmpty { object["eos_token_id"] = ends.count == 1 ? .int(ends[0]) : layerList(ends) }
    return object
  }

  /// `layer_types`.
  func layerTypesJSON(_ config: ModelConfig) -> JSONValue { .array(config.mixers.map { .string($0.rawValue) }) }

  func layerList(_ layers: [Int]) -> JSONValue { .array(layers.map { .int($0) }) }
}

// MARK: What no family of ours computes

extension Family {
  /// Refuses features that would change the result and that we do not compute, by key.
  /// - Parameter known: keys of this list that the family does compute
  public func refuseUnsupported(_ model: JSONObject, except known: Set<String> = []) throws {
    for key in ["hidden_act", "hidden_activation"] where !known.contains("hidden_act") {
      if let name = try model.string(key), name != "silu", name != "swish" {
        throw model.unsupported(key, "this activation (known: silu)")
      }
    }
    for (key, what) in [
      ("mlp_bias", "a bias in the feed-forward layer"),
      ("attention_bias", "a bias on the attention's output projection"),
    ] where !known.contains(key) {
      if try model.bool(key) == true { throw model.unsupported(key, what) }
    }
    if model["quantization_config"] != nil { throw model.unsupported("quantization_config", "a quantised checkpoint") }
    for key in Self.factorKeys
    where !known.contains(key) {
      if let value = try model.double(key), value != 1 {
        throw model.unsupported(key, "scaling or capping of this kind")
      }
    }
    if !known.contains("sliding_window") { try refuseSlidingWindow(model) }
    if !hasExperts { try refuseExperts(model, except: known) }
  }

  /// Refuses experts in the keys of the Hub.
  func refuseExperts(_ model: JSONObject, except known: Set<String> = []) throws {
    for key in ["num_experts", "num_local_experts", "n_routed_experts"] where !known.contains(key) {
      if let count = model[key]?.int, count > 0 { throw model.unsupported(key, "mixture of experts") }
    }
  }

  /// What `BlockConfig` and `AttentionConfig` read, for families that have it.
  static var factorKeys: [String] {
    [
      "attn_logit_softcapping", "final_logit_softcapping", "logits_scaling", "residual_multiplier",
      "embedding_multiplier", "attention_multiplier",
    ]
  }

  private func refuseSlidingWindow(_ model: JSONObject) throws {
    guard let window = model["sliding_window"], try model.bool("use_sliding_window") ?? usesWindowsUnlessSaid else {
      return
    }
    // Qwen2 windows only the layers from max_window_layers on; a window as long as the context is none.
    let layers = try model.int("num_hidden_layers", in: 1...4096) ?? 0
    if let from = model["max_window_layers"]?.int, from >= layers { return }
    if let width = window.int, let context = model["max_position_embeddings"]?.int, width >= context { return }
    throw model.unsupported("sliding_window", "sliding-window attention")
  }
}
