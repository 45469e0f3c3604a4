import Groundwork
import ModelCore
import Published
import XCTest

/// Configurations of models with experts: refusals, the families' ways to name layers, published sizes.
final class ExpertConfigTests: XCTestCase {
  func testImpossibleExpertsAreRefused() throws {
    func refused(_ preset: String, _ changes: [String: JSONValue], naming key: String, line: UInt = #line) throws {
      let json = try ModelConfig.preset(preset).json.merging(.object(changes))
      XCTAssertThrowsError(try ModelConfig(json: json, file: "config.json"), line: line) {
        XCTAssertTrue("\($0)".contains(key), "\($0)", line: line)
        XCTAssertFalse("\($0)".contains("\n"), line: line)
      }
    }
    try refused("nano-dsv2", ["num_experts_per_tok": .int(17)], naming: "num_experts_per_tok")
    try refused("nano-dsv2", ["topk_method": .string("noaux_tc")], naming: "topk_method")
    try refused("nano-dsv2", ["topk_method": .string("group_limited_greedy"), "n_group": .int(3)], naming: "n_group")
    try refused(
      "nano-dsv2", ["topk_method": .string("group_limited_greedy"), "n_group": .int(8), "topk_group": .int(9)],
      naming: "topk_group")
    try refused("nano-dsv2", ["scoring_func": .string("sigmoid")], naming: "scoring_func")
    try refused("nano-dsv2", ["norm_topk_prob": .bool(true)], naming: "norm_topk_prob")
    try refused("nano-dsv2", ["moe_intermediate_size": .null], naming: "moe_intermediate_size")
    try refused("nano-dsv2", ["moe_intermediate_size": .int(0)], naming: "moe_intermediate_size")
    try refused("nano-qwen-moe", ["num_experts": .int(5000)], naming: "num_experts")
    try refused("nano-qwen-moe", ["mlp_only_layers": .array([.int(8)])], naming: "mlp_only_layers")
    try refused("nano-qwen-moe", ["num_experts_per_tok": .int(0)], naming: "num_experts_per_tok")
    for window: JSONValue in [.int(64), .int(4096)] {
      try refused(
        "nano-qwen-moe",
        [
          "use_sliding_window": .bool(true), "sliding_window": window, "max_window_layers": .int(99),
          "max_position_embeddings": .int(8192),
        ], naming: "use_sliding_window")
    }
    try refused(
      "nano-qwen-moe", ["use_sliding_window": .bool(true), "max_position_embeddings": .int(8192)],
      naming: "use_sliding_window")
    try refused("nano-scout", ["attention_chunk_size": .null], naming: "attention_chunk_size")
    try refused("nano-scout", ["no_rope_layers": .array([.int(1)])], naming: "no_rope_layers")
    try refused("nano-scout", ["attention_chunk_size": .int(0)], naming: "attention_chunk_size")
    try refused("nano-scout", ["layer_types": .array([.string("sliding_attention")])], naming: "layer_types")
    try refused("nano-scout", ["moe_layers": .array([])], naming: "num_local_experts")
    XCTAssertThrowsError(try ModelConfig.preset("nano-dsv2").withMamba2(layers: [0])) {
      XCTAssertTrue("\($0)".contains("cannot replace layers of this architecture"), "\($0)")
    }
  }

  /// Groups, intervals of layers, and models whose layers are all dense after all.
  func testExpertsOfOtherConfigsAreReadOrRefused() throws {
    let v2 = try ModelConfig.preset("nano-dsv2")
    let json = v2.json.merging(
      .object([
        "topk_method": .string("group_limited_greedy"), "n_group": .int(4), "topk_group": .int(2),
        "moe_layer_freq": .int(2),
        "routed_scaling_factor": .double(16),
      ]))
    let grouped = try ModelConfig(json: json, file: "v2")
    XCTAssertEqual(grouped.experts?.rule, ExpertConfig.deepSeekV2(scale: 16, groups: 4, keptGroups: 2))
    XCTAssertEqual(grouped.experts?.layers, [2, 4, 6])
    XCTAssertEqual(try ModelConfig(json: grouped.json, file: "v2"), grouped)
    let qwen = try ModelConfig.preset("nano-qwen-moe")
    let sparse = try ModelConfig(
      json: qwen.json.merging(.object(["decoder_sparse_step": .int(2), "mlp_only_layers": .array([.int(3)])])),
      file: "qwen")
    XCTAssertEqual(sparse.experts?.layers, [1, 5, 7])
    XCTAssertEqual(try ModelConfig(json: sparse.json, file: "qwen"), sparse)
    let dense = try ModelConfig(json: qwen.json.merging(.object(["num_experts": .int(0)])), file: "qwen")
    XCTAssertNil(dense.experts)
    XCTAssertEqual(try ModelConfig(json: dense.json, file: "qwen"), dense)
    for (name, total, active) in [
      ("deepseek-v2-lite", 15.706, 2.6), ("deepseek-v2", 235.741, 21.4), ("deepseek-v3", 671.026, 37.6),
      ("qwen3-30b-a3b", 30.532, 3.4), ("llama-4-scout", 107.770, 17.2),
    ] {
      let config = try ModelConfig.preset(name)
      XCTAssertEqual(Double(config.parameterCount) / 1e9, total, accuracy: 0.0006, name)
      XCTAssertEqual(Double(config.activeParameterCount) / 1e9, active, accuracy: 0.11, name)
    }
    // transformers' defaults, where the file does not say.
    let v3 = try XCTUnwrap(ModelConfig.preset("deepseek-v3").json.object)
    let silent = v3.filter { key, _ in
      !["n_group", "topk_group", "routed_scaling_factor", "first_k_dense_replace", "n_shared_experts"].contains(key)
    }
    XCTAssertEqual(try ModelConfig(json: .object(silent), file: "v3"), try ModelConfig(json: .object(v3), file: "v3"))
    let scout = try ModelConfig.preset("nano-scout").json
    var unchunked = try XCTUnwrap(scout.object)
    unchunked["layer_types"] = nil
    unchunked["attention_chunk_size"] = .null
    XCTAssertNil(try ModelConfig(json: .object(unchunked), file: "scout").attention.chunks)
    XCTAssertEqual(qwen.activeParameterCount, qwen.parameterCount - 8 * 14 * 3 * 128 * 96)
  }
}
