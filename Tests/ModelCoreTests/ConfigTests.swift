import Foundation
import Groundwork
import ModelCore
import Published
import TestKit
import XCTest

final class ConfigTests: XCTestCase {
  private func parse(_ text: String) throws -> ModelConfig {
    try ModelConfig(json: JSONValue(parsing: Data(text.utf8), file: "config.json"), file: "config.json")
  }

  private let small: JSONValue = .object([
    "model_type": .string("llama"), "hidden_size": .int(64), "num_hidden_layers": .int(2),
    "num_attention_heads": .int(8),
    "num_key_value_heads": .int(4), "intermediate_size": .int(96), "vocab_size": .int(100),
  ])

  private func small(_ changes: [String: JSONValue]) throws -> ModelConfig {
    try ModelConfig(json: small.merging(.object(changes)), file: "config.json")
  }

  /// The error's one line, or nil when nothing is thrown.
  private func failure(_ changes: [String: JSONValue]) -> String? {
    do {
      _ = try small(changes)
      return nil
    } catch { return "\(error)" }
  }

  private func assertRefused(_ changes: [String: JSONValue], naming key: String, line: UInt = #line) {
    guard let message = failure(changes) else { return XCTFail("accepted \(changes)", line: line) }
    XCTAssertTrue(message.contains(key), "\"\(message)\" does not name \(key)", line: line)
    XCTAssertFalse(message.contains("\n"), line: line)
  }

  /// Two ropes by length: what lies beyond the first is refused, not turned by the wrong one.
  func testSequencesBeyondTheFirstOfTwoRopesAreRefused() throws {
    let factors = JSONValue.array([.double(1), .double(2), .double(3), .double(4)])
    let config = try small([
      "max_position_embeddings": .int(64),
      "rope_scaling": .object([
        "rope_type": .string("longrope"), "short_factor": factors, "long_factor": factors,
        "original_max_position_embeddings": .int(16),
      ]),
    ])
    XCTAssertNoThrow(try config.requirePositions(16, field: "length"))
    XCTAssertThrowsError(try config.requirePositions(17, field: "length")) {
      XCTAssertTrue("\($0)".contains("the first of the model's two ropes") && "\($0)".contains("at most 16"), "\($0)")
    }
    XCTAssertNoThrow(try small([:]).requirePositions(1 << 20, field: "length"))
    // Nor does a wish to go on beyond the positions lead there.
    let model = try LanguageModel(config, seed: 1)
    XCTAssertEqual(model.makeCache(positions: .max).positions, 16)
    XCTAssertThrowsError(try model.extend(model.makeCache(positions: .max), [Int32](repeating: 1, count: 17)))
  }

  /// Keys that a family's class in transformers takes no notice of are not obeyed.
  func testKeysThatAClassDoesNotReadAreNotObeyed() throws {
    func config(_ name: String, _ changes: [String: JSONValue]) throws -> ModelConfig {
      let file = repositoryRoot().appendingPathComponent("Tests/Goldens/families/\(name)/config.json")
      return try ModelConfig(json: JSONValue(contentsOf: file).merging(.object(changes)), file: name)
    }
    func refused(_ name: String, _ changes: [String: JSONValue], _ key: String, line: UInt = #line) {
      XCTAssertThrowsError(try config(name, changes), line: line) {
        XCTAssertTrue("\($0)".contains(key), "\($0)", line: line)
      }
    }
    refused("gemma3", ["attn_logit_softcapping": .double(2)], "attn_logit_softcapping")
    let gemma = try config(
      "gemma2", ["hidden_activation": .string("gelu_pytorch_tanh"), "hidden_act": .string("silu")])
    XCTAssertEqual(gemma.block.activation, try config("gemma2", [:]).block.activation)
    let phi = try config("phi3", [:])
    let types = (0..<phi.layerCount).map { JSONValue.string($0 == 0 ? "sliding_attention" : "full_attention") }
    refused("phi3", ["sliding_window": .int(8), "layer_types": .array(types)], "layer_types")
    XCTAssertEqual(phi.json["pad_token_id"], .null, "the class would take 32000")
    // transformers heeds a list of windowed layers whatever use_sliding_window says, which only makes one where there is none.
    let count = try config("smollm3", [:]).layerCount
    let windowed = (0..<count).map { JSONValue.string($0 == 1 ? "sliding_attention" : "full_attention") }
    let off: [String: JSONValue] = ["use_sliding_window": .bool(false), "sliding_window": .int(6)]
    let listed = off.merging(["layer_types": .array(windowed)]) { $1 }
    XCTAssertEqual(try config("smollm3", listed).attention.windows?.layers, [1])
    XCTAssertNil(try config("smollm3", off.merging(["layer_types": .null]) { $1 }).attention.windows)
    XCTAssertEqual(try config("smollm3", [:]).json["pad_token_id"], .null, "the class would take 128004")
  }

  func testMamba2RefusesWhatItDoesNotCompute() throws {
    let mamba: JSONValue = .object([
      "model_type": .string("mamba2"), "hidden_size": .int(32), "num_hidden_layers": .int(1), "num_heads": .int(8),
      "head_dim": .int(8), "state_size": .int(8), "n_groups": .int(1), "vocab_size": .int(50),
      "eos_token_id": .array([.int(2), .int(5)]),
    ])
    let config = try ModelConfig(json: mamba, file: "mamba")
    XCTAssertEqual(config.json["eos_token_id"], .array([.int(2), .int(5)]))
    for change in ["hidden_act": JSONValue.string("relu"), "quantization_config": .object(["bits": .int(4)])] {
      XCTAssertThrowsError(try ModelConfig(json: mamba.merging(.object([change.key: change.value])), file: "mamba")) {
        XCTAssertTrue("\($0)".contains(change.key), "\($0)")
      }
    }
  }

  func testOldAndNewRopeDialectsAreEqual() throws {
    let old = try small([
      "rope_theta": .double(500_000),
      "rope_scaling": .object([
        "rope_type": .string("llama3"), "factor": .double(32), "low_freq_factor": .double(1),
        "high_freq_factor": .double(4),
        "original_max_position_embeddings": .int(8192),
      ]),
    ])
    let new = try small([
      "rope_parameters": .object([
        "rope_theta": .double(500_000), "rope_type": .string("llama3"), "factor": .double(32),
        "low_freq_factor": .double(1),
        "high_freq_factor": .double(4), "original_max_position_embeddings": .int(8192),
      ])
    ])
    XCTAssertEqual(old, new)
    XCTAssertEqual(old.rope.scaling, .llama3(.init(factor: 32, originalMaxPosition: 8192)))
    XCTAssertEqual(old.headDim, 8)
    XCTAssertFalse(old.tieWordEmbeddings)
  }

  func testIdsBeyondTheVocabularyCanNeverCome() throws {
    let config = try small(["eos_token_id": .array([.int(100), .int(7), .int(-1)]), "bos_token_id": .int(-1)])
    XCTAssertEqual(config.eosTokenIds, [7])
    XCTAssertNil(config.bosTokenId)
  }

  func testRopeScalingStandsForRopeParameters() throws {
    let yarn: [String: JSONValue] = [
      "rope_type": .string("yarn"), "factor": .double(4), "original_max_position_embeddings": .int(16),
    ]
    func both(_ theta: Double) -> [String: JSONValue] {
      [
        "rope_scaling": .object(yarn),
        "rope_parameters": .object(["rope_theta": .double(theta), "rope_type": .string("default")]),
      ]
    }
    XCTAssertEqual(
      try small(both(10_000)).rope.scaling, .yarn(.init(factor: 4, originalMaxPosition: 16)))
    // The base frequency would be lost without a word.
    assertRefused(both(500_000), naming: "rope_theta")
    let whole = both(500_000).merging(["rope_theta": .double(500_000)]) { $1 }
    XCTAssertEqual(try small(whole).rope.theta, 500_000)
  }

  func testTheOriginalContextMayStandBesideTheRope() throws {
    let config = try small([
      "rope_scaling": .object(["type": .string("yarn"), "factor": .double(4)]),
      "original_max_position_embeddings": .int(32), "max_position_embeddings": .int(128),
    ])
    XCTAssertEqual(config.rope.scaling, .yarn(.init(factor: 4, originalMaxPosition: 32)))
  }

  func testFamiliesHaveTheirOwnDefaults() throws {
    XCTAssertEqual(try small(["model_type": .string("qwen3")]).headDim, 128)
    let windowed: [String: JSONValue] = ["sliding_window": .int(16), "max_position_embeddings": .int(4096)]
    for type in ["qwen2", "qwen3"] {
      XCTAssertNil(try small(windowed.merging(["model_type": .string(type)]) { $1 }).attention.windows, type)
    }
    let asked = try small(
      windowed.merging([
        "model_type": .string("qwen2"), "use_sliding_window": .bool(true), "max_window_layers": .int(1),
      ]) { $1 })
    XCTAssertEqual(asked.attention.windows, .init(layers: [1], size: 16))
    let yarn: JSONValue = .object(["rope_type": .string("yarn"), "factor": .double(4)])
    for type in ["qwen2", "qwen3", "qwen3_moe"] {
      let silent = try small(["model_type": .string(type), "rope_scaling": yarn])
      XCTAssertEqual(silent.maxPosition, 32_768, type)
      XCTAssertEqual(silent.rope.scaling, .yarn(.init(factor: 4, originalMaxPosition: 32_768)), type)
    }
    XCTAssertEqual(try small(["model_type": .string("mistral")]).attention.windows?.size, 4096)
    XCTAssertNil(try small(["model_type": .string("mistral"), "sliding_window": .null]).attention.windows)
    let silent: [String: JSONValue] = [
      "model_type": .string("qwen2"), "use_sliding_window": .bool(true), "max_window_layers": .int(0),
      "max_position_embeddings": .int(8192),
    ]
    XCTAssertEqual(try small(silent).attention.windows?.size, 4096, "as transformers has it")
    XCTAssertNil(try small(silent.merging(["sliding_window": .null]) { $1 }).attention.windows)
  }

  /// What Python writes: constants that JSON does not have, and a key twice, of which the last counts.
  func testConfigurationsAsPythonWritesThem() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    try writeFile(
      #"""
      {"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 8, "vocab_size": 50,
       "intermediate_size": 96, "vocab_size": 100, "some_limit": [0.0, Infinity], "other": NaN, "third": -Infinity}
      """#, to: folder.appendingPathComponent("config.json"))
    XCTAssertEqual(try ModelConfig(contentsOf: folder).vocabularySize, 100)
  }

  func testTheTextPartOfAMultimodalModelIsRead() throws {
    let config = try ModelConfig(
      json: .object([
        "model_type": .string("llava"), "text_config": small, "vision_config": .object([:]),
        "tie_word_embeddings": .bool(true), "eos_token_id": .int(3),
      ]), file: "config.json")
    XCTAssertEqual(config.architecture, .llama)
    XCTAssertTrue(config.tieWordEmbeddings)
    XCTAssertEqual(config.eosTokenIds, [3])
  }

  /// Transformers asks the whole model's key; several classes of it take over a language model's where theirs is false.
  func testATiedHeadOfAMultimodalModelIsTiedWhateverItsTextPartSays() throws {
    for (outer, inner, isTied) in [
      (true, false, true), (true, true, true), (false, true, true), (false, false, false), (nil, true, true),
      (nil, false, false),
    ] as [(Bool?, Bool, Bool)] {
      var values: [String: JSONValue] = [
        "model_type": .string("mistral3"),
        "text_config": small.merging(
          .object(["model_type": .string("mistral"), "tie_word_embeddings": .bool(inner)])),
      ]
      values["tie_word_embeddings"] = outer.map { .bool($0) }
      let config = try ModelConfig(json: .object(values), file: "config.json")
      XCTAssertEqual(config.tieWordEmbeddings, isTied, "\(String(describing: outer)), \(inner)")
    }
  }

  /// LLaVA-1.5's language model says nothing of its sizes: they are those of the class.
  func testSizesThatAConfigLeavesOutAreThoseOfTheClass() throws {
    let llava = try parse(
      #"""
      {"model_type": "llava", "text_config": {"model_type": "llama", "vocab_size": 32064, "rms_norm_eps": 1e-05,
       "max_position_embeddings": 4096}, "tie_word_embeddings": false}
      """#)
    XCTAssertEqual(llava.vocabularySize, 32_064)
    XCTAssertEqual(llava.headDim, 128)
    XCTAssertEqual(llava.parameterCount, 6_738_415_616 + 2 * 64 * 4096, "Llama-7B's with 64 more pieces")
    for (type, sizes) in [
      ("llama", [4096, 32, 32, 32, 128, 11_008, 32_000]), ("mistral", [4096, 32, 32, 8, 128, 14_336, 32_000]),
      ("qwen2", [4096, 32, 32, 32, 128, 22_016, 151_936]), ("qwen3", [4096, 32, 32, 32, 128, 22_016, 151_936]),
      ("smollm3", [2048, 36, 16, 4, 128, 11_008, 128_256]), ("olmo2", [4096, 32, 32, 32, 128, 11_008, 50_304]),
      ("phi3", [3072, 32, 32, 32, 96, 8192, 32_064]), ("granite", [4096, 32, 32, 32, 128, 11_008, 32_000]),
      ("gemma2", [2304, 26, 8, 4, 256, 9216, 256_000]), ("gemma3_text", [2304, 26, 8, 4, 256, 9216, 262_208]),
      ("gpt2", [768, 12, 12, 12, 64, 3072, 50_257]),
    ] {
      let config = try parse(#"{"model_type": "\#(type)"}"#)
      let found = [
        config.hiddenSize, config.layerCount, config.attentionHeads, config.keyValueHeads, config.headDim,
        config.intermediateSize, config.vocabularySize,
      ]
      XCTAssertEqual(found, sizes, type)
    }
    // Sixteen heads or thirty-two: of another width nothing says.
    XCTAssertThrowsError(try parse(#"{"model_type": "llama", "hidden_size": 128}"#)) {
      XCTAssertTrue("\($0)".contains("\"num_attention_heads\" is missing"), "\($0)")
    }
    // A null is said: as many key heads as queries have, and no other size.
    let mistral = try parse(#"{"model_type": "mistral", "num_key_value_heads": null}"#)
    XCTAssertEqual(mistral.keyValueHeads, 32)
    XCTAssertThrowsError(try parse(#"{"model_type": "mistral", "hidden_size": null}"#)) {
      XCTAssertTrue("\($0)".contains("\"hidden_size\" is missing"), "\($0)")
    }
    for type in ["qwen3_moe", "deepseek_v3", "minicpm3", "upcycle_hybrid"] {
      XCTAssertThrowsError(try parse(#"{"model_type": "\#(type)"}"#), type) {
        XCTAssertTrue("\($0)".contains("is missing"), "\($0)")
      }
    }
  }

  func testARewiredModelDoesNotPassForItsBase() throws {
    var config = try ModelConfig.preset("nano-qwen-moe")
    config = try config.connecting([0, 1], as: .farskip)
    XCTAssertEqual(config.json["model_type"], .string("upcycle_farskip"))
    XCTAssertEqual(config.json["base_model_type"], .string("qwen3_moe"))
    XCTAssertEqual(try ModelConfig(json: config.json, file: "rewired"), config)
    // As earlier versions wrote it.
    let old = config.json.merging(.object(["model_type": .string("qwen3_moe")]))
    XCTAssertEqual(try ModelConfig(json: old, file: "rewired"), config)
  }

  func testWhatIsWrittenIsTypedAsOthersWantIt() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let config = try ModelConfig.preset("nano-dsv2")
    try config.save(to: folder)
    let text = try String(contentsOf: folder.appendingPathComponent("config.json"), encoding: .utf8)
    XCTAssertTrue(text.contains("\"routed_scaling_factor\" : 1.0"), text)
    XCTAssertTrue(text.contains("\"rope_theta\" : 10000.0"), text)
    var dense = config
    dense.experts = nil
    XCTAssertEqual(dense.json["n_routed_experts"], .int(1))
    XCTAssertNil(try ModelConfig(json: dense.json, file: "dense").experts)
    // Our kinds of mixer have a key of their own; folders of earlier versions have them in layer_types.
    let hybrid = try ModelConfig.preset("nano-1b").withMamba2(layers: [1])
    XCTAssertNil(hybrid.json["layer_types"])
    var old = try XCTUnwrap(hybrid.json.object)
    old["layer_types"] = old.removeValue(forKey: "mixer_types")
    XCTAssertEqual(try ModelConfig(json: .object(old), file: "old"), hybrid)
  }

  func testTypeIsReadAsRopeTypeInOldConfigs() throws {
    let config = try small([
      "rope_scaling": .object([
        "type": .string("yarn"), "factor": .double(4), "original_max_position_embeddings": .int(16),
      ])
    ])
    XCTAssertEqual(config.rope.scaling, .yarn(.init(factor: 4, originalMaxPosition: 16)))
  }

  func testEveryPresetSurvivesARoundTrip() throws {
    for name in ModelConfig.presetNames {
      let config = try ModelConfig.preset(name)
      try config.validate(file: name)
      XCTAssertEqual(try ModelConfig(json: config.json, file: name), config, name)
      let coded = try JSONDecoder().decode(ModelConfig.self, from: JSONEncoder().encode(config))
      XCTAssertEqual(coded, config, name)
    }
    XCTAssertThrowsError(try ModelConfig.preset("llama-9")) { XCTAssertEqual(($0 as? UpcycleError)?.exitCode, 2) }
  }

  func testHybridSurvivesARoundTrip() throws {
    let base = try ModelConfig.preset("nano-1b")
    let latent = LatentConfig(
      qRank: 46, kvRank: 64, nopeHeadDim: 4, ropeHeadDim: 4, valueHeadDim: 8, upProjectionHeads: 8, latentNorm: true,
      ropeInterleaved: false, qkNorm: true, layerRanks: [3: .init(q: 40, kv: 60), 5: .init(q: 46, kv: 32)],
      rope: RopeConfig(
        theta: 10_000, scaling: .yarn(.init(factor: 32, originalMaxPosition: 4096, mscale: 1, mscaleAllDim: 0)),
        frequencyDim: 8),
      attentionScale: 0.25)
    let config = try base.withLatentAttention(latent, layers: [1, 3, 5])
    let read = try ModelConfig(json: config.json, file: "hybrid")
    XCTAssertEqual(read, config)
    XCTAssertEqual(read.layers(of: .latentAttention), [1, 3, 5])
    XCTAssertEqual(read.latent?.ranks(layer: 3), .init(q: 40, kv: 60))
    XCTAssertEqual(read.latent?.ranks(layer: 1), .init(q: 46, kv: 64))
    XCTAssertEqual(config.baseModel, base)

    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    try config.save(to: folder)
    XCTAssertEqual(try ModelConfig(contentsOf: folder), config)
  }

  func testOracleConfigsLoadAndRoundTrip() throws {
    for name in [
      "llama_gqa_tied", "llama_rope_llama3", "llama_yarn", "qwen2_bias", "qwen3_qknorm", "mla_dense", "mla_dense_yarn",
      "qwen3_next_gdn", "deepseek_v2_moe", "deepseek_v3_moe", "qwen3_moe", "llama4_text",
    ] {
      let folder = try sharedFolder("oracles/\(name)")
      let config = try ModelConfig(contentsOf: folder)
      XCTAssertEqual(try ModelConfig(json: config.json, file: name), config, name)
      let file = try SafetensorsFile(folder.appendingPathComponent("model.safetensors"))
      let expected = Dictionary(uniqueKeysWithValues: config.tensors.map { ($0.name, $0.shape) })
      XCTAssertEqual(Dictionary(uniqueKeysWithValues: file.tensors.map { ($0.name, $0.shape) }), expected, name)
    }
    let qwen = try ModelConfig(contentsOf: sharedFolder("oracles/qwen2_bias"))
    XCTAssertTrue(qwen.attention.qkvBias)
    let direct = try ModelConfig(contentsOf: sharedFolder("oracles/mla_dense_yarn"))
    XCTAssertNil(direct.latent?.qRank)
    XCTAssertTrue(direct.latent?.latentNorm ?? false)
    let magnitude = 0.1 * log(4.0) + 1
    XCTAssertEqual(
      direct.latentScale, magnitude * magnitude / 20.0.squareRoot(), accuracy: 1e-12)
  }

  func testPublishedModelsHaveThePublishedParameters() throws {
    let json = try JSONValue(contentsOf: sharedFolder("data/model_configs.json"))
    let presets = [
      "Llama-3.2-1B-Instruct": "llama-3.2-1b", "Llama-3.2-3B-Instruct": "llama-3.2-3b",
      "Llama-3.1-8B-Instruct": "llama-3.1-8b",
      "SmolLM-135M": "smollm-135m", "SmolLM-360M": "smollm-360m", "SmolLM-1.7B": "smollm-1.7b",
      "Qwen2.5-0.5B": "qwen2.5-0.5b",
      "Qwen2.5-1.5B": "qwen2.5-1.5b", "Qwen3-1.7B": "qwen3-1.7b",
    ]
    var seen = 0
    for model in json["models"]?.array ?? [] {
      guard let name = model["name"]?.string, let preset = presets.first(where: { name.hasPrefix($0.key) })?.value
      else { continue }
      let config = try ModelConfig.preset(preset)
      XCTAssertEqual(config.parameterCount, model["computed"]?["params_total"]?.int, name)
      XCTAssertEqual(2 * config.kvNumbersPerToken, model["computed"]?["kv_cache_bytes_per_token_bf16"]?.int, name)
      for (key, value) in [
        ("hidden_size", config.hiddenSize), ("num_hidden_layers", config.layerCount),
        ("num_attention_heads", config.attentionHeads),
        ("num_key_value_heads", config.keyValueHeads), ("intermediate_size", config.intermediateSize),
        ("vocab_size", config.vocabularySize), ("max_position_embeddings", config.maxPosition),
      ] { XCTAssertEqual(value, model[key]?.int, "\(name) \(key)") }
      XCTAssertEqual(config.rope.theta, model["rope_theta"]?.double, name)
      XCTAssertEqual(config.rmsNormEps, model["rms_norm_eps"]?.double, name)
      XCTAssertEqual(config.tieWordEmbeddings, model["tie_word_embeddings"]?.bool, name)
      XCTAssertEqual(config.attention.qkNorm, model["qk_norm"]?.bool, name)
      XCTAssertEqual(config.attention.qkvBias, model["qkv_bias"]?.bool, name)
      seen += 1
    }
    XCTAssertEqual(seen, presets.count)
  }

  func testImpossibleValuesAreRefusedByKey() throws {
    XCTAssertNil(failure([:]))
    assertRefused(["hidden_size": .string("big")], naming: "hidden_size")
    assertRefused(["hidden_size": .int(0)], naming: "hidden_size")
    assertRefused(["hidden_size": .int(1 << 40)], naming: "hidden_size")
    assertRefused(["hidden_size": .int(65)], naming: "hidden_size")
    assertRefused(["vocab_size": .null], naming: "vocab_size")
    assertRefused(["num_hidden_layers": .int(1_000_000)], naming: "num_hidden_layers")
    assertRefused(["num_key_value_heads": .int(3)], naming: "num_key_value_heads")
    assertRefused(["head_dim": .int(7)], naming: "head_dim")
    assertRefused(["rms_norm_eps": .int(0)], naming: "rms_norm_eps")
    assertRefused(["rope_theta": .string("x")], naming: "rope_theta")
    assertRefused(["eos_token_id": .string("</s>")], naming: "eos_token_id")
    assertRefused(["tie_word_embeddings": .int(1)], naming: "tie_word_embeddings")
    assertRefused(["layer_types": .array([.string("full_attention")])], naming: "layer_types")
    assertRefused(
      ["rope_scaling": .object(["rope_type": .string("longrope"), "factor": .int(2)])], naming: "short_factor")
    assertRefused(["rope_scaling": .object(["rope_type": .string("dynamic"), "factor": .int(2)])], naming: "dynamic")
    assertRefused(["rope_scaling": .object(["rope_type": .string("yarn")])], naming: "factor")
  }

  func testUnimplementedFeaturesAreRefusedByName() {
    assertRefused(["model_type": .string("mixtral")], naming: "mixtral")
    assertRefused(["hidden_act": .string("gelu")], naming: "hidden_act")
    assertRefused(["mlp_bias": .bool(true)], naming: "mlp_bias")
    assertRefused(["attention_bias": .bool(true)], naming: "attention_bias")
    assertRefused(["num_local_experts": .int(8)], naming: "num_local_experts")
    assertRefused(["sliding_window": .int(128), "max_position_embeddings": .int(4096)], naming: "sliding_window")
    assertRefused(["quantization_config": .object([:])], naming: "quantization_config")
    // transformers takes no notice of one rope for both types of layers.
    assertRefused(
      [
        "model_type": .string("gemma3_text"),
        "rope_parameters": .object(["rope_type": .string("linear"), "factor": .double(8)]),
      ], naming: "full_attention and sliding_attention")
    assertRefused(["partial_rotary_factor": .double(0.5)], naming: "partial_rotary_factor")
    assertRefused(
      ["layer_types": .array([.string("full_attention"), .string("sliding_attention")])], naming: "sliding_attention")
    XCTAssertNil(
      failure(["sliding_window": .int(4096), "use_sliding_window": .bool(false), "pretraining_tp": .int(1)]))
    XCTAssertNil(failure(["sliding_window": .null, "some_future_key": .object(["a": .int(1)])]))
  }

  func testImpossibleLatentShapesAreRefused() throws {
    let base: [String: JSONValue] = [
      "model_type": .string("upcycle_hybrid"),
      "layer_types": .array([.string("full_attention"), .string("latent_attention")]),
      "q_lora_rank": .int(32), "kv_lora_rank": .int(16), "qk_nope_head_dim": .int(4), "qk_rope_head_dim": .int(4),
    ]
    func with(_ changes: [String: JSONValue]) -> [String: JSONValue] { base.merging(changes) { $1 } }
    XCTAssertNil(failure(base))
    assertRefused(with(["kv_lora_rank": .int(65)]), naming: "kv_lora_rank")
    assertRefused(with(["q_lora_rank": .int(65)]), naming: "q_lora_rank")
    assertRefused(with(["qk_rope_head_dim": .int(3)]), naming: "qk_rope_head_dim")
    assertRefused(with(["qk_rope_head_dim": .int(10)]), naming: "qk_rope_head_dim")
    assertRefused(with(["qk_nope_head_dim": .int(9)]), naming: "qk_nope_head_dim")
    assertRefused(with(["layer_rank_list": .object(["2": .object(["kv_rank": .int(8)])])]), naming: "layer_rank_list")
    assertRefused(with(["layer_rank_list": .object(["1": .object(["kv_rank": .int(65)])])]), naming: "kv_lora_rank")
    assertRefused(with(["kv_lora_rank": .null]), naming: "kv_lora_rank")
    let config = try ModelConfig.preset("nano-1b")
    let latent = LatentConfig(
      qRank: 16, kvRank: 16, nopeHeadDim: 4, ropeHeadDim: 4, valueHeadDim: 8, upProjectionHeads: 16)
    XCTAssertThrowsError(try config.withLatentAttention(latent, layers: [16])) {
      XCTAssertTrue("\($0)".contains("0...15"), "\($0)")
    }
  }
}
