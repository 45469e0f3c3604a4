import Groundwork
import TestKit
import XCTest

/// `--plot` of `hybrid throughput` and `zebra select` draws (negative scores too).
final class PlotTests: XCTestCase {
  func testPicturesAreDrawn() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let model = folder.appendingPathComponent("model").path
    let made = try launch("hybrid", ["create", "--preset", "nano-1b", "--out", model])
    XCTAssertEqual(made.status, 0, made.error)
    let scores = folder.appendingPathComponent("scores.csv")
    try writeFile("layer,sensitivity\n0,-0.5\n1,0.25\n", to: scores)
    let svg = folder.appendingPathComponent("picture.svg")
    for (tool, arguments) in [
      ("hybrid", ["throughput", "--model", model, "--contexts", "8,16", "--batch", "2", "--tokens", "1", "--quiet"]),
      ("zebra", ["select", "--scores", scores.path, "--count", "1"]),
    ] {
      let result = try launch(tool, arguments + ["--plot", svg.path])
      XCTAssertEqual(result.status, 0, result.error)
      XCTAssertTrue(String(decoding: try readFile(svg), as: UTF8.self).contains("</svg>"), tool)
      try FileManager.default.removeItem(at: svg)
    }
    // Names may hold blanks, and every batch has a line of its own.
    let named = folder.appendingPathComponent("my model")
    try FileManager.default.copyItem(at: folder.appendingPathComponent("model"), to: named)
    try assertSucceeds(
      "hybrid",
      [
        "throughput", "--model", named.path, "--contexts", "8,16", "--batch", "1,2", "--tokens", "1", "--quiet",
        "--plot",
        svg.path,
      ])
    let picture = String(decoding: try readFile(svg), as: UTF8.self)
    for line in ["my model, batch 1", "my model, batch 2"] { XCTAssertTrue(picture.contains(line), line) }
    try FileManager.default.removeItem(at: svg)
    // What cannot be drawn is said before the work: another folder of experiments is no checkout.
    try makeDirectory(folder.appendingPathComponent("experiments"))
    let select = ["select", "--scores", scores.path, "--count", "1", "--plot", svg.path]
    let elsewhere = try launch("zebra", select, in: folder)
    XCTAssertEqual(elsewhere.status, 2, elsewhere.error)
    XCTAssertTrue(elsewhere.error.contains("--plot: ") && elsewhere.error.contains("checkout"), elsewhere.error)
    XCTAssertEqual(elsewhere.output, "")
    let sweep = ["throughput", "--model", model, "--contexts", "8", "--tokens", "1"]
    // What was measured is printed though its file cannot be written.
    let printed = try launch("hybrid", sweep + ["--csv", scores.path + "/sweep.csv"])
    XCTAssertEqual(printed.status, 1, printed.error)
    XCTAssertTrue(printed.output.contains("tokens/s"), printed.output)
    let kept = try launch("hybrid", sweep + ["--csv", folder.path])
    XCTAssertEqual(kept.status, 2, kept.error)
    XCTAssertTrue(kept.error.hasPrefix("error: --csv: is a folder; expected a file to write"), kept.error)
  }
}
