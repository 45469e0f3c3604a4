import Foundation
import Groundwork
import ModelCore
import TestKit
import TokenData
import XCTest

@testable import Export

/// What a GGUF file holds, and what it cannot.
final class GGUFTests: XCTestCase {
  private var folder = URL(fileURLWithPath: "/")

  override func setUpWithError() throws { folder = try temporaryFolder() }
  override func tearDown() { try? FileManager.default.removeItem(at: folder) }

  func testGGUFHoldsWhatItSays() throws {
    let teacher = repositoryRoot().appendingPathComponent("experiments/teachers/nano-1b-seed1")
    for type in [ExportedType.float32, .q8] {
      let file = folder.appendingPathComponent("m.gguf")
      let report = try exportModel(from: teacher, to: file, as: .gguf, type: type)
      XCTAssertEqual(report.parameters, try ModelConfig(contentsOf: teacher).parameterCount)
      let data = try readFile(file)
      XCTAssertEqual(Array(data.prefix(8)), Array("GGUF".utf8) + [3, 0, 0, 0])
      // 146 tensors, all of them at multiples of 32.
      XCTAssertEqual(data[8], 146)
      XCTAssertEqual(data.count % 32, 0)
      XCTAssertNotNil(data.range(of: Data("blk.15.ffn_down.weight".utf8)))
    }
  }

  /// A small Llama's tensors as the file places them: rows of query and key heads as neighbours turn, all others as they
  /// are, 8-bit numbers to half a step.
  func testGGUFHoldsItsTensorsWhereItSays() throws {
    let config = ModelConfig(
      hiddenSize: 64, layerCount: 2, attentionHeads: 4, keyValueHeads: 2, headDim: 8, intermediateSize: 96,
      vocabularySize: 40, tieWordEmbeddings: true)
    let weights = RandomWeights(seed: 3, deviation: 0.3, layers: 2)
    let model = try LanguageModel(config, weights: weights)
    for type in [ExportedType.float32, .q8] {
      let url = folder.appendingPathComponent("small.gguf")
      try GGUFModel(config, type: type).file([]).write(weights, to: url)
      let tensors = try Self.tensors(of: url)
      XCTAssertEqual(tensors.count, model.parameters.parameters.count)
      for (name, own) in [
        ("token_embd.weight", "embed_tokens.weight"),
        ("blk.0.ffn_norm.weight", "layers.0.post_attention_layernorm.weight"),
        ("blk.0.ffn_down.weight", "layers.0.mlp.down_proj.weight"),
        ("blk.1.attn_q.weight", "layers.1.self_attn.q_proj.weight"),
        ("blk.1.attn_k.weight", "layers.1.self_attn.k_proj.weight"),
        ("blk.1.attn_v.weight", "layers.1.self_attn.v_proj.weight"),
      ] {
        let value = try XCTUnwrap(model.parameters["model." + own], own).value
        let tensor = try XCTUnwrap(tensors[name], name)
        XCTAssertEqual(tensor.shape, value.shape, name)
        var expected = value.toArray()
        if name.contains("attn_q") || name.contains("attn_k") {
          // A head's lower half and its upper half by turns.
          let order = (0..<value.shape[0]).map { $0 / 8 * 8 + [0, 4, 1, 5, 2, 6, 3, 7][$0 % 8] }
          expected = order.flatMap { row in (0..<64).map { value.pointer[row * 64 + $0] } }
        }
        let step = type == .q8 && value.shape.count == 2 ? expected.map(abs).max()! / 127 : 0
        XCTAssertEqual(tensor.values.count, expected.count, name)
        let worst = zip(tensor.values, expected).map { abs($0 - $1) }.max() ?? .infinity
        XCTAssertLessThanOrEqual(worst, 0.6 * step, "\(name) as \(type)")
      }
    }
  }

  /// Numbers whose factor half precision cannot hold are zeros, not a trap.
  func testNumbersTooSmallForAFactorAreZeros() throws {
    struct Tiny: WeightSource {
      var names: Set<String>? { nil }
      func read(_ tensor: TensorSpec, into destination: UnsafeMutablePointer<Float>) {
        destination.update(repeating: 1e-38, count: tensor.count)
      }
    }
    let config = ModelConfig(
      hiddenSize: 64, layerCount: 1, attentionHeads: 4, keyValueHeads: 2, headDim: 8, intermediateSize: 96,
      vocabularySize: 40, tieWordEmbeddings: true)
    let url = folder.appendingPathComponent("tiny.gguf")
    try GGUFModel(config, type: .q8).file([]).write(Tiny(), to: url)
    let values = try XCTUnwrap(Self.tensors(of: url)["blk.0.ffn_down.weight"]).values
    XCTAssertEqual(values, [Float](repeating: 0, count: values.count))
  }

  /// What a reader of the format finds: the tensors by name, their shapes outermost first.
  private static func tensors(of url: URL) throws -> [String: (shape: [Int], values: [Float])] {
    let data = try readFile(url)
    var place = 0
    func number(_ bytes: Int) -> Int {
      defer { place += bytes }
      return data[place..<place + bytes].reversed().reduce(0) { $0 << 8 | Int($1) }
    }
    func text() -> String {
      let count = number(8)
      defer { place += count }
      return String(decoding: data[place..<place + count], as: UTF8.self)
    }
    XCTAssertEqual(number(4), 0x4655_4747, "GGUF")
    XCTAssertEqual(number(4), 3)
    let (count, keys) = (number(8), number(8))
    for _ in 0..<keys {
      let key = text()
      switch number(4) {
      case 4, 6: place += 4
      case 8: _ = text()
      case let type: XCTFail("\(key) of type \(type)")
      }
    }
    var headers: [(name: String, shape: [Int], storage: Int, offset: Int)] = []
    for _ in 0..<count {
      let name = text()
      let shape = (0..<number(4)).map { _ in number(8) }
      let storage = number(4)
      headers.append((name, shape.reversed(), storage, number(8)))
    }
    let start = (place + 31) / 32 * 32
    var tensors: [String: (shape: [Int], values: [Float])] = [:]
    for (name, shape, storage, offset) in headers {
      place = start + offset
      XCTAssertEqual(offset % 32, 0, name)
      let count = shape.reduce(1, *)
      var values: [Float] = []
      switch storage {
      case 0: values = (0..<count).map { _ in Float(bitPattern: UInt32(number(4))) }
      case 8:
        for _ in 0..<count / 32 {
          let factor = Half.decode(UInt16(number(2)))
          values += (0..<32).map { _ in factor * Float(Int8(bitPattern: UInt8(number(1)))) }
        }
      default: XCTFail("\(name) of type \(storage)")
      }
      tensors[name] = (shape, values)
    }
    XCTAssertEqual((place + 31) / 32 * 32, data.count)
    return tensors
  }

  /// Wherever a folder keeps its chat template, the file carries it.
  func testGGUFCarriesEveryFormOfChatTemplate() throws {
    let teacher = repositoryRoot().appendingPathComponent("experiments/teachers/nano-1b-seed1")
    let config = try ModelConfig(contentsOf: teacher)
    let tokens = #""bos_token": "<|bos|>", "eos_token": "<|eos|>""#
    let list =
      #"[{"name": "tools", "template": "no"}, {"name": "default", "template": "{{ messages[0].content }}"}]"#
    let cases: [(name: String, text: String)] = [
      ("tokenizer_config.json", "{\(tokens), \"chat_template\": \(list)}"),
      ("tokenizer_config.json", "{\(tokens), \"chat_template\": \"{{ messages[0].content }}\"}"),
      ("chat_template.json", #"{"chat_template": "{{ messages[0].content }}"}"#),
      ("chat_template.jinja", "{{ messages[0].content }}"),
    ]
    for (index, (name, text)) in cases.enumerated() {
      let place = folder.appendingPathComponent("chat-\(index)")
      try makeDirectory(place)
      try giveTokenizer(to: place)
      try writeFile(text, to: place.appendingPathComponent(name))
      let values = try GGUFTokenizer.values(folder: place, config, Tokenizer.load(from: place))
      guard case .text(let template)? = values.first(where: { $0.key == "tokenizer.chat_template" })?.value else {
        XCTFail("no template: case \(index), \(name)")
        continue
      }
      XCTAssertEqual(template, "{{ messages[0].content }}", name)
    }
  }

  /// llama.cpp splits by a name: that of SmolLM where digits stand alone, and none where another step comes in between.
  func testGGUFNamesTheSplitOfAllSteps() throws {
    let config = try ModelConfig(contentsOf: ExportTests.goldens.appendingPathComponent("llama.config.json"))
    func values(_ steps: String, _ settings: String = "{}") throws -> [String: GGUFFile.Value] {
      let place = folder.appendingPathComponent("splits-\(UUID().uuidString.prefix(8))")
      try makeDirectory(place)
      try writeFile(
        """
        {"added_tokens": [{"id": 2, "content": "<s>", "special": true}], "normalizer": null,
         "pre_tokenizer": {"type": "Sequence", "pretokenizers": [\(steps)]}, "decoder": {"type": "ByteLevel"},
         "post_processor": {"type": "TemplateProcessing",
           "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
           "special_tokens": {"<s>": {"id": "<s>", "ids": [2], "tokens": ["<s>"]}}},
         "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "<s>": 2}, "merges": []}}
        """, to: place.appendingPathComponent("tokenizer.json"))
      try writeFile(settings, to: place.appendingPathComponent("tokenizer_config.json"))
      let pairs = try GGUFTokenizer.values(folder: place, config, Tokenizer.load(from: place))
      return Dictionary(uniqueKeysWithValues: pairs.map { ($0.key, $0.value) })
    }
    func name(_ values: [String: GGUFFile.Value]) -> String? {
      if case .text(let name)? = values["tokenizer.ggml.pre"] { return name } else { return nil }
    }
    let bytes = #"{"type": "ByteLevel", "add_prefix_space": false}"#
    let plain = try values(bytes)
    XCTAssertEqual(name(plain), "gpt-2")
    // The token that stands in front, whatever config.json says.
    guard case .count(let bos)? = plain["tokenizer.ggml.bos_token_id"] else { return XCTFail("no beginning") }
    XCTAssertEqual(bos, 2)
    XCTAssertEqual(name(try values(#"{"type": "Digits", "individual_digits": true}, "# + bytes)), "smollm")
    for other in [
      #"{"type": "Digits", "individual_digits": false}, "# + bytes, #"{"type": "Punctuation"}, "# + bytes,
      #"{"type": "ByteLevel", "add_prefix_space": true}"#,
      #"{"type": "Split", "pattern": {"Regex": "\\p{N}"}, "behavior": "Removed", "invert": false}, "# + bytes,
    ] {
      XCTAssertThrowsError(try values(other), other) {
        XCTAssertTrue("\($0)".contains("splits text in another way"), "\($0)")
      }
    }
  }

  func testGGUFRefusesATokenizerInAFileOfItsOwn() throws {
    let place = folder.appendingPathComponent("sentencepiece")
    try makeDirectory(place)
    try FileManager.default.copyItem(
      at: sharedFolder("data/checkpoints/stories260K/tok512.model"),
      to: place.appendingPathComponent("tokenizer.model"))
    let config = try ModelConfig(contentsOf: ExportTests.goldens.appendingPathComponent("llama.config.json"))
    XCTAssertThrowsError(try GGUFTokenizer.values(folder: place, config, Tokenizer.load(from: place))) {
      XCTAssertEqual(($0 as? UpcycleError)?.exitCode, 2)
      XCTAssertTrue("\($0)".contains("is another kind of tokenizer"), "\($0)")
      XCTAssertTrue("\($0)".contains("scored pieces"), "\($0)")
    }
  }

  /// Half precision is also that of the factors of 8-bit blocks.
  func testGGUFRefusesNumbersBeyondHalf() throws {
    let none = RandomWeights(seed: 1, deviation: 1, layers: 1)
    let url = folder.appendingPathComponent("loud.gguf")
    let cases: [(storage: GGUFFile.Storage, value: Float, fits: Bool)] = [
      (.float16, 65504, true), (.float16, 70_000, false), (.q8, 70_000, true), (.q8, 9_000_000, false),
      (.bfloat16, 9_000_000, true),
    ]
    for (storage, value, fits) in cases {
      var file = GGUFFile()
      file.tensors = [(tensor: ExportedTensor("loud", filled: 32, with: value), storage: storage)]
      if fits {
        XCTAssertNoThrow(try file.write(none, to: url))
        continue
      }
      XCTAssertThrowsError(try file.write(none, to: url)) { error in
        for word in ["does not fit float16", "loud", "bfloat16"] {
          XCTAssertTrue("\(error)".contains(word), "\(error)")
        }
      }
    }
  }

  func testGGUFRefusesWhatLlamaCppDoesNotCompute() throws {
    for (name, word) in [("all-mixers", "MLA"), ("plain", "--latent-norm"), ("normed-heads", "latent attention alone")]
    {
      XCTAssertThrowsError(
        try exportModel(from: goldenModel(name, in: folder), to: folder.appendingPathComponent("x.gguf"), as: .gguf)
      ) { XCTAssertTrue("\($0)".contains(word), "\($0)") }
    }
    XCTAssertThrowsError(
      try exportModel(
        from: goldenModel("llama", in: folder), to: folder.appendingPathComponent("y"), as: .transformers, type: .q8)
    ) { XCTAssertTrue("\($0)".contains("q8_0"), "\($0)") }
  }
}
