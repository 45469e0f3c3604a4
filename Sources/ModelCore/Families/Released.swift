import Foundation
import Groundwork

/// How the papers' released checkpoints spell a hybrid: the base model's config.json as it was, and files about the
/// other mixers beside it. No family by `model_type`; folders that hold such files are read as `hybrid`.
enum Released {
  /// A released checkpoint keeps the base model's config.json and describes its other mixers beside it. X-EcoMLA:
  /// `MLA_config.json` (which layers stay attention) and `mla_layer_config.json` (ranks, head dims, rope), the
  /// latter without the keys that equal the official defaults. Zebra-Llama: `hybrid_config.json` for both mixers,
  /// every layer that is not named latent being Mamba2; HyLo: the same, with `linear_type` "gdn" (of the published
  /// shape) or "mamba" for those layers. Does nothing without them.
  static func apply(folder: URL, to config: inout ModelConfig) throws {
    func object(_ name: String) throws -> JSONObject? {
      let file = folder.appendingPathComponent(name)
      guard FileManager.default.fileExists(atPath: file.path) else { return nil }
      guard let values = try JSONValue(contentsOf: file, dialect: .nonFinite).object else {
        throw UpcycleError("is not a model configuration", at: file.path, expected: "a JSON object")
      }
      return JSONObject(values: values, file: file.path)
    }
    if config.architecture == .hybrid { return }
    if let model = try object("MLA_config.json") {
      guard let layer = try object("mla_layer_config.json") else {
        throw UpcycleError("is missing", at: folder.appendingPathComponent("mla_layer_config.json").path)
      }
      let kept = try layers(listedAs: "attn_layers", in: model, count: config.layerCount)
      config.latent = try latent(layer, config, defaults: (kv: 512, q: 1536), fullHeads: true)
      for index in 0..<config.layerCount where !kept.contains(index) { config.mixers[index] = .latentAttention }
      config.architecture = .hybrid
      try config.validate(file: layer.file)
    } else if let hybrid = try object("hybrid_config.json") {
      let latentLayers = try layers(listedAs: "mla_layers", in: hybrid, count: config.layerCount)
      if !latentLayers.isEmpty {
        config.latent = try latent(hybrid, config, defaults: (kv: 128, q: 1536), fullHeads: false)
      }
      let linear = try linearKind(hybrid)
      if latentLayers.count < config.layerCount {
        if linear == .mamba2 {
          config.mamba = try mamba(hybrid)
        } else {
          config.delta = try DeltaConfig(replacing: config)
          config.delta?.qkvBias = false
        }
      }
      config.mixers = (0..<config.layerCount).map { latentLayers.contains($0) ? .latentAttention : linear }
      config.architecture = .hybrid
      try config.validate(file: hybrid.file)
    }
  }

  private static func layers(listedAs key: String, in model: JSONObject, count: Int) throws -> Set<Int> {
    Set(
      try (model.array(key) ?? []).map { value in
        guard let index = value.int, (0..<count).contains(index) else {
          throw model.fail(key, expected: "layer indices in 0...\(count - 1)")
        }
        return index
      })
  }

  private static func latent(
    _ layer: JSONObject, _ config: ModelConfig, defaults: (kv: Int, q: Int), fullHeads: Bool
  ) throws -> LatentConfig {
    let width = 1...(1 << 20)
    var values = layer.values
    values["kv_lora_rank"] = .int(try layer.int("kv_lora_rank", in: width) ?? defaults.kv)
    values["q_lora_rank"] = values["q_lora_rank"] ?? .int(defaults.q)
    values["qk_rope_head_dim"] = .int(try layer.int("qk_rope_head_dim", in: width) ?? 64)
    values["qk_nope_head_dim"] = .int(try layer.int("qk_nope_head_dim", in: 0...width.upperBound) ?? 128)
    values["v_head_dim"] = .int(try layer.int("v_head_dim", in: width) ?? 128)
    // HyLo's Qwen models keep the norms over query and key heads (256 weights a layer).
    values["mla_qk_norm"] = .bool(try layer.bool("mla_qk_norm") ?? config.attention.qkNorm)
    values["use_full_kv_head"] = .bool(try layer.bool("use_full_kv_head") ?? fullHeads)
    var latent = try LatentConfig(model: JSONObject(values: values, file: layer.file), config: config)
    latent.ropeInterleaved = true
    latent.rope = RopeConfig(
      theta: try layer.positive("rope_theta") ?? 10_000, scaling: try scaling(layer, takesLlama3: fullHeads))
    return latent
  }

  private static func linearKind(_ hybrid: JSONObject) throws -> MixerKind {
    switch try hybrid.string("linear_type") ?? "mamba" {
    case "mamba", "mamba2": return .mamba2
    case "gdn": return .gatedDeltaNet
    default: throw hybrid.unsupported("linear_type", "this mixer (known: mamba, gdn)")
    }
  }

  /// Heads are groups, and their width is the state's.
  private static func mamba(_ hybrid: JSONObject) throws -> MambaConfig {
    let width = 1...(1 << 20)
    guard let shape = try hybrid.object("ssm_cfg") else { throw hybrid.fail("ssm_cfg", expected: "an object") }
    let inner = try hybrid.required("d_inner", in: width)
    let heads = try shape.required("ngroups", in: width)
    guard inner % heads == 0 else { throw hybrid.fail("d_inner", expected: "a multiple of ssm_cfg.ngroups (\(heads))") }
    return MambaConfig(
      heads: heads, headDim: inner / heads, stateSize: try shape.int("d_state", in: width) ?? inner / heads,
      groups: heads,
      groupedWidth: try hybrid.required("d_xb", in: width), convTaps: try shape.int("d_conv", in: 1...64) ?? 4)
  }

  /// The official module asks for the type inside of `rope_scaling`, whatever stands beside it. X-EcoMLA's
  /// treats Llama 3's numbers as YaRN's.
  private static func scaling(_ layer: JSONObject, takesLlama3: Bool) throws -> RopeConfig.Scaling {
    guard let scaling = try layer.object("rope_scaling") else { return .none }
    guard let factor = try scaling.double("factor"), factor >= 1 else {
      throw scaling.fail("factor", expected: "a number of at least 1")
    }
    let key = scaling["rope_type"] == nil ? "type" : "rope_type"
    switch try scaling.string(key) ?? layer.string("rope_type") ?? "yarn" {
    case "linear": return .linear(factor: factor)
    case let type where type == "yarn" || (type == "llama3" && takesLlama3):
      let mscale = try scaling.double("mscale") ?? 1
      let all = try scaling.double("mscale_all_dim") ?? 0
      return .yarn(
        RopeConfig.Yarn(
          factor: factor,
          originalMaxPosition: try scaling.int("original_max_position_embeddings", in: 1...(1 << 40)) ?? 4096,
          betaFast: try scaling.positive("beta_fast") ?? 32, betaSlow: try scaling.positive("beta_slow") ?? 1,
          mscale: mscale, mscaleAllDim: all,
          attentionFactor: RopeConfig.Yarn.magnitude(scale: factor, mscale: mscale)
            / RopeConfig.Yarn.magnitude(scale: factor, mscale: all)))
    default: throw scaling.unsupported(key, "this rope scaling (known: yarn, linear)")
    }
  }
}
