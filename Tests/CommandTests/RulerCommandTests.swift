import Evaluation
import Groundwork
import TestKit
import TokenData
import XCTest

/// `hybrid ruler`: files without a model, the same scores from files, pictures, refusals.
final class RulerCommandTests: XCTestCase {
  /// NVIDIA's files: their layout, RULER's own budgets, its metric, and a predictions file as evaluate.py reads it.
  func testFilesOfNVIDIAHaveTheirOwnBudgetAndPredictions() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    func path(_ name: String) -> String { folder.appendingPathComponent(name).path }
    func line(_ index: Int, _ outputs: String) -> String {
      "{\"index\": \(index), \"input\": \"A special magic number is hidden here.\\nWhat is it?\", \"outputs\": [\(outputs)], "
        + "\"length\": 200, \"length_w_model_temp\": 210, \"answer_prefix\": \" The number is\", "
        + "\"token_position_answer\": 7}\n"
    }
    for task in ["niah_multivalue", "qa_1"] {
      let place = folder.appendingPathComponent("data/256/data/\(task)")
      try makeDirectory(place)
      // One letter stands in nearly every answer, the other text in none.
      try writeFile(
        line(0, "\"E\", \"1234567\"") + line(1, "\"E\", \"7654321\""),
        to: place.appendingPathComponent("validation.jsonl"))
    }
    try assertSucceeds("hybrid", ["create", "--preset", "nano-1b", "--out", path("model")])
    try giveTokenizer(to: folder.appendingPathComponent("model"))
    let read = [
      "ruler", "--model", path("model"), "--read", path("data"), "--lengths", "256", "--tasks", "niah_multivalue,qa_1",
      "--samples", "2", "--quiet",
    ]
    try assertSucceeds("hybrid", read + ["--predictions", path("pred"), "--csv", path("scores.csv")])
    let tokenizer = try Tokenizer.load(from: path("model"))
    var means: [Double] = []
    for (task, budget, isPart) in [("niah_multivalue", 128, false), ("qa_1", 32, true)] {
      let lines = try JSONLines.read(
        RulerPrediction.self, from: folder.appendingPathComponent("pred/256/\(task).jsonl"), what: "a prediction")
      XCTAssertEqual(lines.map(\.value.index), [0, 1])
      XCTAssertTrue(lines.allSatisfy { $0.value.input.hasSuffix("What is it? The number is") })
      let counts = lines.map { tokenizer.encode($0.value.pred).count }
      // Random weights hardly ever end a text; pieces may join when they are encoded again.
      XCTAssertGreaterThan(counts.max() ?? 0, budget / 2, task)
      XCTAssertLessThanOrEqual(counts.max() ?? 0, budget + 4, task)
      let found = lines.map { line in line.value.outputs.map { line.value.pred.lowercased().contains($0.lowercased()) }
      }
      means.append(
        100 * found.reduce(0) { $0 + (isPart ? ($1.contains(true) ? 1 : 0) : Double($1.count { $0 }) / 2) } / 2)
    }
    let scores = try CSV(contentsOf: folder.appendingPathComponent("scores.csv"))
    let column = try XCTUnwrap(scores.header.firstIndex(of: "score"))
    XCTAssertEqual(scores.rows.compactMap { Double($0[column]) }, means)
    // One length may be named by the folder itself, and what is not there is said by name.
    try assertSucceeds(
      "hybrid",
      ["ruler", "--model", path("model"), "--read", path("data/256"), "--lengths", "256", "--tasks", "qa_1", "--quiet"])
    try assertRefused(
      "hybrid", ["ruler", "--model", path("model"), "--read", path("data"), "--lengths", "256", "--tasks", "vt"],
      status: 1,
      saying: ["no samples of vt", "256/data/vt/validation.jsonl", "--tasks"])
  }

  /// Neither what is read nor samples of another seed or number.
  func testSamplesAreNotWrittenOver() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    func path(_ name: String) -> String { folder.appendingPathComponent(name).path }
    let file = folder.appendingPathComponent("samples/256/niah_single_1.jsonl")
    let write = ["ruler", "--write", path("samples"), "--tasks", "niah_single_1", "--lengths", "256", "--quiet"]
    try assertSucceeds("hybrid", write + ["--samples", "1"])
    let samples = try readFile(file)
    try assertSucceeds("hybrid", write + ["--samples", "1"])
    for other in [["--samples", "2"], ["--samples", "1", "--seed", "3"]] {
      try assertRefused(
        "hybrid", write + other, status: 2, saying: ["256/niah_single_1.jsonl", "holds other samples", "--write"])
    }
    try assertSucceeds("hybrid", ["create", "--preset", "nano-1b", "--out", path("model")])
    try giveTokenizer(to: folder.appendingPathComponent("model"))
    try FileManager.default.createSymbolicLink(atPath: path("link"), withDestinationPath: path("samples"))
    let read = ["ruler", "--model", path("model"), "--samples", "1", "--quiet", "--read"]
    for (from, options, words) in [
      ("samples", ["--write", path("samples")], ["--write", "is what the command reads"]),
      ("samples", ["--predictions", path("link")], ["--predictions", "is what the command reads"]),
      ("samples/256", ["--write", path("samples")], ["--write", "is what the command reads"]),
      (
        "samples", ["--write", path("new"), "--predictions", path("new")],
        ["--predictions", "is where the samples are written"]
      ),
    ] { try assertRefused("hybrid", read + [path(from)] + options, status: 2, saying: words) }
    try assertRefused(
      "hybrid", ["ruler", "--model", path("model"), "--seed", "3", "--samples", "1"] + write.dropFirst(), status: 2,
      saying: ["holds other samples"])
    XCTAssertEqual(try readFile(file), samples)
    XCTAssertFalse(FileManager.default.fileExists(atPath: path("new")))
    // Elsewhere they are copied.
    try assertSucceeds("hybrid", read + [path("samples"), "--write", path("new"), "--predictions", path("answers")])
    XCTAssertEqual(try readFile(folder.appendingPathComponent("new/256/niah_single_1.jsonl")), samples)
  }

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
    // What is not asked for is what the folder has.
    for named in [[], ["--lengths", "256"], ["--tasks", "niah_single_1,qa_1"]] {
      let all = try assertSucceeds(
        "hybrid", ["ruler", "--model", model, "--read", samples, "--samples", "2", "--quiet", "--json"] + named)
      XCTAssertEqual(all.output, own.output, "\(named)")
    }
    let inside = try assertSucceeds(
      "hybrid", ["ruler", "--model", model, "--read", samples + "/256", "--samples", "2", "--quiet", "--json"])
    XCTAssertEqual(inside.output, own.output)
    try assertRefused(
      "hybrid", ["ruler", "--model", model, "--read", model], status: 1, saying: ["has no samples of RULER"])
    try assertRefused(
      "hybrid", ["ruler", "--model", model, "--read", samples, "--lengths", "300"], status: 1,
      saying: ["--lengths of 256", "niah_single_1", "found --lengths 300"])
    let mixed = folder.appendingPathComponent("mixed")
    for place in ["256/niah_single_1", "512/vt"] {
      let file = mixed.appendingPathComponent("\(place).jsonl")
      try makeDirectory(file.deletingLastPathComponent())
      try writeFile("", to: file)
    }
    try assertRefused(
      "hybrid", ["ruler", "--model", model, "--read", mixed.path], status: 1,
      saying: ["has no task at all of its lengths", "256 and 512 tokens"])
    let json = try JSONValue(parsing: Data(own.output.utf8), file: "ruler --json")
    XCTAssertNotNil(json["averages"]?["256"]?["value"]?.double, own.output)
    for option in [["--seed", "9"], ["--scale", "paper"]] {
      try assertRefused(
        "hybrid", ["ruler", "--model", model, "--read", samples] + small + option, status: 2,
        saying: [option[0], "read"])
    }
    // The samples that are there are counted, not those that were asked for.
    let few = try launch(
      "hybrid", ["ruler", "--model", model, "--read", samples, "--tasks", "qa_1", "--lengths", "256"])
    XCTAssertTrue(few.error.contains("ruler 2 samples in"), few.error)
    let grid = try launch(
      "hybrid",
      [
        "ruler", "--model", model, "--grid", "--depths", "0,100", "--lengths", "256", "--samples", "1", "--plot",
        picture.path,
      ])
    XCTAssertEqual(grid.status, 0, grid.error)
    XCTAssertTrue(grid.output.contains("depth"))

    try assertRefused(
      "hybrid", ["ruler", "--read", samples, "--write", samples], status: 2, saying: ["--read", "needs a model"])
    try assertRefused(
      "hybrid", ["ruler", "--model", model, "--tasks", "cwe", "--lengths", "256"], status: 2,
      saying: ["cwe", "at least"])
    try assertRefused(
      "hybrid", ["ruler", "--model", model, "--tasks", "niah_single_1", "--lengths", "1k", "--samples", "1"], status: 2,
      saying: ["positions", "--beyond-positions"])
    try assertRefused(
      "hybrid", ["ruler", "--model", model, "--tokenizer", "experiments/teachers/tokenizer"], status: 2,
      saying: ["--tokenizer", "it or --model"])
    try assertRefused("hybrid", ["ruler", "--lengths", "256"], status: 2, saying: ["--model", "--write"])
    try assertRefused(
      "hybrid", ["ruler", "--write", samples, "--tasks", "nonsense"], status: 2, saying: ["nonsense", "vt"])
    try assertRefused(
      "hybrid", ["ruler", "--write", samples, "--tasks", "niah_singel_1"], status: 2,
      saying: ["did you mean niah_single_1?"])
    try assertRefused(
      "hybrid", ["ruler", "--model", model, "--read", folder.path + "/nothing", "--tasks", "vt", "--lengths", "512"],
      status: 1,
      saying: ["vt.jsonl"])
  }
}
