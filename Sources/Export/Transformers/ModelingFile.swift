import Autograd
import Foundation
import Groundwork
import ModelCore
import TensorCore

extension ExportedModel {
  /// The model under its own names, with `modeling_upcycle.py` beside it, which computes it.
  static func modelingFile(_ config: ModelConfig, type: ExportedType) throws -> ExportedModel {
    var hybrid = config
    hybrid.architecture = .hybrid
    hybrid.latent?.isNative = false
    hybrid.experts?.isStacked = false
    if !hybrid.kinds.contains(.attention) { hybrid.attention.windows = nil }
    if !config.isKnownToModelingFile {
      throw UpcycleError.usage(
        "has parts that the modelling file does not compute", at: "`format` transformers",
        found: config.architecture.rawValue)
    }
    if let other = hybrid.mixers.first(where: { !computed.contains($0) }) {
      throw UpcycleError.usage(
        "has layers that the modelling file does not compute", at: "`format` transformers",
        expected: computed.map(\.rawValue).joined(separator: ", "), found: other.rawValue)
    }
    var object = (hybrid.json.object ?? [:]).filter { $0.value != .null }
    // The modelling file is of one type, rewired or not.
    object["model_type"] = .string(Architecture.hybrid.rawValue)
    object["base_model_type"] = nil
    if let key = object.keys.sorted().first(where: { !known.contains($0) }) {
      throw UpcycleError.usage(
        "is a key that the modelling file does not compute", at: "\"\(key)\"", found: object[key]?.text())
    }
    object["layer_types"] = nil
    object["mixer_types"] = .array(hybrid.mixers.map { .string($0.rawValue) })
    object["architectures"] = .array([.string("UpcycleForCausalLM")])
    object["auto_map"] = .object([
      "AutoConfig": .string("modeling_upcycle.UpcycleConfig"),
      "AutoModelForCausalLM": .string("modeling_upcycle.UpcycleForCausalLM"),
    ])
    object["rotary"] = rotary(hybrid)
    object["attention_traits"] = hybrid.attentionTraits
    object["block_traits"] = hybrid.blockTraits
    if let latent = hybrid.latent {
      object["latent_scale"] = .double(hybrid.latentScale)
      // A key that is not there is None to the modelling file only where it says so.
      object["q_lora_rank"] = latent.qRank.map { .int($0) } ?? .int(0)
    }
    return ExportedModel(
      layout: "modeling_upcycle.py (trust_remote_code)",
      tensors: tensors(config, as: hybrid),
      files: [
        "config.json": .configuration(object, type),
        "modeling_upcycle.py": String(decoding: PackageResources.modeling_upcycle_py, as: UTF8.self),
      ])
  }

  /// The model's tensors under the names of our own family; experts that lie in one tensor get one each.
  private static func tensors(_ config: ModelConfig, as hybrid: ModelConfig) -> [ExportedTensor] {
    let own = Dictionary(uniqueKeysWithValues: config.tensors.map { ($0.place, $0) })
    return hybrid.tensors.map { spec in
      if let same = own[spec.place] { return ExportedTensor(same, as: spec.name) }
      guard case .expert(let expert, let projection) = spec.role,
        let stacked = own[TensorPlace(projection == .down ? .stackedDown : .stackedGateUp, layer: spec.layer)]
      else { preconditionFailure("no tensor for \(spec.name)") }
      return ExportedTensor(spec.name, spec.shape) { source in
        let matrix = try source.read(stacked).rows(expert..<expert + 1)
        let (rows, columns) = (spec.shape[0], stacked.shape[2])
        let first = projection == .up ? rows : 0
        let values = Tensor(spec.shape)
        for row in 0..<rows {
          for column in 0..<spec.shape[1] {
            values.pointer[row * spec.shape[1] + column] = matrix.pointer[column * columns + first + row]
          }
        }
        return values
      }
    }
  }

  /// Angles per position of both kinds of attention, so that no rule of scaling is written twice.
  private static func rotary(_ config: ModelConfig) -> JSONValue {
    func table(_ rope: RopeConfig, dim: Int, interleaved: Bool) -> JSONValue {
      .object([
        "inverse_frequencies": .array(rope.inverseFrequencies(dim: dim).map { .double($0) }),
        "magnitude": .double(rope.magnitude), "interleaved": .bool(interleaved),
      ])
    }
    var tables: [String: JSONValue] = [
      "attention": table(config.rope, dim: config.rotaryDim, interleaved: config.attention.ropeInterleaved)
    ]
    if let latent = config.latent {
      tables["latent"] = table(config.latentRope, dim: latent.ropeHeadDim, interleaved: latent.ropeInterleaved)
    }
    if let windowed = config.attention.windows?.rope {
      tables["windowed"] = table(windowed, dim: config.rotaryDim, interleaved: config.attention.ropeInterleaved)
    }
    return .object(tables)
  }

  /// Mixers that the file has.
  private static let computed: [MixerKind] = [.attention, .latentAttention, .mamba2, .gatedDeltaNet]

  /// Keys of our own configurations that the file reads, or that change nothing.
  private static let known: Set<String> = [
    "architectures", "attention_bias", "attention_multiplier", "attention_traits", "attn_logit_softcapping",
    "attn_output_gate", "bos_token_id", "dtype", "embedding_multiplier", "eos_token_id", "farskip_connectivity",
    "final_logit_softcapping", "head_dim", "hidden_act", "hidden_size", "intermediate_size", "kv_lora_rank",
    "latent_norm_eps", "layer_rank_list", "layer_types", "linear_chunk_size", "linear_conv_kernel_dim",
    "linear_key_head_dim", "linear_norm_eps", "linear_num_key_heads", "linear_num_value_heads", "linear_qkv_bias",
    "linear_value_head_dim", "logits_scaling", "mamba_chunk_size", "mamba_d_conv", "mamba_d_head", "mamba_d_state",
    "mamba_d_xb", "mamba_in_proj_bias", "mamba_n_groups", "mamba_n_heads", "mamba_norm_eps",
    "max_position_embeddings", "mixer_types", "mla_attention_scale", "mla_output_gate", "mla_position_free",
    "mla_qk_norm", "mla_qkv_bias", "mla_rope_parameters", "model_type", "no_rope_layers", "norm_offset",
    "norm_placement", "num_attention_heads", "num_hidden_layers", "num_key_value_heads", "q_lora_rank",
    "qk_nope_head_dim", "qk_norm", "qk_norm_spans_heads", "qk_rope_head_dim", "qkv_bias", "residual_multiplier",
    "rms_norm_eps", "rope_interleave", "rope_parameters", "routing", "sliding_rope_parameters", "sliding_window",
    "sliding_window_layers", "tie_word_embeddings", "use_full_kv_head", "use_lora_layer_norm", "v_head_dim",
    "vocab_size",
  ]
}

extension ModelConfig {
  /// Whether the file computes all of the model: beyond what every export knows, what stands around mixers and
  /// feed-forwards (but GPT-2's, which no method converts), and windows, caps and scales of attention.
  fileprivate var isKnownToModelingFile: Bool {
    if block.usesLayerNorm || block.isUngated || block.learnsPositions { return false }
    if experts != nil && (normOffset != 0 || block != BlockConfig()) { return false }
    var plain = self
    plain.block = BlockConfig()
    plain.attention.windows = nil
    plain.attention.qkNormSpansHeads = false
    plain.attention.scale = nil
    plain.attention.scoreCap = nil
    return plain.isKnownToExports
  }

  /// What stands around mixers and feed-forwards, as the modelling file reads it; nil where it is Llama's.
  fileprivate var blockTraits: JSONValue? {
    var object: [String: JSONValue] = [:]
    if block.norms != .before { object["norms"] = .string(block.norms.rawValue) }
    if normOffset != 0 { object["norm_offset"] = .double(Double(normOffset)) }
    for (key, factor) in [
      ("embedding_multiplier", block.embeddingMultiplier), ("residual_multiplier", block.residualMultiplier),
      ("logit_divisor", block.logitDivisor),
    ] where factor != 1 { object[key] = .double(factor) }
    object["logit_cap"] = block.logitCap.map { .double($0) }
    return object.isEmpty ? nil : .object(object)
  }

  /// What attention has beyond the keys of our own family, as the modelling file reads it.
  fileprivate var attentionTraits: JSONValue {
    var object: [String: JSONValue] = [
      "unrotated_layers": .array(attention.unrotatedLayers.map { .int($0) }),
      "norms_rotated": .bool(attention.normsRotated),
    ]
    let size = JSONValue.int(attention.chunks?.size ?? 0)
    object["chunks"] = .object(Dictionary((attention.chunks?.layers ?? []).map { (String($0), size) }) { $1 })
    if let temperature = attention.temperature {
      object["temperature"] = .object([
        "floor_scale": .int(temperature.floorScale), "slope": .double(temperature.slope),
      ])
    }
    if attention.qkNormSpansHeads { object["norms_span_heads"] = .bool(true) }
    object["scale"] = attention.scale.map { .double($0) }
    object["score_cap"] = attention.scoreCap.map { .double($0) }
    if let windows = attention.windows {
      let size = JSONValue.int(windows.size)
      object["windows"] = .object(Dictionary(windows.layers.map { (String($0), size) }) { $1 })
      if windows.rope != nil { object["own_rope"] = .array(windows.layers.map { .string(String($0)) }) }
    }
    return .object(object)
  }
}
