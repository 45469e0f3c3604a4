import Foundation
import Groundwork
import ModelCore
import TensorCore
import TestKit
import XCTest

@testable import Export
@testable import Upcycling

/// The table of notebooks-md/interop.md: every family against transformers, which methods take it, and where it and what
/// X-EcoMLA makes of it can be exported to. With
/// UPCYCLE_WRITE_TABLES set the table is written, else the committed one must say the same.
final class FamilyConversionTests: XCTestCase {
  private let goldens = repositoryRoot().appendingPathComponent("Tests/Goldens/families")
  private let page = repositoryRoot().appendingPathComponent("notebooks-md/interop.md")
  private let (opening, closing) = ("<!-- families -->\n", "<!-- /families -->")

  /// A row without the difference, which depends on the machine in its last digits.
  private struct Row {
    var name: String
    var difference: Double
    var hasSameText: Bool
    var methods: [String]
    var exports: [String]

    var text: String {
      let size = difference < 1e-6 ? "below 1e-6" : difference < 1e-5 ? "below 1e-5" : "below 1e-4"
      return "| \(name) | \(size) | \(hasSameText ? "yes" : "no") | " + (methods + exports).joined(separator: " | ")
        + " |"
    }
  }

  /// "yes" where the conversion decodes as it computes, else the reason in its own words.
  private func outcome(_ ids: [Int32], _ convert: () throws -> LanguageModel) throws -> String {
    try said {
      let model = try convert()
      let cache = model.makeCache()
      var states = try model.extend(cache, Array(ids[..<9])).toArray()
      states += try model.extend(cache, Array(ids[9...])).toArray()
      let logits = model.logits(Tensor([ids.count, model.config.hiddenSize], values: states)).toArray()
      assertClose(
        logits, model.logits(ids: ids, batch: 1, time: ids.count).toArray(), "decoding", tolerance: 1e-4)
      XCTAssertEqual(try ModelConfig(json: model.config.json, file: "converted"), model.config)
      return "yes"
    }
  }

  /// How a model is exported, or the reason why not.
  private func exported(_ model: () throws -> LanguageModel) throws -> String {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    return try said {
      let model = try model()
      try model.save(to: folder.appendingPathComponent("model"))
      let report = try exportModel(
        from: folder.appendingPathComponent("model"), to: folder.appendingPathComponent("out"), as: .transformers)
      return report.layout.hasPrefix("stock")
        ? String(report.layout.dropFirst("stock ".count)) : "modelling file"
    }
  }

  /// What `body` says, or the refusal in its own words.
  private func said(_ body: () throws -> String) throws -> String {
    do { return try body() } catch let error as UpcycleError where error.kind == .usage {
      return "no: " + (error.description.split(separator: ";")[0].split(separator: ": ").last.map(String.init) ?? "")
    }
  }

  private func row(_ name: String) throws -> Row {
    let folder = goldens.appendingPathComponent(name)
    let expected = try SafetensorsFile(folder.appendingPathComponent("expected.safetensors"))
    let ids = try expected.readIntegers("ids").map { Int32($0) }
    let model = try LanguageModel(folder: folder)
    let cache = model.makeCache()
    var text: [Int32] = []
    var hidden = try model.extend(cache, ids)
    for _ in 0..<64 {
      let logits = model.logits(hidden.rows(hidden.rowCount - 1..<hidden.rowCount)).toArray()
      text.append(Int32(logits.indices.max { logits[$0] < logits[$1] }!))
      hidden = try model.extend(cache, [text.last!])
    }
    let hasExperts = model.config.experts != nil
    func latent() throws -> LanguageModel {
      try convert(base: model, LatentConversion(kvRank: 6, queryRank: .fixed(8), nopeHeadDim: 4, ropeHeadDim: 4)).model
    }
    let asLatent = try outcome(ids, latent)
    return Row(
      name: name,
      difference: relativeError(
        model.logits(ids: ids, batch: 1, time: ids.count).toArray(), try expected.readFloats("logits")),
      hasSameText: text == (try expected.readIntegers("text").map { Int32($0) }),
      methods: [
        asLatent,
        try outcome(ids) { try MambaConversion().converted(model) },
        try outcome(ids) { try DeltaConversion(layers: .all, heads: 4).converted(model) },
        hasExperts ? "yes" : "no: a dense model has no experts",
      ],
      exports: [
        try exported { model }, asLatent == "yes" ? try exported(latent) : "-",
        try exported { try MambaConversion(layers: .list([0])).converted(model) },
        try said { try GGUFModel(model.config, type: .float32).notes.isEmpty ? "yes" : "nearly" },
      ])
  }

  func testTheTableOfFamilies() throws {
    let names = try FileManager.default.contentsOfDirectory(atPath: goldens.path).sorted()
    let rows = try names.map(row)
    for row in rows {
      XCTAssertLessThan(row.difference, 1e-4, row.name)
      XCTAssertTrue(row.hasSameText, row.name)
    }
    let table =
      "| family | difference | same greedy text | X-EcoMLA (MLA) | Zebra-Llama (Mamba2) | HyLo (Gated DeltaNet) "
      + "| FarSkip | in transformers | as MLA there | with Mamba2 in layer 0 there | in llama.cpp |\n"
      + "|---|---|---|---|---|---|---|---|---|---|---|\n"
      + rows.map(\.text).joined(separator: "\n") + "\n"
    let text = try String(contentsOf: page, encoding: .utf8)
    let parts = text.components(separatedBy: opening)
    let rest = parts.last?.components(separatedBy: closing) ?? []
    guard parts.count == 2, rest.count == 2 else { return XCTFail("no place for the table in \(page.path)") }
    if ProcessInfo.processInfo.environment["UPCYCLE_WRITE_TABLES"] != nil {
      return try writeFile(parts[0] + opening + table + closing + rest[1], to: page)
    }
    XCTAssertEqual(rest[0], table, "written by this test with UPCYCLE_WRITE_TABLES=1")
  }
}
