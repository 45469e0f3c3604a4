import Foundation
import Groundwork
import ModelCore
import TensorCore
import TestKit
import XCTest

@testable import Upcycling

/// Folders laid out as the released amd/X-EcoMLA-*, amd/Zebra-Llama-* and amd/HyLo-* checkpoints are: the base model's
/// config.json, the official files about the other mixers, official weight names. They give the logits of the same
/// model in our layout.
final class ReleasedFolderTests: XCTestCase {
  private var folder = URL(fileURLWithPath: "/")

  override func setUpWithError() throws { folder = try temporaryFolder() }
  override func tearDown() { try? FileManager.default.removeItem(at: folder) }

  private func released(_ model: LanguageModel, base: LanguageModel, _ files: [String: String]) throws -> LanguageModel
  {
    let (ours, theirs) = (folder.appendingPathComponent("ours"), folder.appendingPathComponent("theirs"))
    try model.save(to: ours)
    try base.config.save(to: theirs)
    try FileManager.default.copyItem(
      at: ours.appendingPathComponent("model.safetensors"), to: theirs.appendingPathComponent("model.safetensors"))
    for (name, text) in files { try writeFile(text, to: theirs.appendingPathComponent(name)) }
    return try LanguageModel(folder: theirs)
  }

  func testAnXEcoMLAFolderLoadsAsReleased() throws {
    let base = try tinyBase()
    var conversion = tinyConversion()
    conversion.layers = .list([0, 2])
    let model = try convert(base: base, conversion).model
    let queryRank = try XCTUnwrap(model.config.latent?.qRank)
    let loaded = try released(
      model, base: base,
      [
        "MLA_config.json": #"{"d_model": 32, "n_layer": 3, "attn_layers": [1]}"#,
        "mla_layer_config.json": """
        {"model_type": "deepseek_v3", "kv_lora_rank": 6, "q_lora_rank": \(queryRank), "qk_rope_head_dim": 4,
         "qk_nope_head_dim": 4, "v_head_dim": 8, "rope_theta": 10000.0, "layer_rank_list": {}}
        """,
      ])
    XCTAssertEqual(loaded.config.mixers, [.latentAttention, .attention, .latentAttention])
    XCTAssertEqual(logits(loaded), logits(model))
  }

  /// `linear_type` gdn; a Qwen3 base keeps its norms over query and key heads.
  func testAHyLoFolderLoadsAsReleased() throws {
    let base = try tinyBase(qkNorm: true)
    var conversion = tinyConversion()
    conversion.sharesUpProjection = true
    let latent = try convert(base: base, conversion).model
    let linear = try DeltaConversion(seed: 2).converted(base)
    for (name, model) in [("base", base), ("mla", latent), ("gdn", linear)] {
      try model.save(to: folder.appendingPathComponent(name))
    }
    let hybrid = folder.appendingPathComponent("hybrid")
    _ = try Composition(latentLayers: [1]).write(
      base: folder.appendingPathComponent("base"), latent: folder.appendingPathComponent("mla"),
      linear: folder.appendingPathComponent("gdn"), to: hybrid)
    let model = try LanguageModel(folder: hybrid)
    let queryRank = try XCTUnwrap(model.config.latent?.qRank)
    func text(_ linear: String) -> String {
      """
      {"linear_type": "\(linear)", "n_layer": 3, "mla_layers": [1], "num_attention_heads": 4, "num_key_value_heads": 2,
       "kv_lora_rank": 6, "q_lora_rank": \(queryRank), "qk_rope_head_dim": 4, "qk_nope_head_dim": 4, "v_head_dim": 8,
       "use_full_kv_head": false, "rope_theta": 10000.0}
      """
    }
    let loaded = try released(model, base: base, ["hybrid_config.json": text("gdn")])
    XCTAssertEqual(loaded.config.mixers, [.gatedDeltaNet, .latentAttention, .gatedDeltaNet])
    XCTAssertEqual(loaded.config.latent?.qkNorm, true)
    XCTAssertEqual(logits(loaded), logits(model))
    let theirs = folder.appendingPathComponent("theirs")
    try writeFile(text("rwkv"), to: theirs.appendingPathComponent("hybrid_config.json"))
    XCTAssertThrowsError(try LanguageModel(folder: theirs)) { XCTAssert("\($0)".contains("linear_type"), "\($0)") }
  }

  /// A model of flash-linear-attention with its own names and keys gives the logits of the same layers in our layout.
  func testAFlashLinearAttentionFolderGivesTheSameLogits() throws {
    let model = try DeltaConversion(seed: 4).converted(tinyBase())
    let theirs = [
      "model.embed_tokens.": "model.embeddings.", ".gdn.": ".attn.", ".input_layernorm.": ".attn_norm.",
      ".post_attention_layernorm.": ".mlp_norm.",
    ]
    let config = try ModelConfig(
      json: JSONValue(
        parsing: Data(
          #"""
          {"model_type": "gated_deltanet", "hidden_size": 32, "num_hidden_layers": 3, "vocab_size": 64, "num_heads": 6,
           "head_dim": 4, "expand_v": 2.0, "intermediate_size": 48, "norm_eps": 1e-5, "tie_word_embeddings": true,
           "attn_mode": "chunk", "use_gate": true, "use_short_conv": true, "conv_size": 4, "fuse_norm": true, "attn": null}
          """#.utf8), file: "fla"), file: "fla")
    let renamed = Renamed(
      tensors: Dictionary(
        uniqueKeysWithValues: model.parameters.parameters.map { parameter in
          (theirs.reduce(parameter.name) { $0.replacingOccurrences(of: $1.key, with: $1.value) }, parameter.value)
        }))
    let url = folder.appendingPathComponent("fla")
    try writeModelFolder(config, from: renamed, to: url)
    XCTAssertEqual(logits(try LanguageModel(folder: url)), logits(model))
  }

  func testAZebraLlamaFolderLoadsAsReleased() throws {
    let base = try tinyBase()
    var conversion = tinyConversion()
    conversion.sharesUpProjection = true
    let latent = try convert(base: base, conversion).model
    let linear = try MambaConversion(seed: 2).converted(base)
    for (name, model) in [("base", base), ("mla", latent), ("m2", linear)] {
      try model.save(to: folder.appendingPathComponent(name))
    }
    let hybrid = folder.appendingPathComponent("hybrid")
    _ = try Composition(latentLayers: [1]).write(
      base: folder.appendingPathComponent("base"), latent: folder.appendingPathComponent("mla"),
      linear: folder.appendingPathComponent("m2"), to: hybrid)
    let model = try LanguageModel(folder: hybrid)
    let queryRank = try XCTUnwrap(model.config.latent?.qRank)
    let loaded = try released(
      model, base: base,
      [
        "hybrid_config.json": """
        {"hidden_size": 32, "n_layer": 3, "mla_layers": [1], "num_attention_heads": 4, "num_key_value_heads": 2,
         "kv_lora_rank": 6, "q_lora_rank": \(queryRank), "qk_rope_head_dim": 4, "qk_nope_head_dim": 4, "v_head_dim": 8,
         "use_full_kv_head": false, "layer_rank_list": {}, "rope_theta": 10000.0,
         "d_model": 32, "ssm_cfg": {"expand": 1, "ngroups": 4, "d_state": 8}, "d_inner": 32, "d_xb": 16}
        """
      ])
    XCTAssertEqual(loaded.config.mixers, [.mamba2, .latentAttention, .mamba2])
    XCTAssertEqual(logits(loaded), logits(model))
  }
}

/// Tensors under other names.
private struct Renamed: WeightSource {
  let tensors: [String: Tensor]
  var names: Set<String>? { Set(tensors.keys) }

  func read(_ tensor: TensorSpec, into destination: UnsafeMutablePointer<Float>) throws {
    guard let own = tensors[tensor.name], own.shape == tensor.shape else {
      throw UpcycleError("is missing", at: tensor.name)
    }
    destination.update(from: own.pointer, count: own.count)
  }
}
