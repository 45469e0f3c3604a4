import Foundation
import Groundwork
import ModelCore
import TensorCore
import TestKit
import XCTest

@testable import Export

/// Models of every kind, exported, are what they were.
final class ExportTests: XCTestCase {
  static let goldens = exportGoldens
  private var folder = URL(fileURLWithPath: "/")

  override func setUpWithError() throws { folder = try temporaryFolder() }
  override func tearDown() { try? FileManager.default.removeItem(at: folder) }

  private func model(_ name: String, change: (inout ModelConfig) -> Void = { _ in }) throws -> URL {
    try goldenModel(name, in: folder, change: change)
  }

  private func exported(_ model: URL, _ format: ExportFormat = .transformers, type: ExportedType? = nil) throws -> URL {
    let url = folder.appendingPathComponent("exported_\(UUID().uuidString.prefix(8))", isDirectory: true)
    _ = try exportModel(from: model, to: url, as: format, type: type)
    return url
  }

  private func logits(_ folder: URL, _ ids: [Int32]) throws -> [[Float]] {
    let logits = try LanguageModel(folder: folder).logits(ids: ids, batch: 1, time: ids.count)
    return (0..<ids.count).map { row in
      (0..<logits.width).map { logits.pointer[row * logits.width + $0] }
    }
  }

  private func difference(_ a: [[Float]], _ b: [[Float]]) -> Float {
    let pairs = zip(a.joined(), b.joined())
    return (pairs.reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) } / b.joined().reduce(0) { $0 + $1 * $1 })
      .squareRoot()
  }

  private struct Golden {
    let name: String
    let value: JSONValue
    var ids: [Int32] { value["ids"]?.array?.compactMap { $0.int.map(Int32.init) } ?? [] }
    var logits: [[Float]] { value["logits"]?.array?.map(Self.row) ?? [] }
    var greedy: [Int] { value["greedy"]?.array?.compactMap(\.int) ?? [] }

    static func row(_ value: JSONValue) -> [Float] { value.array?.compactMap { $0.double.map { Float($0) } } ?? [] }
    static func all() throws -> [Golden] {
      let file = ExportTests.goldens.appendingPathComponent("exports.json")
      return try XCTUnwrap(JSONValue(contentsOf: file).object).sorted { $0.key < $1.key }
        .map { Golden(name: $0.key, value: $0.value) }
    }
  }

  /// The committed values are those of transformers for the very files that we write.
  func testTransformersComputesOurLogitsAndText() throws {
    let goldens = try Golden.all()
    XCTAssertEqual(goldens.count, 15)
    for golden in goldens {
      let model = try model(golden.name)
      let exported = try exported(model)
      for file in ["config.json", "model.safetensors"] {
        XCTAssertEqual(
          try sha256(fileAt: exported.appendingPathComponent(file)), golden.value["sha256"]?[file]?.string,
          "\(golden.name): \(file) is not the one that the goldens were made from")
      }
      let own = try logits(model, golden.ids)
      XCTAssertLessThan(difference(Array(own.suffix(golden.logits.count)), golden.logits), 1e-5, golden.name)
      var ids = golden.ids
      XCTAssertFalse(golden.greedy.isEmpty, golden.name)
      for next in golden.greedy {
        let row = try XCTUnwrap(logits(model, ids).last)
        XCTAssertEqual(row.indices.max { row[$0] < row[$1] }, next, "\(golden.name) at \(ids.count)")
        ids.append(Int32(next))
      }
    }
  }

  func testStockClassesAreChosenWhereTheyComputeTheModel() throws {
    for golden in try Golden.all() {
      let wanted =
        golden.name == "llama"
        ? "LlamaForCausalLM"
        : ["plain", "latent-norm", "shared-heads", "direct-queries", "yarn"].contains(golden.name)
          ? "DeepseekV3ForCausalLM" : "UpcycleForCausalLM"
      XCTAssertEqual(golden.value["class"]?.string, wanted, golden.name)
    }
  }

  /// With a Python that has torch and transformers, the same on the spot.
  func testTransformersAgreesOnTheSpot() throws {
    if TransformersPeer.python == nil {
      throw XCTSkip("skipped: UPCYCLE_PEER_PYTHON names no Python with torch and transformers")
    }
    let goldens = try Golden.all()
    let models = try goldens.map { try model($0.name) }
    let answers = try TransformersPeer.answers(
      zip(goldens, models).map { .init(folder: try exported($1), ids: $0.ids, new: 16) },
      scratch: folder.appendingPathComponent("cache"))
    for ((golden, model), answer) in zip(zip(goldens, models), answers) {
      XCTAssertLessThan(difference(answer.logits, try logits(model, golden.ids)), 1e-5, golden.name)
      XCTAssertEqual(answer.greedy, golden.greedy, golden.name)
    }
  }

  /// What transformers' own models take and this one does not compute is refused by name; what changes nothing passes.
  func testTheModellingFileSwallowsNoArgument() throws {
    let exported = try exported(model("all-mixers"))
    let text = try String(decoding: readFile(exported.appendingPathComponent("modeling_upcycle.py")), as: UTF8.self)
    let forward = try XCTUnwrap(text.range(of: "    def forward(\n        self, input_ids=None"))
    XCTAssertTrue(text[forward.upperBound...].prefix(600).contains("self.refuse(others)"))
    guard let python = TransformersPeer.python else { return }
    let script = """
      import sys, torch
      from transformers import AutoModelForCausalLM, DynamicCache
      model = AutoModelForCausalLM.from_pretrained(sys.argv[1], trust_remote_code=True, dtype="float32").eval()
      ids = torch.arange(1, 13).view(2, 6)
      order = torch.arange(6)[None]
      plain = model(ids).logits
      for options in (
          dict(position_ids=order), dict(position_ids=order[0]), dict(return_dict=False),
          dict(past_key_values=None, inputs_embeds=None, output_hidden_states=False, output_attentions=None)):
          assert torch.equal(model(ids, **options)[0], plain), options
      assert type(model(ids, return_dict=False)) is tuple
      # Recurrences that forget fast: what lies above the diagonal must not reach the gradients.
      long = torch.arange(160)[None] % 40
      for name, parameter in model.named_parameters():
          if name.endswith("A_log"):
              parameter.data += 4
      model(long, labels=long).loss.backward()
      wrong = [name for name, parameter in model.named_parameters() if not torch.isfinite(parameter.grad).all()]
      assert not wrong, wrong
      model = AutoModelForCausalLM.from_pretrained(sys.argv[1], trust_remote_code=True, dtype="float32").eval()
      mask = torch.ones_like(ids)
      mask[0, :2] = 0
      padded = model(ids, attention_mask=mask).logits
      said = (mask.cumsum(1) - 1).masked_fill(mask == 0, 1)
      assert torch.equal(model(ids, attention_mask=mask, position_ids=said).logits, padded)
      for options in (
          dict(position_ids=order + 3), dict(position_ids=order[:, :3]), dict(past_key_values=DynamicCache()),
          dict(inputs_embeds=torch.zeros(2, 6, 32)), dict(output_hidden_states=True), dict(output_attentions=True),
          dict(cu_seq_lens_q=order)):
          try:
              model(ids, **options)
          except (ValueError, NotImplementedError) as error:
              assert list(options)[0] in str(error), error
          else:
              raise AssertionError(options)
      short = AutoModelForCausalLM.from_pretrained(sys.argv[1], trust_remote_code=True, dtype="bfloat16").eval()
      assert short.generate(ids, max_new_tokens=3, eos_token_id=-1, pad_token_id=0).shape == (2, 9)
      try:
          model.generate(ids, max_new_tokens=2, pad_token_id=0, output_hidden_states=True)
      except NotImplementedError as error:
          assert "output_hidden_states" in str(error), error
      else:
          raise AssertionError("output_hidden_states")
      loss = model(ids, labels=ids).loss
      assert torch.allclose(model(ids, labels=ids, num_items_in_batch=5).loss, loss * 2)
      for options in (dict(), dict(num_beams=2), dict(do_sample=True), dict(position_ids=order.expand(2, -1))):
          written = model.generate(
              ids, attention_mask=torch.ones_like(ids), max_new_tokens=3, eos_token_id=-1, pad_token_id=0, **options)
          assert written.shape == (2, 9), options
      try:
          model.generate(
              ids, attention_mask=torch.ones_like(ids), max_new_tokens=3, position_ids=order.expand(2, -1) + 3)
      except ValueError as error:
          assert "position_ids" in str(error), error
      else:
          raise AssertionError("positions are swallowed")
      """
    let result = try launch(
      python, ["-c", script, exported.path],
      environment: ["HF_HOME": folder.appendingPathComponent("cache").path, "HF_HUB_OFFLINE": "1"])
    XCTAssertEqual(result.status, 0, result.error)
  }

  func testConfigurationsAreRightForTypedReaders() throws {
    for (name, files) in [("plain", ["config.json"]), ("all-mixers", ["config.json", "modeling_upcycle.py"])] {
      let exported = try exported(model(name))
      for file in files + ["generation_config.json", "model.safetensors"] {
        XCTAssertTrue(FileManager.default.fileExists(atPath: exported.appendingPathComponent(file).path), file)
      }
      let text = try String(decoding: readFile(exported.appendingPathComponent("config.json")), as: UTF8.self)
      XCTAssertTrue(text.contains("\"rope_theta\" : 10000.0"), text)
      XCTAssertFalse(text.contains("null"), text)
      XCTAssertFalse(text.contains("\"layer_types\""), text)
      XCTAssertTrue(text.contains("\"dtype\" : \"float32\""), text)
      let header = try readFile(exported.appendingPathComponent("model.safetensors")).dropFirst(8).prefix(40)
      XCTAssertTrue(String(decoding: header, as: UTF8.self).contains("{\"__metadata__\":{\"format\":\"pt\"}"))
    }
    let config = try JSONValue(contentsOf: exported(model("plain")).appendingPathComponent("config.json"))
    XCTAssertEqual(config["kv_lora_rank"]?.int, 16)
    XCTAssertEqual(config["q_lora_rank"]?.int, 21)
    XCTAssertEqual(config["attention_bias"]?.bool, true)
  }

  /// transformers before 5 and many others know no `rope_parameters`.
  func testOlderProgramsFindTheRope() throws {
    let model = try model("llama") {
      $0.rope = RopeConfig(theta: 500_000, scaling: .llama3(.init(factor: 8, originalMaxPosition: 64)))
    }
    let exported = try exported(model)
    let config = try JSONValue(contentsOf: exported.appendingPathComponent("config.json"))
    XCTAssertEqual(config["rope_theta"]?.double, 500_000)
    XCTAssertEqual(config["rope_scaling"]?["factor"]?.double, 8)
    XCTAssertEqual(config["rope_scaling"], config["rope_parameters"])
    XCTAssertEqual(try ModelConfig(contentsOf: exported), try ModelConfig(contentsOf: model))
  }

  /// A stock DeepSeek-V3 folder without biases is one that we read ourselves.
  func testLatentNormExportsReadBack() throws {
    let ids = (0..<40).map { Int32($0 * 7 % 48) }
    for name in ["latent-norm", "direct-queries"] {
      let model = try model(name)
      XCTAssertLessThan(try difference(logits(exported(model), ids), logits(model, ids)), 1e-5, name)
    }
  }

  /// In bfloat16 the constant channel of each latent is one whose norm that type holds well: queries have a width of their own.
  func testConstantChannelsAreExactEnoughInBFloat16() throws {
    for rank in [12, 15, 16, 20, 31] {
      let exported = try exported(model("plain") { $0.latent?.qRank = rank }, type: .bfloat16)
      let file = try SafetensorsFile(exported.appendingPathComponent("model.safetensors"))
      for (down, norm, turned) in [("q_a_proj", "q_a_layernorm", 0), ("kv_a_proj_with_mqa", "kv_a_layernorm", nil)] {
        let name = "model.layers.0.self_attn."
        let weights = try file.readFloats(name + norm + ".weight")
        let bias = try file.readFloats(name + down + ".bias")
        let channel = bias[turned == nil ? weights.count - 1 : bias.count - 1]
        let unit = weights[0] * Float(weights.count).squareRoot() / channel
        XCTAssertEqual(unit, 1, accuracy: 2e-4, "\(down) at query rank \(rank)")
      }
    }
  }

  /// Rewired experts and direct queries, under our own names, are read as what they were.
  func testModellingFilesReadBack() throws {
    let ids = (0..<40).map { Int32($0 * 7 % 48) }
    for name in ["farskip-qwen", "farskip-deepseek", "farskip-scout", "free-and-gated"] {
      let model = try model(name)
      let exported = try exported(model)
      let (read, was) = try (ModelConfig(contentsOf: exported), ModelConfig(contentsOf: model))
      XCTAssertEqual(read.architecture, .hybrid, name)
      XCTAssertEqual(read.connectivities, was.connectivities, name)
      XCTAssertEqual(read.experts?.count, was.experts?.count, name)
      XCTAssertEqual(read.experts?.layers, was.experts?.layers, name)
      XCTAssertEqual(try ModelConfig(json: read.json, file: name), read, "\(name): written and read again")
      XCTAssertLessThan(try difference(logits(exported, ids), logits(model, ids)), 1e-5, name)
    }
  }

  func testElementTypeIsTheModelsUnlessAsked() throws {
    let model = try model("plain")
    for (type, name) in [(nil, "float32"), (ExportedType.bfloat16, "bfloat16")] {
      let exported = try exported(model, type: type)
      XCTAssertEqual(
        try JSONValue(contentsOf: exported.appendingPathComponent("config.json"))["dtype"]?.string, name)
      XCTAssertEqual(
        try CheckpointReader(exported).type(of: ModelConfig(contentsOf: model).finalNormTensor),
        type == nil ? .float32 : .bfloat16)
    }
  }

  func testOfficialLayoutReadsBackWithoutADifference() throws {
    let ids = (0..<40).map { Int32($0 * 7 % 48) }
    func check(
      _ name: String, _ file: String, accuracy: Float = 5e-6, change: (inout ModelConfig) -> Void = { _ in },
      line: UInt = #line
    )
      throws
    {
      let model = try model(name, change: change)
      let exported = try exported(model, .official)
      XCTAssertTrue(FileManager.default.fileExists(atPath: exported.appendingPathComponent(file).path), line: line)
      let config = try JSONValue(contentsOf: exported.appendingPathComponent("config.json"))
      XCTAssertNotEqual(config["model_type"]?.string, "upcycle_hybrid", line: line)
      XCTAssertEqual(try difference(logits(exported, ids), logits(model, ids)), 0, accuracy: accuracy, name, line: line)
      let latent = try JSONValue(
        contentsOf: exported.appendingPathComponent(file == "MLA_config.json" ? "mla_layer_config.json" : file))
      XCTAssertEqual(latent["kv_lora_rank"]?.int.map { $0 % 8 }, 0, line: line)
      // The papers' code has another model's sizes for what is left out, and asks for the rope's type within.
      let (sizes, made) = (
        try JSONValue(contentsOf: exported.appendingPathComponent(file)), try ModelConfig(contentsOf: model)
      )
      for (key, value) in [
        ("n_layer", made.layerCount), ("d_model", made.hiddenSize),
        ("intermediate_size", made.intermediateSize),
      ] { XCTAssertEqual(sizes[key]?.int, value, key, line: line) }
      XCTAssertEqual(latent["num_attention_heads"]?.int, made.attentionHeads, line: line)
      XCTAssertEqual(latent["hidden_size"]?.int, made.hiddenSize, line: line)
      if let scaling = latent["rope_scaling"], scaling.object != nil {
        XCTAssertEqual(scaling["type"]?.string, scaling["rope_type"]?.string, line: line)
        XCTAssertNotNil(scaling["type"], line: line)
      }
      if made.kinds.contains(.mamba2) {
        XCTAssertNil(sizes["linear_type"], "unknown to Zebra-Llama's reader", line: line)
        XCTAssertNil(sizes["mla_qk_norm"], line: line)
      }
    }
    // Ranks that are multiples of 8 stay what they are, to the bit.
    try check("plain", "MLA_config.json", accuracy: 0) {
      $0.latent?.kvRank = 16
      $0.latent?.qRank = 24
    }
    try check("plain", "MLA_config.json")
    try check("latent-norm", "MLA_config.json")
    XCTAssertThrowsError(try exported(model("shared-heads") { $0.latent?.attentionScale = nil }, .official)) {
      XCTAssertTrue("\($0)".contains("up-projections of key heads"), "\($0)")
    }
    func hybrid(_ kind: MixerKind) -> (inout ModelConfig) -> Void {
      {
        $0.mixers = [kind, .latentAttention, kind, kind]
        $0.rope = RopeConfig()
        $0.attention = AttentionConfig()
        $0.latent?.layerRanks = [:]
        if kind == .mamba2 { $0.delta = nil } else { ($0.mamba, $0.delta) = (nil, try! DeltaConfig(replacing: $0)) }
      }
    }
    try check("all-mixers", "hybrid_config.json", change: hybrid(.mamba2))
    try check("all-mixers", "hybrid_config.json", change: hybrid(.gatedDeltaNet))
  }

  /// Programs that know no `rope_parameters` find the base frequency in both layouts.
  func testOlderProgramsFindTheRopeOfAnExport() throws {
    for (name, format, file) in [
      ("plain", ExportFormat.official, "config.json"), ("latent-norm", .transformers, "config.json"),
    ] {
      let folder = try exported(model(name) { $0.rope = RopeConfig(theta: 500_000) }, format)
      let keys = try JSONValue(contentsOf: folder.appendingPathComponent(file))
      XCTAssertEqual(keys["rope_theta"]?.double, keys["rope_parameters"]?["rope_theta"]?.double, name)
      XCTAssertNotNil(keys["rope_theta"], name)
    }
  }

  func testWhatAFormatCannotHoldIsSaidInOneLine() throws {
    func refused(_ name: String, _ format: ExportFormat, _ words: [String], line: UInt = #line) throws {
      XCTAssertThrowsError(try exported(model(name), format), line: line) { error in
        for word in words { XCTAssertTrue("\(error)".contains(word), "\(error)", line: line) }
      }
    }
    var part = try ModelConfig(contentsOf: Self.goldens.appendingPathComponent("plain.config.json"))
    part.rope.rotatedShare = 0.5
    XCTAssertThrowsError(try OfficialLayout(part)) { XCTAssertTrue("\($0)".contains("partial_rotary_factor"), "\($0)") }
    try refused("all-mixers", .official, ["this mix of layers", "attention, MLA, Mamba2, GDN"])
    try refused("free-and-gated", .official, ["gates and layers without positions"])
    try refused("direct-queries", .official, ["no word for"])
    for (change, words): ((inout ModelConfig) -> Void, String) in [
      ({ $0.attention.unrotatedLayers = [0] }, "no_rope_layers"),
      ({ $0.mamba?.inputBias = true }, "mamba_in_proj_bias"), ({ $0.delta?.qkvBias = true }, "linear_qkv_bias"),
    ] {
      for kind in [MixerKind.mamba2, .gatedDeltaNet] {
        let hybrid = try model("all-mixers") {
          $0.mixers = [kind, .latentAttention, kind, kind]
          $0.rope = RopeConfig()
          $0.attention = AttentionConfig()
          $0.latent?.layerRanks = [:]
          if kind == .mamba2 { $0.delta = nil } else { ($0.mamba, $0.delta) = (nil, try! DeltaConfig(replacing: $0)) }
          change(&$0)
        }
        if words.hasPrefix("mamba") && kind != .mamba2 || words.hasPrefix("linear") && kind == .mamba2 { continue }
        XCTAssertThrowsError(try exported(hybrid, .official), words) { XCTAssertTrue("\($0)".contains(words), "\($0)") }
      }
    }
    try refused("llama", .official, ["without other mixers", "llama"])
    let scaled = try model("all-mixers") {
      $0.mixers = [.mamba2, .latentAttention, .mamba2, .mamba2]
      ($0.rope, $0.attention, $0.delta) = (RopeConfig(), AttentionConfig(), nil)
      $0.latent?.layerRanks = [:]
      ($0.block.embeddingMultiplier, $0.block.residualMultiplier) = (12, 0.25)
    }
    XCTAssertThrowsError(try exported(scaled, .official)) { error in
      for word in ["what the base has beyond Llama", "found embedding_multiplier, residual_multiplier"] {
        XCTAssertTrue("\(error)".contains(word), "\(error)")
      }
    }
    let family = repositoryRoot().appendingPathComponent("Tests/Goldens/families/qwen3_5")
    XCTAssertThrowsError(try OfficialLayout(ModelConfig(contentsOf: family))) { error in
      for word in ["a family with mixers of its own", "qwen3_5_text"] {
        XCTAssertTrue("\(error)".contains(word), "\(error)")
      }
    }
    try refused("all-mixers", .mlx, ["this model is not written for mlx-lm", "attention, MLA, Mamba2, GDN"])
    try refused("direct-queries", .mlx, ["neighbouring dimensions"])
    let llama = try model("llama")
    XCTAssertThrowsError(try exportModel(from: llama, to: llama, as: .transformers))
    let hypeNet = try ModelConfig(contentsOf: llama).withLightningAttention(layers: [0])
    XCTAssertThrowsError(try ExportedModel.transformers(hypeNet, type: .float32, source: llama)) { error in
      for word in ["has layers that the modelling file does not compute", "lightning-attn"] {
        XCTAssertTrue("\(error)".contains(word), "\(error)")
      }
    }
  }

  /// In every format the error leads to the file and its own name of the tensor.
  func testNumbersThatAreNoneAreNamedWithTheirFile() throws {
    for (name, role, formats) in [
      ("plain", MixerRole.keyValueUp, [ExportFormat.transformers, .official]),
      ("llama", MixerRole.query, [ExportFormat.transformers]),
      ("all-mixers", MixerRole.output, [ExportFormat.transformers]),
    ] {
      let model = try model(name)
      let config = try ModelConfig(contentsOf: model)
      let layer = config.layerCount - 1
      let tensor = try XCTUnwrap(config.tensor(role, layer: layer), name)
      let file = model.appendingPathComponent("model.safetensors")
      var data = try readFile(file)
      let header = Int(data.prefix(8).withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) })
      let entry = try JSONValue(parsing: data.dropFirst(8).prefix(header), file: "header")[tensor.name]
      let end = 8 + header + (try XCTUnwrap(entry?["data_offsets"]?.array?.last?.int))
      data.replaceSubrange(end - 4..<end, with: withUnsafeBytes(of: Float.nan) { Data($0) })
      try data.write(to: file)
      for format in formats {
        XCTAssertThrowsError(try exported(model, format), "\(name), \(format)") {
          XCTAssertTrue("\($0)".contains("\(file.path): \(tensor.name): holds NaN"), "\($0)")
        }
      }
    }
  }

  /// With a Python that has llama.cpp, its greedy text is ours.
  func testLlamaCppWritesOurText() throws {
    guard let python = ProcessInfo.processInfo.environment["UPCYCLE_PEER_PYTHON"] else {
      throw XCTSkip("skipped: UPCYCLE_PEER_PYTHON names no Python with xllamacpp")
    }
    if try launch(python, ["-c", "import xllamacpp"]).status != 0 { throw XCTSkip("skipped: xllamacpp absent") }
    let script = repositoryRoot().appendingPathComponent("Scripts/goldens/llamacpp_text.py").path
    let teacher = repositoryRoot().appendingPathComponent("experiments/teachers/nano-1b-seed1")
    let normed = folder.appendingPathComponent("normed")
    try assertSucceeds(
      "xecomla",
      [
        "convert", "--model", teacher.path, "--kv-rank", "32", "--rope-dim", "4", "--nope-dim", "4", "--latent-norm",
        "--out", normed.path,
      ])
    for model in [teacher, normed] {
      for type in [ExportedType.float32, .bfloat16] {
        let file = folder.appendingPathComponent("\(model.lastPathComponent)-\(type.rawValue).gguf")
        _ = try exportModel(from: model, to: file, as: .gguf, type: type)
        let prompt = "There was once a writer in Greenton, and"
        let result = try launch(python, [script, file.path, prompt, "24"])
        XCTAssertEqual(result.status, 0, result.error)
        let line = try XCTUnwrap(result.output.split(separator: "\n").last { $0.hasPrefix("{") })
        let text = try XCTUnwrap(JSONValue(parsing: Data(line.utf8), file: "llama.cpp")["text"]?.string)
        let own = try assertSucceeds(
          "hybrid", ["generate", "--model", model.path, "--prompt", prompt, "--tokens", "24", "--quiet"]
        ).output.dropFirst(prompt.count)
        XCTAssertFalse(own.isEmpty)
        XCTAssertTrue(text.hasPrefix(own), "\(file.lastPathComponent): \(text) instead of \(own)")
      }
    }
  }

  /// mlx-lm looks for rotary positions at the top level of config.json, and for a head; with a Python that has it, its
  /// logits and greedy text are ours.
  func testMLXFindsWhatItLooksFor() throws {
    let python = ProcessInfo.processInfo.environment["UPCYCLE_PEER_PYTHON"]
    let hasPeer = try python.map { try launch($0, ["-c", "import mlx.core, mlx_lm"]).status == 0 } ?? false
    let script = repositoryRoot().appendingPathComponent("Scripts/goldens/mlx_logits.py").path
    let ids = (0..<40).map { Int32($0 * 7 % 48) }
    var models = try ["plain", "latent-norm", "shared-heads", "yarn", "llama"].map { try (name: $0, folder: model($0)) }
    models.append(
      ("qwen2", repositoryRoot().appendingPathComponent("Tests/Goldens/families/qwen2")))
    for (name, model) in models {
      let exported = try exported(model, .mlx)
      let config = try JSONValue(contentsOf: exported.appendingPathComponent("config.json"))
      XCTAssertNotNil(config["rope_theta"]?.double, name)
      let stored = try SafetensorsFile(exported.appendingPathComponent("model.safetensors"))
      XCTAssertEqual(stored.info("lm_head.weight") == nil, config["tie_word_embeddings"]?.bool == true, name)
      guard hasPeer, let python else { continue }
      let result = try launch(python, [script, exported.path, "\(ids)", "12"])
      XCTAssertEqual(result.status, 0, result.error)
      let line = try XCTUnwrap(result.output.split(separator: "\n").last)
      let peer = try JSONValue(parsing: Data(line.utf8), file: name)
      let own = try logits(model, ids)
      XCTAssertLessThan(difference(try XCTUnwrap(peer["logits"]?.array).map(Golden.row), own), 1e-5, name)
      var text = ids
      for next in peer["greedy"]?.array?.compactMap(\.int) ?? [] {
        let row = try XCTUnwrap(logits(model, text).last)
        XCTAssertEqual(row.indices.max { row[$0] < row[$1] }, next, "\(name) at \(text.count)")
        text.append(Int32(next))
      }
      XCTAssertEqual(text.count, ids.count + 12, name)
    }
    if !hasPeer { throw XCTSkip("skipped from here: UPCYCLE_PEER_PYTHON names no Python with mlx and mlx-lm") }
  }
}
