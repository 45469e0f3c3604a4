import Groundwork
import TestKit
import XCTest

/// `hybrid ruler`: files without a model, the same scores from files, pictures, refusals.
final class RulerCommandTests: XCTestCase {
  func testSamplesAreWrittenReadAndScored() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let (model, samples) = (folder.appendingPathComponent("model").path, folder.appendingPathComponent("samples").path)
    let small = ["--tasks", "niah_single_1,qa_1", "--lengths", "256", "--samples", "2", "--quiet"]
    let written = try launch("hybrid", ["ruler", "--write", samples] + small)
    XCTAssertEqual(written.status, 0, written.error)
    let lines = try String(decoding: readFile(folder.appendingPathComponent("samples/256/qa_1.jsonl")), as: UTF8.self)
    XCTAssertEqual(lines.split(separator: "\n").count, 2)
    for field in ["\"index\"", "\"input\"", "\"outputs\"", "\"length\""] { XCTAssertTrue(lines.contains(field), field) }

    XCTAssertEqual(try launch("hybrid", ["create", "--preset", "nano-1b", "--out", model]).status, 0)
    try FileManager.default.copyItem(
      at: repositoryRoot().appendingPathComponent("experiments/teachers/tokenizer/tokenizer.json"),
      to: folder.appendingPathComponent("model/tokenizer.json"))
    let picture = folder.appendingPathComponent("heat.svg")
    let own = try launch("hybrid", ["ruler", "--model", model, "--json", "--plot", picture.path] + small)
    XCTAssertEqual(own.status, 0, own.error)
    XCTAssertTrue(String(decoding: try readFile(picture), as: UTF8.self).contains("</svg>"))
    let read = try launch("hybrid", ["ruler", "--model", model, "--read", samples, "--json"] + small)
    XCTAssertEqual(read.output, own.output)
    let grid = try launch(
      "hybrid",
      [
        "ruler", "--model", model, "--grid", "--depths", "0,100", "--lengths", "256", "--samples", "1", "--plot",
        picture.path,
      ])
    XCTAssertEqual(grid.status, 0, grid.error)
    XCTAssertTrue(grid.output.contains("depth"))

    try assertRefused(
      "hybrid", ["ruler", "--model", model, "--tasks", "cwe", "--lengths", "256"], status: 2,
      saying: ["cwe", "at least"])
    try assertRefused(
      "hybrid", ["ruler", "--model", model, "--tasks", "niah_single_1", "--lengths", "1k", "--samples", "1"], status: 2,
      saying: ["positions", "--beyond-positions"])
    try assertRefused("hybrid", ["ruler", "--lengths", "256"], status: 2, saying: ["--model", "--write"])
    try assertRefused(
      "hybrid", ["ruler", "--write", samples, "--tasks", "nonsense"], status: 2, saying: ["nonsense", "vt"])
    try assertRefused(
      "hybrid", ["ruler", "--model", model, "--read", folder.path + "/nothing", "--tasks", "vt", "--lengths", "512"],
      status: 1,
      saying: ["vt.jsonl"])
  }
}
