import Foundation
import Groundwork
import ModelCore
import Published
import TestKit
import XCTest

/// Folders in the layouts of the papers' released models.
final class OfficialFolderTests: XCTestCase {
  func testOfficialFolderBecomesAHybrid() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let base = try ModelConfig.preset("llama-3.2-1b")
    try base.save(to: folder)
    try writeFile(
      #"{"d_model": 2048, "n_layer": 16, "attn_layers": [0, 2]}"#, to: folder.appendingPathComponent("MLA_config.json"))
    try writeFile(
      #"""
      {"model_type": "deepseek_v3", "kv_lora_rank": 64, "q_lora_rank": 1424, "qk_rope_head_dim": 32, "qk_nope_head_dim": 32,
       "v_head_dim": 64, "rope_theta": 500000.0, "rope_scaling": {"rope_type": "llama3", "factor": 32.0,
       "original_max_position_embeddings": 8192}, "layer_rank_list": {"1": {"q_rank": 1424, "kv_rank": 72}}}
      """#, to: folder.appendingPathComponent("mla_layer_config.json"))
    let config = try ModelConfig(contentsOf: folder)
    XCTAssertEqual(config.architecture, .hybrid)
    XCTAssertEqual(config.layers(of: .attention), [0, 2])
    XCTAssertEqual(config.latent?.latentNorm, false)
    XCTAssertEqual(config.latent?.ranks(layer: 1), .init(q: 1424, kv: 72))
    XCTAssertEqual(config.latentRope.magnitude, 1.34657, accuracy: 1e-5)
    XCTAssertEqual(config.latentScale, 0.125, accuracy: 1e-12)
    let names = config.layerTensors(1).map(\.name)
    XCTAssertTrue(names.contains("model.layers.1.mla.kv_a_proj_with_mqa.weight"))
    XCTAssertTrue(names.contains("model.layers.1.mla.out_proj.weight"))
    XCTAssertTrue(config.layerTensors(0).map(\.name).contains("model.layers.0.self_attn.o_proj.weight"))
  }

  /// Zebra-Llama's layout: one file for both mixers, n_kv heads up-projected, heads as groups.
  func testAnOfficialZebraFolderBecomesAHybrid() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    try ModelConfig.preset("llama-3.2-1b").save(to: folder)
    func write(_ layers: String, type: String = "") throws {
      try writeFile(
        """
        {"hidden_size": 2048, "n_layer": 16, "mla_layers": \(layers), "num_attention_heads": 32, "num_key_value_heads": 8,
         "kv_lora_rank": 128, "q_lora_rank": 1344, "qk_rope_head_dim": 32, "qk_nope_head_dim": 32, "v_head_dim": 64,
         "use_full_kv_head": false, "layer_rank_list": {}, "rope_theta": 500000.0, "rope_type": "yarn",
         "rope_scaling": {\(type)"factor": 32.0, "original_max_position_embeddings": 8192},
         "d_model": 2048, "ssm_cfg": {"expand": 1, "ngroups": 32, "d_state": 64}, "d_inner": 2048, "d_xb": 512}
        """, to: folder.appendingPathComponent("hybrid_config.json"))
    }
    try write("[0, 5, 10, 14]")
    let config = try ModelConfig(contentsOf: folder)
    XCTAssertEqual(config.layers(of: .latentAttention), [0, 5, 10, 14])
    XCTAssertEqual(config.layers(of: .mamba2).count, 12)
    XCTAssertEqual(Double(config.parameterCount) / 1e9, 1.2857, accuracy: 0.00005)
    XCTAssertEqual(config.kvPercent, 3.90625)
    XCTAssertEqual(config.mamba, MambaConfig(grouping: try ModelConfig.preset("llama-3.2-1b")))
    XCTAssertEqual(config.latent?.upProjectionHeads, 8)
    let names = Set(config.tensors.map(\.name))
    for name in [
      "0.mla.kv_b_proj.weight", "1.mamba.conv1d.bias", "1.mamba.A_log", "1.mamba.norm.weight", "1.mlp.up_proj.weight",
    ] {
      XCTAssertTrue(names.contains("model.layers.\(name)"), name)
    }
    // The module asks for the type inside of rope_scaling, whatever stands beside it.
    try write("[0, 5, 10, 14]", type: "\"rope_type\": \"linear\", ")
    XCTAssertEqual(try ModelConfig(contentsOf: folder).latent?.rope?.scaling, .linear(factor: 32))
    try write("[0, 5, 10, 14]", type: "\"rope_type\": \"dynamic\", ")
    XCTAssertThrowsError(try ModelConfig(contentsOf: folder)) { XCTAssert("\($0)".contains("dynamic"), "\($0)") }
    try write("[0, 16]")
    XCTAssertThrowsError(try ModelConfig(contentsOf: folder)) { XCTAssert("\($0)".contains("mla_layers"), "\($0)") }
  }
}
