import Foundation
import Groundwork
import ModelCore
import TensorCore

/// A hybrid as the papers' released checkpoints spell it: the base model's config.json, and beside it the other mixers,
/// in MLA_config.json and mla_layer_config.json (X-EcoMLA: latent attention and attention) or in hybrid_config.json
/// (Zebra-Llama, HyLo: latent attention and one linear mixer). Tensors have our names; ranks are filled up with zeros
/// to multiples of 8, as their kernels want them.
struct OfficialLayout {
  let config: ModelConfig
  private let linear: MixerKind?

  /// - Throws: usage errors for what the layout has no word for
  init(_ config: ModelConfig) throws {
    self.config = config
    func refuse(_ what: String, _ found: String, _ hint: String? = nil) -> UpcycleError {
      .usage("the papers' layout has no word for \(what)", at: "`format` official", found: found, hint: hint)
    }
    if config.kinds == [.attention] { throw refuse("a model without other mixers", config.architecture.rawValue) }
    if config.architecture != .hybrid {
      throw refuse("a family with mixers of its own", config.architecture.rawValue)
    }
    if !config.isKnownToExports {
      throw refuse("what the base has beyond Llama", config.keysUnknownToExports.joined(separator: ", "))
    }
    let others = config.kinds.filter { $0 != .attention && $0 != .latentAttention }
    linear = others.first
    if others.count > 1 || !others.isEmpty && config.kinds.contains(.attention) {
      throw refuse("this mix of layers", config.kinds.map(\.shortName).joined(separator: ", "))
    }
    if config.rope.rotatedShare != 1 || config.latentRope.rotatedShare != 1 {
      throw refuse("heads that turn in part", "partial_rotary_factor", "`format` transformers has it")
    }
    if !config.attention.unrotatedLayers.isEmpty {
      throw refuse("layers without positions", "no_rope_layers", "`format` transformers has them")
    }
    if let mamba = config.mamba, linear == .mamba2 {
      if mamba.inputBias { throw refuse("Mamba2 with biases", "mamba_in_proj_bias", "`format` transformers has them") }
      guard mamba.groupedWidth != nil, mamba.groups == mamba.heads, mamba.normEps == 1e-5 else {
        throw refuse(
          "Mamba2 of this shape", "\(mamba.heads) heads, \(mamba.groups) groups", "it knows the grouped variant")
      }
    }
    if let delta = config.delta, linear == .gatedDeltaNet {
      if delta.qkvBias {
        throw refuse("Gated DeltaNet with biases", "linear_qkv_bias", "`format` transformers has them")
      }
      var published = try DeltaConfig(replacing: config)
      published.chunk = delta.chunk
      guard delta == published else {
        throw refuse("Gated DeltaNet of this shape", "\(delta.heads) heads of \(delta.keyDim) x \(delta.valueDim)")
      }
    }
    if let linear, ![.mamba2, .gatedDeltaNet].contains(linear) { throw refuse("this mixer", linear.shortName) }
    if let latent = config.latent, config.kinds.contains(.latentAttention) {
      if latent.outputGate || latent.isPositionFree {
        throw refuse("gates and layers without positions", "MLA with them")
      }
      if latent.qkvBias {
        throw refuse("latent attention with biases", "mla_qkv_bias", "`format` transformers has them")
      }
      if latent.latentNormEps != 1e-6 { throw refuse("latent norms with this epsilon", "\(latent.latentNormEps)") }
      if linear == nil, latent.upProjectionHeads != config.attentionHeads {
        throw refuse("X-EcoMLA's latents with up-projections of key heads", "\(latent.upProjectionHeads) heads")
      }
      if linear != nil, !latent.layerRanks.isEmpty {
        throw refuse("ranks of single layers beside a linear mixer", "layer_rank_list")
      }
      guard latent.ropeInterleaved else { throw refuse("rotary pairs in halves", "rope_interleave false") }
      if case .llama3 = config.latentRope.scaling {
        throw refuse("Llama-3's rope scaling", "llama3", "convert with the paper's rope, or from a base without it")
      }
      if case .yarn(let yarn) = config.latentRope.scaling,
        !yarn.truncate || abs(config.latentRope.magnitude - Self.magnitude(yarn)) > 1e-12
      {
        throw refuse("YaRN of this kind", "truncate \(yarn.truncate), attention_factor \(config.latentRope.magnitude)")
      }
      let plain = 1 / Double(latent.queryKeyHeadDim).squareRoot()
      if abs(config.latentScale / plain - 1) > 1e-12 { throw refuse("another softmax scale", "\(config.latentScale)") }
    }
  }

  /// What that layout's reader multiplies cos and sin by.
  private static func magnitude(_ yarn: RopeConfig.Yarn) -> Double {
    RopeConfig.Yarn.magnitude(scale: yarn.factor, mscale: yarn.mscale ?? 1)
      / RopeConfig.Yarn.magnitude(scale: yarn.factor, mscale: yarn.mscaleAllDim ?? 0)
  }

  // MARK: Files

  var exported: ExportedModel {
    get throws {
      var files = ["config.json": JSONValue.configuration(config.baseModel.stockKeys)]
      let latentLayers = JSONValue.array(config.layers(of: .latentAttention).map { .int($0) })
      if let linear {
        var object = try latentKeys.merging(modelKeys) { $1 }.merging(attentionKeys) { $1 }
        object["mla_layers"] = latentLayers
        object["num_key_value_heads"] = .int(config.keyValueHeads)
        // Zebra-Llama's reader knows neither key.
        if linear == .gatedDeltaNet { object["linear_type"] = .string("gdn") }
        if object["mla_qk_norm"] == .bool(false), !config.attention.qkNorm { object["mla_qk_norm"] = nil }
        if let mamba = config.mamba, linear == .mamba2 {
          object["d_inner"] = .int(mamba.innerWidth)
          object["d_xb"] = mamba.groupedWidth.map { .int($0) }
          object["ssm_cfg"] = .object([
            "ngroups": .int(mamba.heads), "d_state": .int(mamba.stateSize), "d_conv": .int(mamba.convTaps),
            "expand": .int(1),
          ])
        }
        files["hybrid_config.json"] = JSONValue.configuration(object)
      } else {
        var model = modelKeys
        model["attn_layers"] = .array(config.layers(of: .attention).map { .int($0) })
        model["vocab_size"] = .int(config.vocabularySize)
        files["MLA_config.json"] = JSONValue.configuration(model)
        var layer = try latentKeys.merging(attentionKeys) { $1 }
        layer["llama_num_key_value_heads"] = .int(config.keyValueHeads)
        layer["mla_num_key_value_heads"] = .int(config.keyValueHeads)
        files["mla_layer_config.json"] = JSONValue.configuration(layer)
      }
      return ExportedModel(
        layout: linear == nil ? "MLA_config.json" : "hybrid_config.json", tensors: config.tensors.map(tensor),
        files: files)
    }
  }

  /// What the papers' code builds its layers from: it has defaults of other models for each of them.
  private var modelKeys: [String: JSONValue] {
    [
      "n_layer": .int(config.layerCount), "d_model": .int(config.hiddenSize),
      "intermediate_size": .int(config.intermediateSize), "hidden_act": .string("silu"),
      "rms_norm_eps": .double(config.rmsNormEps),
      "d_inner": .int(config.attentionHeads * config.headDim), "d_xb": .int(config.keyValueHeads * config.headDim),
    ]
  }

  private var attentionKeys: [String: JSONValue] {
    [
      "hidden_size": .int(config.hiddenSize), "intermediate_size": .int(config.intermediateSize),
      "num_attention_heads": .int(config.attentionHeads), "max_position_embeddings": .int(config.maxPosition),
    ]
  }

  private var latentKeys: [String: JSONValue] {
    get throws {
      guard let latent = config.latent, config.kinds.contains(.latentAttention) else { return [:] }
      let rope = config.latentRope
      var object: [String: JSONValue] = [
        "kv_lora_rank": .int(filled(latent.kvRank, config.maxKVRank)),
        "q_lora_rank": latent.qRank.map { .int(filled($0, config.maxQueryRank)) } ?? .null,
        "qk_rope_head_dim": .int(latent.ropeHeadDim), "qk_nope_head_dim": .int(latent.nopeHeadDim),
        "v_head_dim": .int(latent.valueHeadDim), "mla_qk_norm": .bool(latent.qkNorm),
        "use_full_kv_head": .bool(latent.upProjectionHeads == config.attentionHeads),
        "use_lora_layer_norm": .bool(latent.latentNorm), "rope_theta": .double(rope.theta),
      ]
      if let width = rope.frequencyDim, width != latent.ropeHeadDim {
        guard rope.scaling == .none else {
          throw UpcycleError.usage(
            "the papers' layout has no word for scaled rope of a slice", at: "`format` official", found: "frequency_dim"
          )
        }
        object["rope_theta"] = .double(pow(rope.theta, Double(latent.ropeHeadDim) / Double(width)))
      }
      switch rope.scaling {
      case .none, .llama3: break
      case .linear(let factor):
        object["rope_type"] = .string("linear")
        object["rope_scaling"] = .object(scaling("linear", ["factor": .double(factor)]))
      case .yarn(let yarn):
        object["rope_type"] = .string("yarn")
        object["rope_scaling"] = .object(
          scaling(
            "yarn",
            [
              "factor": .double(yarn.factor), "original_max_position_embeddings": .int(yarn.originalMaxPosition),
              "beta_fast": .double(yarn.betaFast), "beta_slow": .double(yarn.betaSlow),
              "mscale": .double(yarn.mscale ?? 1), "mscale_all_dim": .double(yarn.mscaleAllDim ?? 0),
            ]))
      case .longRope:
        throw UpcycleError.usage(
          "the papers' layout has no word for LongRoPE", at: "`format` official",
          found: "rope_scaling of type longrope",
          hint: "`format` transformers has")
      }
      if !latent.layerRanks.isEmpty {
        object["layer_rank_list"] = .object(
          Dictionary(
            latent.layerRanks.map { layer, ranks in
              var entry: [String: JSONValue] = ["kv_rank": .int(filled(ranks.kv, config.maxKVRank))]
              entry["q_rank"] = ranks.q.map { .int(filled($0, config.maxQueryRank)) }
              return (String(layer), .object(entry))
            }
          ) { $1 })
      }
      return object
    }
  }

  /// X-EcoMLA's module asks `rope_scaling` for its `type`, Zebra-Llama's for its `rope_type`.
  private func scaling(_ name: String, _ numbers: [String: JSONValue]) -> [String: JSONValue] {
    numbers.merging(["type": .string(name), "rope_type": .string(name)]) { $1 }
  }

  // MARK: Ranks

  /// The next multiple of 8, as far as the rank may go.
  private func filled(_ rank: Int, _ most: Int) -> Int {
    let filled = (rank + 7) / 8 * 8
    return filled <= most ? filled : rank
  }

  private func tensor(_ spec: TensorSpec) -> ExportedTensor {
    guard case .mixer(let role) = spec.role, let layer = spec.layer, config.mixers[layer] == .latentAttention,
      let latent = config.latent
    else { return ExportedTensor(spec) }
    let ranks = latent.ranks(layer: layer)
    let (kv, q) = (filled(ranks.kv, config.maxKVRank), ranks.q.map { filled($0, config.maxQueryRank) } ?? 0)
    let (rows, columns) = (spec.shape[0], spec.shape.count > 1 ? spec.shape[1] : 1)
    func padded(_ rows: Int, _ columns: Int) -> ExportedTensor {
      ExportedTensor(spec.name, [rows, columns]) { try $0.read(spec).padded(rows: rows, columns: columns) }
    }
    /// Zeros take no part in the sum of squares, but in what it is divided by.
    func norm(_ rank: Int, _ filled: Int) -> ExportedTensor {
      ExportedTensor(spec.name, [filled]) { source in
        let weights = try source.read(spec)
        let factor = filled == rank ? 1 : (Float(rank) / Float(filled)).squareRoot()
        return weights.reshaped([1, rank]).padded(rows: 1, columns: filled, factor: factor).reshaped([filled])
      }
    }
    switch role {
    case .queryDown: return padded(q, columns)
    case .queryUp: return padded(rows, q)
    case .queryLatentNorm: return norm(ranks.q ?? 0, q)
    case .keyValueLatentNorm: return norm(ranks.kv, kv)
    case .keyValueUp: return padded(rows, kv)
    case .keyValueDown:
      let turned = latent.ropeHeadDim
      return ExportedTensor(spec.name, [kv + turned, columns]) { source in
        let down = try source.read(spec)
        let all = down.rows(0..<ranks.kv).padded(rows: kv + turned, columns: columns)
        (all.pointer + kv * columns).update(from: down.pointer + ranks.kv * columns, count: turned * columns)
        return all
      }
    default: return ExportedTensor(spec)
    }
  }
}

extension ExportedModel {
  /// The model in the layout of the papers' released checkpoints.
  static func official(_ config: ModelConfig) throws -> ExportedModel { try OfficialLayout(config).exported }
}
