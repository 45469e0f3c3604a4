import Foundation
import Groundwork

extension ModelConfig {
  /// A released checkpoint keeps the base model's config.json and describes its other mixers beside it. X-EcoMLA:
  /// `MLA_config.json` (which layers stay attention) and `mla_layer_config.json` (ranks, head dims, rope), the
  /// latter without the keys that equal the official defaults. Zebra-Llama: `hybrid_config.json` for both mixers,
  /// every layer that is not named latent being Mamba2; HyLo: the same, with `linear_type` "gdn" (of the published
  /// shape) or "mamba" for those layers. Does nothing without them.
  mutating func applyOfficialConfig(folder: URL) throws {
    func object(_ name: String) throws -> ConfigObject? {
      let file = folder.appendingPathComponent(name)
      guard FileManager.default.fileExists(atPath: file.path) else { return nil }
      guard let values = try JSONValue(contentsOf: file).object else {
        throw UpcycleError("is not a model configuration", at: file.path, expected: "a JSON object")
      }
      return ConfigObject(values: values, file: file.path)
    }
    if architecture == .hybrid { return }
    if let model = try object("MLA_config.json") {
      guard let layer = try object("mla_layer_config.json") else {
        throw UpcycleError("is missing", at: folder.appendingPathComponent("mla_layer_config.json").path)
      }
      let kept = try layers(listedAs: "attn_layers", in: model)
      latent = try officialLatent(layer, defaults: (kv: 512, q: 1536), fullHeads: true)
      for index in 0..<layerCount where !kept.contains(index) { mixers[index] = .latentAttention }
      architecture = .hybrid
      try validate(file: layer.file)
    } else if let hybrid = try object("hybrid_config.json") {
      let latentLayers = try layers(listedAs: "mla_layers", in: hybrid)
      if !latentLayers.isEmpty { latent = try officialLatent(hybrid, defaults: (kv: 128, q: 1536), fullHeads: false) }
      let linear = try officialLinear(hybrid)
      if latentLayers.count < layerCount {
        if linear == .mamba2 {
          mamba = try Self.officialMamba(hybrid)
        } else {
          delta = try DeltaConfig(replacing: self)
        }
      }
      mixers = (0..<layerCount).map { latentLayers.contains($0) ? .latentAttention : linear }
      architecture = .hybrid
      try validate(file: hybrid.file)
    }
  }

  private func layers(listedAs key: String, in model: ConfigObject) throws -> Set<Int> {
    Set(
      try (model.array(key) ?? []).map { value in
        guard let index = value.int, (0..<layerCount).contains(index) else {
          throw model.fail(key, expected: "layer indices in 0...\(layerCount - 1)")
        }
        return index
      })
  }

  private func officialLatent(
    _ layer: ConfigObject, defaults: (kv: Int, q: Int), fullHeads: Bool
  ) throws -> LatentConfig {
    let width = 1...(1 << 20)
    var values = layer.values
    values["kv_lora_rank"] = .int(try layer.int("kv_lora_rank", in: width) ?? defaults.kv)
    values["q_lora_rank"] = values["q_lora_rank"] ?? .int(defaults.q)
    values["qk_rope_head_dim"] = .int(try layer.int("qk_rope_head_dim", in: width) ?? 64)
    values["qk_nope_head_dim"] = .int(try layer.int("qk_nope_head_dim", in: 0...width.upperBound) ?? 128)
    values["v_head_dim"] = .int(try layer.int("v_head_dim", in: width) ?? 128)
    // HyLo's Qwen models keep the norms over query and key heads (256 weights a layer).
    values["mla_qk_norm"] = .bool(try layer.bool("mla_qk_norm") ?? qkNorm)
    values["use_full_kv_head"] = .bool(try layer.bool("use_full_kv_head") ?? fullHeads)
    var latent = try LatentConfig(
      model: ConfigObject(values: values, file: layer.file), architecture: .hybrid, config: self)
    latent.ropeInterleaved = true
    latent.rope = RopeConfig(
      theta: try layer.positive("rope_theta") ?? 10_000, scaling: try Self.officialScaling(layer))
    return latent
  }

  private func officialLinear(_ hybrid: ConfigObject) throws -> MixerKind {
    switch try hybrid.string("linear_type") ?? "mamba" {
    case "mamba", "mamba2": return .mamba2
    case "gdn": return .gatedDeltaNet
    default: throw hybrid.unsupported("linear_type", "this mixer (known: mamba, gdn)")
    }
  }

  /// Heads are groups, and their width is the state's.
  private static func officialMamba(_ hybrid: ConfigObject) throws -> MambaConfig {
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

  /// The official module reads only the numbers of `rope_scaling`, and treats Llama 3's as YaRN's.
  private static func officialScaling(_ layer: ConfigObject) throws -> RopeConfig.Scaling {
    guard let scaling = try layer.object("rope_scaling") else { return .none }
    guard let factor = try scaling.double("factor"), factor >= 1 else {
      throw scaling.fail("factor", expected: "a number of at least 1")
    }
    switch try layer.string("rope_type") ?? "yarn" {
    case "linear": return .linear(factor: factor)
    case "yarn":
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
    default: throw layer.unsupported("rope_type", "this rope scaling (known: yarn, linear)")
    }
  }
}
