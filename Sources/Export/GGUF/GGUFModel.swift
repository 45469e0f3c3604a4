import Foundation
import Groundwork
import ModelCore
import TensorCore

/// A model as llama.cpp computes it: Llama, Qwen2 and Qwen3, and latent attention with latent norms in every layer as
/// DeepSeek-V2 (`deepseek2`).
struct GGUFModel {
  let config: ModelConfig
  private let latent: DeepSeekV3Layout?
  private let architecture: String
  private let type: ExportedType

  /// - Throws: a usage error for a model that none of these architectures computes
  init(_ config: ModelConfig, type: ExportedType) throws {
    self.config = config
    self.type = type
    latent = config.kinds == [.latentAttention] ? DeepSeekV3Layout(config, type: type) : nil
    func refuse(_ what: String, _ found: String, _ hint: String? = nil) -> UpcycleError {
      .usage(
        what, at: "`format` gguf", expected: "Llama, Qwen2, Qwen3, or latent attention alone", found: found, hint: hint)
    }
    if let latent {
      architecture = "deepseek2"
      guard latent.latent.latentNorm else {
        throw refuse(
          "llama.cpp norms the latents", "latent attention without norms", "convert with --latent-norm")
      }
      // llama.cpp tells DeepSeek-V2-Lite, which has no latent for queries, by its number of layers.
      let isLite =
        [26, 27].contains(config.layerCount) || (config.layerCount == 48 && config.vocabularySize == 128_256)
      if isLite != (latent.queryWidth == nil) {
        throw refuse(
          isLite
            ? "llama.cpp takes \(config.layerCount) layers for DeepSeek-V2-Lite's, whose queries have no latent"
            : "llama.cpp wants a latent for queries", "q_lora_rank \(latent.queryWidth.map(String.init) ?? "null")")
      }
      guard latent.latent.ropeInterleaved else { throw refuse("llama.cpp turns neighbouring dimensions", "halves") }
    } else {
      architecture = config.architecture.rawValue
      if config.latent?.qkvBias == true {
        throw refuse("llama.cpp's latent attention has no biases", "those of the base's q, k and v")
      }
      guard [.llama, .qwen2, .qwen3].contains(config.architecture), config.kinds == [.attention] else {
        let mixers = config.kinds.map(\.shortName).joined(separator: ", ")
        throw refuse("this model is not written as GGUF", "\(config.architecture.rawValue) of \(mixers)")
      }
      var plain = config.attention
      (plain.qkvBias, plain.qkNorm) = (false, false)
      guard plain == AttentionConfig(), config.rope.rotatedShare == 1, config.isKnownToExports else {
        throw refuse("this attention is not written as GGUF", config.architecture.rawValue)
      }
    }
    let rope = latent?.rope ?? config.rope
    switch rope.scaling {
    case .none, .linear: break
    case .llama3 where latent == nil: break
    default: throw refuse("this rope scaling is not written", rope.json["rope_type"]?.string ?? "")
    }
  }

  /// Differences from our own model, for people.
  var notes: [String] {
    guard let latent, latent.latent.latentNormEps != config.rmsNormEps else { return [] }
    return ["latent norms take rms_norm_eps (\(config.rmsNormEps)) there, here \(latent.latent.latentNormEps)"]
  }

  // MARK: Keys

  /// - Parameter tokenizer: its keys
  func file(_ tokenizer: [(key: String, value: GGUFFile.Value)]) -> GGUFFile {
    var file = GGUFFile()
    func set(_ key: String, _ value: GGUFFile.Value) { file.values.append((key, value)) }
    func own(_ key: String, _ value: GGUFFile.Value) { set("\(architecture).\(key)", value) }
    set("general.architecture", .text(architecture))
    set("general.name", .text("Upcycle \(architecture)"))
    set("general.file_type", .count(type.fileType))
    own("block_count", .count(config.layerCount))
    own("context_length", .count(config.maxPosition))
    own("embedding_length", .count(config.hiddenSize))
    own("feed_forward_length", .count(config.intermediateSize))
    own("attention.head_count", .count(config.attentionHeads))
    own("attention.layer_norm_rms_epsilon", .float(config.rmsNormEps))
    own("vocab_size", .count(config.vocabularySize))
    let rope = latent?.rope ?? config.rope
    own("rope.freq_base", .float(rope.theta))
    if case .linear(let factor) = rope.scaling {
      own("rope.scaling.type", .text("linear"))
      own("rope.scaling.factor", .float(factor))
    }
    if let latent {
      let shape = latent.latent
      own("attention.head_count_kv", .count(1))
      own("leading_dense_block_count", .count(config.layerCount))
      if let width = latent.queryWidth { own("attention.q_lora_rank", .count(width)) }
      own("attention.kv_lora_rank", .count(latent.keyValueWidth))
      // Of the absorbed form, whose keys are latents and rope keys; then of a head.
      own("attention.key_length", .count(latent.keyValueWidth + shape.ropeHeadDim))
      own("attention.value_length", .count(latent.keyValueWidth))
      own("attention.key_length_mla", .count(shape.queryKeyHeadDim))
      own("attention.value_length_mla", .count(shape.valueHeadDim))
      own("rope.dimension_count", .count(shape.ropeHeadDim))
      own("expert_count", .count(0))
      own("expert_feed_forward_length", .count(8))
      own("expert_shared_count", .count(0))
      own("expert_weights_scale", .float(1))
    } else {
      own("attention.head_count_kv", .count(config.keyValueHeads))
      own("attention.key_length", .count(config.headDim))
      own("attention.value_length", .count(config.headDim))
      own("rope.dimension_count", .count(config.headDim))
    }
    file.values += tokenizer
    file.tensors = tensors.map { ($0, storage($0)) }
    return file
  }

  /// Vectors stay float32, and rows that do not fill blocks of 32.
  private func storage(_ tensor: ExportedTensor) -> GGUFFile.Storage {
    if tensor.shape.count < 2 { return .float32 }
    if type == .q8 && (tensor.shape.last ?? 0) % 32 != 0 { return .float32 }
    return type.storage
  }

  // MARK: Tensors

  private var tensors: [ExportedTensor] {
    var all = (latent?.tensors ?? config.tensors.map { ExportedTensor($0) }).flatMap(renamed)
    if case .llama3 = config.rope.scaling, latent == nil { all.append(frequencyFactors) }
    return all
  }

  private static let names = [
    "input_layernorm.weight": "attn_norm.weight", "post_attention_layernorm.weight": "ffn_norm.weight",
    "mlp.gate_proj.weight": "ffn_gate.weight", "mlp.up_proj.weight": "ffn_up.weight",
    "mlp.down_proj.weight": "ffn_down.weight", "self_attn.q_proj.weight": "attn_q.weight",
    "self_attn.k_proj.weight": "attn_k.weight", "self_attn.v_proj.weight": "attn_v.weight",
    "self_attn.q_proj.bias": "attn_q.bias", "self_attn.k_proj.bias": "attn_k.bias",
    "self_attn.v_proj.bias": "attn_v.bias", "self_attn.o_proj.weight": "attn_output.weight",
    "self_attn.q_norm.weight": "attn_q_norm.weight", "self_attn.k_norm.weight": "attn_k_norm.weight",
    "self_attn.q_a_proj.weight": "attn_q_a.weight", "self_attn.q_a_layernorm.weight": "attn_q_a_norm.weight",
    "self_attn.q_b_proj.weight": "attn_q_b.weight",
    "self_attn.kv_a_proj_with_mqa.weight": "attn_kv_a_mqa.weight",
    "self_attn.kv_a_layernorm.weight": "attn_kv_a_norm.weight",
  ]

  private func renamed(_ tensor: ExportedTensor) -> [ExportedTensor] {
    switch tensor.name {
    case "model.embed_tokens.weight": return [tensor.named("token_embd.weight")]
    case "model.norm.weight": return [tensor.named("output_norm.weight")]
    case "lm_head.weight": return [tensor.named("output.weight")]
    default: break
    }
    let parts = tensor.name.split(separator: ".", maxSplits: 3).map(String.init)
    let (layer, rest) = (parts[2], parts[3])
    if rest == "self_attn.kv_b_proj.weight" { return upProjections(tensor, layer) }
    guard let name = Self.names[rest] else { preconditionFailure("no name for \(tensor.name)") }
    let named = tensor.named("blk.\(layer).\(name)")
    // Its Llama turns neighbours where the Hub's turns halves; Qwen's turns halves.
    if config.architecture == .llama, latent == nil {
      if rest == "self_attn.q_proj.weight" { return [interleaved(named, heads: config.attentionHeads)] }
      if rest == "self_attn.k_proj.weight" { return [interleaved(named, heads: config.keyValueHeads)] }
    }
    return [named]
  }

  /// Rows j and j + K/2 of every head side by side.
  private func interleaved(_ tensor: ExportedTensor, heads: Int) -> ExportedTensor {
    let width = tensor.shape[0] / heads
    let order = (0..<heads).flatMap { head in
      (0..<width).map { head * width + $0 / 2 + ($0 % 2) * (width / 2) }
    }
    return ExportedTensor(tensor.name, tensor.shape) { try tensor.values($0).rows(order) }
  }

  /// Of every head the keys' part, transposed [H, R, nope], and the values' [H, V, R].
  private func upProjections(_ tensor: ExportedTensor, _ layer: String) -> [ExportedTensor] {
    guard let latent else { preconditionFailure("latent attention without its layout") }
    let (heads, rank) = (config.attentionHeads, tensor.shape[1])
    let (nope, value) = (latent.latent.nopeHeadDim, latent.latent.valueHeadDim)
    let keys = ExportedTensor("blk.\(layer).attn_k_b.weight", [heads, rank, nope]) { source in
      let up = try tensor.values(source)
      let keys = Tensor([heads, rank, nope])
      for head in 0..<heads {
        for row in 0..<nope {
          for column in 0..<rank {
            keys.pointer[(head * rank + column) * nope + row] =
              up.pointer[(head * (nope + value) + row) * rank + column]
          }
        }
      }
      return keys
    }
    let order = (0..<heads).flatMap { head in (0..<value).map { head * (nope + value) + nope + $0 } }
    let values = ExportedTensor("blk.\(layer).attn_v_b.weight", [heads, value, rank]) {
      try tensor.values($0).rows(order).reshaped([heads, value, rank])
    }
    return [keys, values]
  }

  /// What llama.cpp divides the plain frequencies by, [K / 2].
  private var frequencyFactors: ExportedTensor {
    let dim = config.rotaryDim
    return ExportedTensor("rope_freqs.weight", [dim / 2]) { _ in
      let plain = RopeConfig(theta: config.rope.theta).inverseFrequencies(dim: dim)
      return Tensor(
        [dim / 2], values: zip(plain, config.rope.inverseFrequencies(dim: dim)).map { Float($0 / $1) })
    }
  }
}

extension ExportedTensor {
  fileprivate func named(_ name: String) -> ExportedTensor { ExportedTensor(name, shape, values: values) }
}

extension ExportedType {
  fileprivate var storage: GGUFFile.Storage {
    switch self {
    case .float32: .float32
    case .float16: .float16
    case .bfloat16: .bfloat16
    case .q8: .q8
    }
  }

  /// `general.file_type`
  fileprivate var fileType: Int {
    switch self {
    case .float32: 0
    case .float16: 1
    case .q8: 7
    case .bfloat16: 32
    }
  }
}
