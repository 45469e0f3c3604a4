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
}
