import Foundation
import Groundwork
import ModelCore

extension ExportedModel {
  /// The model for mlx-lm: Llama, Qwen2 and Qwen3 as they are, latent attention alone as DeepSeek-V3. Unlike transformers it
  /// looks for the rotary base and scaling at the top level of config.json, and its DeepSeek-V3 has a head of its own.
  /// - Throws: usage errors for a model that it does not compute
  static func mlx(_ config: ModelConfig, type: ExportedType) throws -> ExportedModel {
    func refuse(_ what: String, _ found: String) -> UpcycleError {
      .usage(
        what, at: "`format` mlx", expected: "Llama, Qwen2, Qwen3, or latent attention alone", found: found,
        hint: "`format` transformers knows more")
    }
    var object: [String: JSONValue]
    var tensors: [ExportedTensor]
    let (rope, layout): (RopeConfig, String)
    if let latent = DeepSeekV3Layout(config, type: type) {
      guard latent.latent.ropeInterleaved else { throw refuse("mlx-lm turns neighbouring dimensions", "halves") }
      (object, tensors, rope, layout) = (latent.json, latent.tensors, latent.rope, "deepseek_v3")
      object["tie_word_embeddings"] = .bool(false)
      if config.tieWordEmbeddings {
        tensors.append(ExportedTensor(config.embeddingTensor, as: Architecture.llama.family.names.head))
      }
    } else {
      let name = config.architecture.rawValue
      guard [.llama, .qwen2, .qwen3].contains(config.architecture), config.kinds == [.attention],
        config.isKnownToExports
      else {
        let mixers = config.kinds.map(\.shortName).joined(separator: ", ")
        throw refuse("this model is not written for mlx-lm", "\(name) of \(mixers)")
      }
      if config.architecture == .qwen2, config.headDim * config.attentionHeads != config.hiddenSize {
        throw refuse("mlx-lm's Qwen2 has heads of hidden_size / num_attention_heads", "\(config.headDim)")
      }
      (object, tensors) = (config.json.object ?? [:], config.tensors.map { ExportedTensor($0) })
      (rope, layout) = (config.rope, name)
    }
    object["rope_theta"] = .double(rope.theta)
    switch rope.scaling {
    case .none: break
    case .linear, .llama3: object["rope_scaling"] = rope.json
    case .yarn(let rule) where rule.attentionFactor == nil && rule.truncate: object["rope_scaling"] = rope.json
    default: throw refuse("this rope scaling is not written", rope.json["rope_type"]?.string ?? "")
    }
    return ExportedModel(
      layout: "\(layout) for mlx-lm", tensors: tensors, files: ["config.json": .configuration(object, type)])
  }
}
