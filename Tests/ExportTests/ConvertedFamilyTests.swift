import Foundation
import Groundwork
import ModelCore
import TestKit
import Upcycling
import XCTest

@testable import Export

/// Families whose attention has more than Llama's (Qwen2's biases, Mistral's windows, SmolLM3's layers without positions),
/// converted to latent attention and exported: transformers computes what we do (Scripts/goldens/make_exports.py).
final class ConvertedFamilyTests: XCTestCase {
  private var folder = URL(fileURLWithPath: "/")

  override func setUpWithError() throws { folder = try temporaryFolder() }
  override func tearDown() { try? FileManager.default.removeItem(at: folder) }

  private func converted(_ family: String, _ options: [String] = []) throws -> URL {
    let out = folder.appendingPathComponent(family)
    let base = repositoryRoot().appendingPathComponent("Tests/Goldens/families/\(family)")
    try assertSucceeds(
      "xecomla",
      [
        "convert", "--model", base.path, "--kv-rank", "12", "--q-rank", "16", "--rope-dim", "4", "--nope-dim", "4",
        "--out", out.path,
      ] + options)
    return out
  }

  private func exported(_ model: URL) throws -> (folder: URL, layout: String) {
    let out = folder.appendingPathComponent("exported_\(model.lastPathComponent)")
    return (out, try exportModel(from: model, to: out, as: .transformers).layout)
  }

  /// Logits of the last rows, and what is written greedily behind the ids.
  private func answer(_ model: LanguageModel, _ ids: [Int32], rows: Int, new: Int) -> (logits: [Float], text: [Int]) {
    func all(_ ids: [Int32]) -> [Float] { model.logits(ids: ids, batch: 1, time: ids.count).toArray() }
    let width = model.config.vocabularySize
    let logits = Array(all(ids).suffix(rows * width))
    var text = ids
    for _ in 0..<new {
      let row = Array(all(text).suffix(width))
      text.append(Int32(row.indices.max { row[$0] < row[$1] }!))
    }
    return (logits, text.dropFirst(ids.count).map(Int.init))
  }

  func testConvertedFamiliesAreComputedAlike() throws {
    let goldens = try XCTUnwrap(
      JSONValue(contentsOf: repositoryRoot().appendingPathComponent("Tests/ExportTests/Goldens/converted.json")).object)
    XCTAssertEqual(goldens.keys.sorted(), ["mistral", "qwen2", "smollm3"])
    var asked: [(family: String, question: TransformersPeer.Question, logits: [Float], greedy: [Int])] = []
    for (family, golden) in goldens {
      let model = try converted(family)
      let exported = try exported(model)
      // Biases lie in a constant channel; nothing stock leaves positions out in some layers.
      XCTAssertEqual(exported.layout.hasPrefix("stock deepseek_v3"), family != "smollm3", exported.layout)
      let ids = try XCTUnwrap(golden["ids"]?.array).compactMap { $0.int.map(Int32.init) }
      func rows(_ value: JSONValue?) -> [Float] {
        (value?.array ?? []).flatMap { ($0.array ?? []).compactMap { $0.double.map { Float($0) } } }
      }
      let logits = rows(golden["logits"])
      let greedy = try XCTUnwrap(golden["greedy"]?.array).compactMap(\.int)
      let own = answer(try LanguageModel(folder: model), ids, rows: golden["logits"]?.array?.count ?? 0, new: 16)
      assertClose(own.logits, logits, family, tolerance: 1e-5)
      XCTAssertEqual(own.text, greedy, family)
      asked.append((family, .init(folder: exported.folder, ids: ids, new: 16), own.logits, greedy))
    }
    if TransformersPeer.python == nil { return }
    let answers = try TransformersPeer.answers(asked.map(\.question), scratch: folder.appendingPathComponent("cache"))
    for (asked, answer) in zip(asked, answers) {
      let last = Array(answer.logits.joined().suffix(asked.logits.count))
      assertClose(last, asked.logits, "\(asked.family) on the spot", tolerance: 1e-5)
      XCTAssertEqual(answer.greedy, asked.greedy, asked.family)
    }
  }

  /// Hybrids whose base has more than Llama's parts, computed by the modelling file in transformers. Goldens/hybrids.json holds
  /// its logits of the last token; UPCYCLE_WRITE_TABLES=1 beside UPCYCLE_PEER_PYTHON writes them.
  func testHybridsKeepWhatTheirBasesBringAlong() throws {
    let file = repositoryRoot().appendingPathComponent("Tests/ExportTests/Goldens/hybrids.json")
    let environment = ProcessInfo.processInfo.environment
    let ids = (0..<40).map { Int32($0 * 11 % 61) }
    var asked: [(name: String, question: TransformersPeer.Question, last: [Float])] = []
    let goldens = try JSONValue(contentsOf: file)
    let mamba: (LanguageModel) throws -> LanguageModel = { try MambaConversion(layers: .list([0])).converted($0) }
    let delta: (LanguageModel) throws -> LanguageModel = {
      try DeltaConversion(layers: .list([0]), heads: 4).converted($0)
    }
    // Llamba has no attention left; Minitron's models are their families' own.
    let all: (LanguageModel) throws -> LanguageModel = { try MambaConversion().converted($0) }
    let pruned: (LanguageModel) throws -> LanguageModel = { base in
      let config = base.config
      let pruning = WidthPruning(
        hiddenSize: config.hiddenSize - 4, intermediateSize: config.intermediateSize - 5, keyValueHeads: 1)
      return try Baseline.minitron(pruning).convert(base, calibration: [ids]).model
    }
    for (name, family, conversion) in [
      ("llama-llamba", "llama", all), ("llama-minitron", "llama", pruned), ("qwen2-minitron", "qwen2", pruned),
      ("qwen2-mamba2", "qwen2", mamba), ("qwen2-gdn", "qwen2", delta), ("gemma2-mamba2", "gemma2", mamba),
      ("gemma3-gdn", "gemma3", delta), ("granite-mamba2", "granite", mamba), ("olmo2-gdn", "olmo2", delta),
      ("phi3-mamba2", "phi3", mamba),
    ] {
      let base = try LanguageModel(folder: repositoryRoot().appendingPathComponent("Tests/Goldens/families/\(family)"))
      let model = try conversion(base)
      let own = model.logits(ids: ids, batch: 1, time: ids.count)
      let last = Array(own.toArray().suffix(model.config.vocabularySize))
      if TransformersPeer.python != nil {
        let saved = folder.appendingPathComponent(name)
        try model.save(to: saved)
        asked.append((name, .init(folder: try exported(saved).folder, ids: ids, new: 1), last))
      }
      if environment["UPCYCLE_WRITE_TABLES"] == nil {
        let golden = try XCTUnwrap(goldens[name]?.array, name).compactMap { $0.double.map { Float($0) } }
        assertClose(last, golden, name, tolerance: 1e-5)
      }
    }
    if asked.isEmpty { return }
    let answers = try TransformersPeer.answers(asked.map(\.question), scratch: folder.appendingPathComponent("cache"))
    var written: [String: JSONValue] = [:]
    for (asked, answer) in zip(asked, answers) {
      let peer = answer.logits.last ?? []
      assertClose(peer, asked.last, "\(asked.name) on the spot", tolerance: 1e-5)
      written[asked.name] = .array(peer.map { .double(Double($0)) })
    }
    if environment["UPCYCLE_WRITE_TABLES"] != nil { try writeFile(JSONValue.object(written).text() + "\n", to: file) }
  }

  /// A family exported as it is keeps its spelling: fused and transposed tensors, names and shapes as transformers saves them.
  func testFamiliesStayWhatTheyAre() throws {
    let goldens = repositoryRoot().appendingPathComponent("Tests/Goldens/families")
    for name in try FileManager.default.contentsOfDirectory(atPath: goldens.path).sorted() {
      let base = goldens.appendingPathComponent(name)
      let out = folder.appendingPathComponent("out-\(name)")
      XCTAssertTrue(try exportModel(from: base, to: out, as: .transformers).layout.hasPrefix("stock"), name)
      func tensors(_ folder: URL) throws -> [String: [Int]] {
        let file = try SafetensorsFile(folder.appendingPathComponent(CheckpointReader.singleName))
        return Dictionary(uniqueKeysWithValues: file.tensors.map { ($0.name, $0.shape) })
      }
      XCTAssertEqual(try tensors(out), try tensors(base), name)
      XCTAssertEqual(
        try LanguageModel(folder: out).parameters.values.toArray(),
        try LanguageModel(folder: base).parameters.values.toArray(), name)
    }
  }

  /// What has no place for biases is written with the modelling file, or refused by name.
  func testBiasesWithoutAPlaceAreNotDropped() throws {
    let normed = try converted("qwen2", ["--latent-norm"])
    XCTAssertTrue(try exported(normed).layout.hasPrefix("modeling_upcycle.py"))
    XCTAssertThrowsError(
      try exportModel(from: normed, to: folder.appendingPathComponent("x.gguf"), as: .gguf)
    ) { XCTAssertTrue("\($0)".contains("biases"), "\($0)") }
  }
}
