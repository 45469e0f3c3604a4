import Foundation
import Groundwork

extension ModelConfig: Codable {
  public init(from decoder: Decoder) throws {
    try self.init(json: JSONValue(from: decoder), file: "model config")
  }

  public func encode(to encoder: Encoder) throws { try json.encode(to: encoder) }

  /// Reads `config.json` of a model folder, or the file itself.
  public init(contentsOf url: URL) throws {
    var isDirectory: ObjCBool = false
    _ = FileManager.default.fileExists(atPath: url.path, isDirectory: &isDirectory)
    let file = isDirectory.boolValue ? url.appendingPathComponent("config.json") : url
    try self.init(json: JSONValue(contentsOf: file), file: file.path)
    if isDirectory.boolValue { try applyOfficialConfig(folder: url) }
  }

  /// Reads and validates the Hub's keys. Keys that do not change what is computed are ignored; an
  /// architecture or feature that we do not implement is refused by name.
  public init(json: JSONValue, file: String) throws {
    guard let values = json.object else {
      throw UpcycleError("is not a model configuration", at: file, expected: "a JSON object")
    }
    let model = ConfigObject(values: values, file: file)
    let architecture = try Self.architecture(model)
    if architecture == .mamba2 || architecture == .gatedDeltaNet {
      if architecture == .mamba2 { try self.init(stockMamba2: model) } else { try self.init(fla: model) }
      try validate(file: file)
      return
    }
    try Self.refuseUnsupported(model, architecture: architecture)

    let width = 1...(1 << 20)
    let heads = try model.required("num_attention_heads", in: width)
    let hidden = try model.required("hidden_size", in: width)
    let position = try model.int("max_position_embeddings", in: 1...(1 << 40)) ?? 2048
    let layers = try model.required("num_hidden_layers", in: 1...4096)
    let headDim =
      architecture.isDeepSeek ? try model.required("v_head_dim", in: width) : try model.int("head_dim", in: width)
    if headDim == nil && hidden % heads != 0 {
      throw model.fail("hidden_size", expected: "a multiple of num_attention_heads (\(heads)), or a head_dim")
    }
    self.init(
      architecture: architecture, hiddenSize: hidden, layerCount: layers, attentionHeads: heads,
      keyValueHeads: try model.int("num_key_value_heads", in: width) ?? heads, headDim: headDim,
      intermediateSize: try model.required(
        architecture == .llama4 ? "intermediate_size_mlp" : "intermediate_size", in: 1...(1 << 24)),
      vocabularySize: try model.required("vocab_size", in: 1...(1 << 26)),
      tieWordEmbeddings: try model.bool("tie_word_embeddings") ?? false,
      rmsNormEps: try model.positive("rms_norm_eps") ?? 1e-6,
      qkvBias: architecture == .qwen2 ? true : try model.bool("qkv_bias") ?? false,
      qkNorm: [.qwen3, .qwen3MoE, .qwen3Next].contains(architecture) ? true : try model.bool("qk_norm") ?? false,
      attentionGate: try model.bool("attn_output_gate") ?? (architecture == .qwen3Next),
      rope: try RopeConfig(model: model, maxPosition: position, share: architecture == .qwen3Next ? 0.25 : 1),
      maxPosition: position,
      bosTokenId: try model.int("bos_token_id", in: 0...(1 << 26)),
      eosTokenIds: try Self.ids(model, "eos_token_id"),
      mixers: try Self.mixers(model, architecture: architecture, layerCount: layers))
    if mixers.contains(.latentAttention) {
      latent = try LatentConfig(model: model, architecture: architecture, config: self)
    }
    if mixers.contains(.mamba2) { mamba = try MambaConfig(model: model) }
    if mixers.contains(.gatedDeltaNet) {
      delta = try DeltaConfig(model: model, normEps: architecture == .qwen3Next ? rmsNormEps : 1e-5)
    }
    if architecture == .llama4 { llama4 = try Llama4Config(model: model, layerCount: layers) }
    experts = try Self.experts(model, architecture: architecture, layerCount: layers)
    connectivities = try Self.connectivities(model, layerCount: layers)
    try validate(file: file)
  }

  /// Stock Mamba2's own keys. Attention's shape is set to the inner width's, for accounting only.
  private init(stockMamba2 model: ConfigObject) throws {
    let mamba = try MambaConfig(stock: model)
    let layers = try model.required("num_hidden_layers", in: 1...4096)
    self.init(
      architecture: .mamba2, hiddenSize: try model.required("hidden_size", in: 1...(1 << 20)), layerCount: layers,
      attentionHeads: mamba.heads, keyValueHeads: mamba.heads, headDim: mamba.headDim, intermediateSize: 1,
      vocabularySize: try model.required("vocab_size", in: 1...(1 << 26)),
      tieWordEmbeddings: try model.bool("tie_word_embeddings") ?? false, rmsNormEps: mamba.normEps,
      bosTokenId: try model.int("bos_token_id", in: 0...(1 << 26)), eosTokenIds: try Self.ids(model, "eos_token_id"),
      mixers: Array(repeating: .mamba2, count: layers), mamba: mamba)
  }

  private static func architecture(_ model: ConfigObject) throws -> Architecture {
    let known = Architecture.allCases.map(\.rawValue).joined(separator: ", ")
    if let type = try model.string("model_type") {
      guard let architecture = Architecture(rawValue: type) else {
        throw model.unsupported("model_type", "this architecture (known: \(known))")
      }
      return architecture
    }
    guard let name = try model.array("architectures")?.first?.string else {
      throw UpcycleError("\"model_type\" is missing", at: model.file, expected: "one of \(known)")
    }
    guard let architecture = Architecture.allCases.first(where: { $0.className == name }) else {
      throw model.unsupported("architectures", "this architecture (known: \(known))")
    }
    return architecture
  }

  static func ids(_ model: ConfigObject, _ key: String) throws -> [Int] {
    guard let value = model[key] else { return [] }
    let list = value.array ?? [value]
    return try list.map {
      guard let id = $0.int, (0...(1 << 26)).contains(id) else {
        throw model.fail(key, expected: "a token id or a list of them")
      }
      return id
    }
  }

  private static func mixers(
    _ model: ConfigObject, architecture: Architecture, layerCount: Int
  ) throws -> [MixerKind] {
    if architecture.isDeepSeek { return Array(repeating: .latentAttention, count: layerCount) }
    // Its layer types say where attention is chunked.
    if architecture == .llama4 { return Array(repeating: .attention, count: layerCount) }
    guard let types = try model.array("layer_types") else {
      if architecture == .hybrid {
        throw UpcycleError("\"layer_types\" is missing", at: model.file, expected: "\(layerCount) entries")
      }
      guard architecture == .qwen3Next else { return Array(repeating: .attention, count: layerCount) }
      let interval = try model.int("full_attention_interval", in: 1...4096) ?? 4
      return (0..<layerCount).map { ($0 + 1) % interval == 0 ? .attention : .gatedDeltaNet }
    }
    guard types.count == layerCount else {
      throw UpcycleError(
        "\"layer_types\" does not fit num_hidden_layers", at: model.file, expected: "\(layerCount) entries",
        found: "\(types.count)")
    }
    return try types.enumerated().map { layer, type in
      guard let kind = type.string.flatMap(MixerKind.init) else {
        let known = MixerKind.allCases.map(\.rawValue).joined(separator: ", ")
        throw UpcycleError(
          "this layer type is not implemented (known: \(known))", at: "\(model.file): layer_types[\(layer)]",
          found: ConfigObject.short(type))
      }
      return kind
    }
  }

  /// The configuration with the Hub's keys; reading it back gives an equal value.
  public var json: JSONValue {
    if architecture == .mamba2, let mamba { return stockMamba2JSON(mamba) }
    if architecture == .gatedDeltaNet, let delta { return flaJSON(delta) }
    var object: [String: JSONValue] = [
      "model_type": .string(architecture.rawValue),
      "architectures": .array([.string(architecture.className)]),
      "hidden_size": .int(hiddenSize),
      "num_hidden_layers": .int(layerCount),
      "num_attention_heads": .int(attentionHeads),
      "num_key_value_heads": .int(keyValueHeads),
      "head_dim": .int(architecture.isDeepSeek ? latent?.ropeHeadDim ?? headDim : headDim),
      "intermediate_size": .int(intermediateSize),
      "vocab_size": .int(vocabularySize),
      "tie_word_embeddings": .bool(tieWordEmbeddings),
      "rms_norm_eps": .double(rmsNormEps),
      "hidden_act": .string("silu"),
      "attention_bias": .bool(false),
      "max_position_embeddings": .int(maxPosition),
      "rope_parameters": rope.json,
    ]
    object["bos_token_id"] = bosTokenId.map { .int($0) }
    if !eosTokenIds.isEmpty {
      object["eos_token_id"] = eosTokenIds.count == 1 ? .int(eosTokenIds[0]) : .array(eosTokenIds.map { .int($0) })
    }
    if architecture == .hybrid || architecture == .qwen3Next {
      object["layer_types"] = .array(mixers.map { .string($0.rawValue) })
    }
    if attentionGate { object["attn_output_gate"] = .bool(true) }
    if architecture == .qwen3Next {
      object["num_experts"] = .int(0)
      object["mlp_only_layers"] = .array((0..<layerCount).map { .int($0) })
    }
    if architecture == .hybrid {
      object["qkv_bias"] = .bool(qkvBias)
      object["qk_norm"] = .bool(qkNorm)
    }
    object.merge(expertJSON()) { $1 }
    if let llama4 { object.merge(llama4.json(layerCount: layerCount)) { $1 } }
    if !connectivities.isEmpty { object["farskip_connectivity"] = .array(connectivities.map { .string($0.rawValue) }) }
    if let latent { object.merge(latent.json(config: self)) { $1 } }
    if let mamba { object.merge(mamba.json) { $1 } }
    if let delta { object.merge(delta.json) { $1 } }
    return .object(object)
  }

  private func stockMamba2JSON(_ mamba: MambaConfig) -> JSONValue {
    var object: [String: JSONValue] = [
      "model_type": .string(architecture.rawValue), "architectures": .array([.string(architecture.className)]),
      "hidden_size": .int(hiddenSize), "num_hidden_layers": .int(layerCount), "vocab_size": .int(vocabularySize),
      "tie_word_embeddings": .bool(tieWordEmbeddings), "num_heads": .int(mamba.heads), "head_dim": .int(mamba.headDim),
      "state_size": .int(mamba.stateSize), "n_groups": .int(mamba.groups), "conv_kernel": .int(mamba.convTaps),
      "chunk_size": .int(mamba.chunk), "expand": .int(mamba.innerWidth / hiddenSize), "hidden_act": .string("silu"),
      "layer_norm_epsilon": .double(mamba.normEps), "use_bias": .bool(false), "use_conv_bias": .bool(true),
      "rms_norm": .bool(true),
    ]
    object["bos_token_id"] = bosTokenId.map { .int($0) }
    if let eos = eosTokenIds.first { object["eos_token_id"] = .int(eos) }
    return .object(object)
  }

  /// Writes `config.json` into a model folder.
  public func save(to folder: URL) throws {
    try writeFile(json.text(pretty: true) + "\n", to: folder.appendingPathComponent("config.json"))
  }
}
