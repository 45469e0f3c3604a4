import Foundation
import Groundwork

extension ModelConfig {
  /// A released X-EcoMLA checkpoint keeps the base model's config.json and describes its latent layers in two
  /// more files: `MLA_config.json` (which layers stay attention) and `mla_layer_config.json` (ranks, head
  /// dims, rope), the latter without the keys that equal the official defaults. Does nothing without them.
  mutating func applyOfficialLatentConfig(folder: URL) throws {
    let modelFile = folder.appendingPathComponent("MLA_config.json")
    let layerFile = folder.appendingPathComponent("mla_layer_config.json")
    guard architecture != .hybrid, FileManager.default.fileExists(atPath: modelFile.path) else { return }
    let model = ConfigObject(values: try JSONValue(contentsOf: modelFile).object ?? [:], file: modelFile.path)
    let layer = ConfigObject(values: try JSONValue(contentsOf: layerFile).object ?? [:], file: layerFile.path)

    var kept: Set<Int> = []
    for value in try model.array("attn_layers") ?? [] {
      guard let index = value.int, (0..<layerCount).contains(index) else {
        throw model.fail("attn_layers", expected: "layer indices in 0...\(layerCount - 1)")
      }
      kept.insert(index)
    }
    let width = 1...(1 << 20)
    var values = layer.values
    values["kv_lora_rank"] = .int(try layer.int("kv_lora_rank", in: width) ?? 512)
    values["q_lora_rank"] = values["q_lora_rank"] ?? .int(1536)
    values["qk_rope_head_dim"] = .int(try layer.int("qk_rope_head_dim", in: width) ?? 64)
    values["qk_nope_head_dim"] = .int(try layer.int("qk_nope_head_dim", in: 0...width.upperBound) ?? 128)
    values["v_head_dim"] = .int(try layer.int("v_head_dim", in: width) ?? 128)
    var latent = try LatentConfig(
      model: ConfigObject(values: values, file: layer.file), architecture: .hybrid, config: self)
    latent.ropeInterleaved = true
    latent.rope = RopeConfig(theta: try layer.positive("rope_theta") ?? 10_000, scaling: try Self.officialScaling(layer))

    let layers = (0..<layerCount).filter { !kept.contains($0) }
    architecture = .hybrid
    self.latent = latent
    for index in layers { mixers[index] = .latentAttention }
    try validate(file: layer.file)
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
