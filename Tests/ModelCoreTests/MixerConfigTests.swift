import Foundation
import Groundwork
import ModelCore
import Published
import XCTest

/// How the mixers' shapes are spelled, and which are refused.
final class MixerConfigTests: XCTestCase {
  /// Hybrids with Gated DeltaNet and Qwen3-Next survive config.json; impossible shapes and experts are refused by key.
  func testGatedDeltaNetConfigsRoundTripAndRefuseByKey() throws {
    let base = try ModelConfig.preset("nano-1b")
    for config in [try base.withGatedDeltaNet(), try base.withGatedDeltaNet(layers: [1, 3])] {
      XCTAssertEqual(try ModelConfig(json: config.json, file: "written"), config)
    }
    func next(_ more: String) throws -> ModelConfig {
      try ModelConfig(
        json: JSONValue(
          parsing: Data(
            #"""
            {"model_type": "qwen3_next", "hidden_size": 48, "num_hidden_layers": 8, "vocab_size": 96, "head_dim": 16,
             "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 96, "linear_num_key_heads": 2,
             "linear_num_value_heads": 4, "linear_key_head_dim": 8, "linear_value_head_dim": 16, \#(more)}
            """#.utf8), file: "next"), file: "next")
    }
    let config = try next(#""num_experts": 0"#)
    XCTAssertEqual(config.layers(of: .attention), [3, 7])
    XCTAssertEqual(config.rotaryDim, 4)
    XCTAssertEqual(config.delta?.normEps, config.rmsNormEps)
    XCTAssertEqual(try ModelConfig(json: config.json, file: "written"), config)
    XCTAssertThrowsError(try config.withMamba2(layers: [0])) { XCTAssert("\($0)".contains("qwen3_next"), "\($0)") }
    for (more, word) in [
      (#""num_experts": 512"#, "mixture of experts"),
      (#""num_experts": 4, "mlp_only_layers": [0, 1]"#, "mixture of experts"),
      (#""partial_rotary_factor": 0.1"#, "partial_rotary_factor"),
      (#""linear_conv_kernel_dim": 0"#, "linear_conv_kernel_dim"),
    ] { XCTAssertThrowsError(try next(more)) { XCTAssert("\($0)".contains(word), "\($0)") } }
    let delta = DeltaConfig(heads: 6, keyHeads: 4, keyDim: 8, valueDim: 16)
    XCTAssertThrowsError(try base.withGatedDeltaNet(delta)) {
      XCTAssert("\($0)".contains("linear_num_key_heads"), "\($0)")
    }
  }

  /// flash-linear-attention's own models: its defaults, a round trip, and refusals by key.
  func testFlashLinearAttentionConfigsLoad() throws {
    func fla(_ more: String = "") throws -> ModelConfig {
      try ModelConfig(
        json: JSONValue(
          parsing: Data(
            #"{"model_type": "gated_deltanet", "hidden_size": 64, "vocab_size": 96, "num_hidden_layers": 2\#(more)}"#
              .utf8),
          file: "fla"), file: "fla")
    }
    let standard = try fla()
    XCTAssertEqual(standard.delta, DeltaConfig(heads: 6, keyDim: 256, valueDim: 512, normEps: 1e-6))
    XCTAssertEqual(standard.intermediateSize, 256)
    XCTAssertEqual([standard.rmsNormEps, Double(standard.kvNumbersPerToken)], [1e-6, 0])
    let config = try fla(
      #", "num_heads": 2, "num_v_heads": 4, "head_dim": 12, "expand_v": 1.5, "conv_size": 3, "norm_eps": 1e-5"#)
    XCTAssertEqual(
      config.delta, DeltaConfig(heads: 4, keyHeads: 2, keyDim: 12, valueDim: 18, convTaps: 3, normEps: 1e-5))
    XCTAssertEqual(try ModelConfig(json: config.json, file: "written"), config)
    let names = Set(config.tensors.map(\.name))
    for name in [
      "attn_norm.weight", "mlp_norm.weight", "attn.q_conv1d.weight", "attn.A_log", "attn.o_norm.weight",
      "mlp.up_proj.weight",
    ] {
      XCTAssertTrue(names.contains("model.layers.1.\(name)"), name)
    }
    XCTAssertTrue(names.isSuperset(of: ["model.embeddings.weight", "model.norm.weight", "lm_head.weight"]))
    for (more, word) in [
      (#""use_gate": false"#, "use_gate"), (#""use_short_conv": false"#, "use_short_conv"),
      (#""allow_neg_eigval": true"#, "allow_neg_eigval"),
      (#""attn": {"layers": [1], "num_heads": 4}"#, "attn"), (#""head_dim": 5, "expand_v": 1.5"#, "expand_v"),
      (#""num_heads": 4, "num_v_heads": 6"#, "linear_num_key_heads"), (#""hidden_act": "relu""#, "hidden_act"),
    ] { XCTAssertThrowsError(try fla(", " + more)) { XCTAssert("\($0)".contains(word), "\($0)") } }
    XCTAssertThrowsError(try config.withMamba2(layers: [0])) { XCTAssert("\($0)".contains("gated_deltanet"), "\($0)") }
  }

  /// Hybrids and stock Mamba2 survive config.json, and impossible shapes are refused by key.
  func testMamba2ConfigsRoundTripAndRefuseByKey() throws {
    let base = try ModelConfig.preset("nano-1b")
    for config in [try base.withMamba2(), try base.withMamba2(layers: [1, 3])] {
      XCTAssertEqual(try ModelConfig(json: config.json, file: "written"), config)
    }
    let stock = try ModelConfig(
      json: JSONValue(
        parsing: Data(
          #"""
          {"model_type": "mamba2", "hidden_size": 48, "num_hidden_layers": 2, "vocab_size": 96, "num_heads": 6, "head_dim": 16,
           "state_size": 16, "n_groups": 2, "expand": 2, "layer_norm_epsilon": 1e-5, "tie_word_embeddings": false}
          """#.utf8), file: "stock"), file: "stock")
    XCTAssertEqual(try ModelConfig(json: stock.json, file: "written"), stock)
    XCTAssertEqual(stock.kvNumbersPerToken, 0)
    for (key, change) in [
      ("mamba_n_groups", { $0.groups = 3 }), ("mamba_d_xb", { $0.groupedWidth = 12 }),
      ("mamba_d_state", { $0.stateSize = 4 }),
    ] as [(String, (inout MambaConfig) -> Void)] {
      var mamba = MambaConfig(grouping: base)
      change(&mamba)
      XCTAssertThrowsError(try base.withMamba2(mamba)) { XCTAssert("\($0)".contains(key), "\($0)") }
    }
  }
}
