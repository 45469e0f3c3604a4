import Foundation
import Groundwork
import TestKit
import XCTest

/// `hylo convert` on a small model made here: killed and resumed, reused, refused.
final class HyloConvertTests: XCTestCase {
  private nonisolated(unsafe) static var folder: URL!

  override class func setUp() {
    folder = try! temporaryFolder()
    let lines = (0..<400).map {
      "The \(["cat", "dog", "hen"][$0 % 3]) number \($0) sat on the mat and looked at the moon."
    }
    try! writeFile(lines.joined(separator: "\n\n"), to: folder.appendingPathComponent("text.txt"))
  }
  override class func tearDown() { try? FileManager.default.removeItem(at: folder) }

  private func path(_ name: String) -> String { Self.folder.appendingPathComponent(name).path }

  private func convert(_ out: String, _ more: [String] = [], layers: String = "1,5,10,14", linear: String = "gdn")
    -> [String]
  {
    [
      "convert", "--base", path("base"), "--linear", linear, "--mla-layers", layers, "--data", path("shards"),
      "--tokens", "2k", "--batch", "4", "--sequence", "64", "--out", path(out),
    ] + more
  }

  func testAHybridIsMadeResumedReusedAndRefused() throws {
    try assertSucceeds(
      "hybrid", ["create", "--preset", "nano-1b", "--dtype", "float32", "--out", path("base"), "--seed", "3"])
    try giveTokenizer(to: Self.folder.appendingPathComponent("base"))
    try assertSucceeds(
      "shards", ["pack", "--input", path("text.txt"), "--tokenizer", path("base"), "--out", path("shards")])

    let made = try JSONValue(
      parsing: Data(
        try assertSucceeds("hylo", convert("calm", ["--held-out", path("shards"), "--json", "--quiet"])).output.utf8),
      file: "convert --json")
    XCTAssertEqual(made["kv_percent"]?.double, 3.90625)
    XCTAssertEqual(made["model"]?.string, path("calm"))
    XCTAssertEqual(made["parameters"]?.int, 3_224_208)
    XCTAssertEqual(made["mixers"]?.array?.enumerated().filter { $1.string == "MLA" }.map(\.offset), [1, 5, 10, 14])
    XCTAssertEqual(made["students"]?["gdn"]?["error"]?.array?.count, 16)
    // Latents of 4 layers, states of 12: 16 x 32 numbers for 6 heads, and three columns of 384.
    let bytes = 8192 * 4 * 20 * 2 + 12 * (6 * 16 * 32 * 4 + 3 * 384 * 2)
    XCTAssertEqual(made["cache_percent"]!.double!, 100 * Double(bytes) / Double(8192 * 16 * 128 * 2), accuracy: 1e-9)

    // Killed on the way, then left to finish.
    for _ in 0..<2 {
      try launchAndKillAtACheckpoint(
        "hylo", convert("killed", ["--save-every", "0", "--held-out", path("shards")]), out: path("killed"),
        run: path("killed.ild"))
    }
    try assertSucceeds("hylo", convert("killed", ["--held-out", path("shards")]))
    let hashes = try ["calm", "killed"].map {
      try sha256(fileAt: URL(fileURLWithPath: path($0 + "/model.safetensors")))
    }
    XCTAssertEqual(hashes[0], hashes[1], "resumed against uninterrupted")

    // Another hybrid of the same students trains nothing; with Mamba2 only that student is new.
    let again = try assertSucceeds(
      "hylo", convert("other", ["--work", path("calm.ild"), "--held-out", path("shards")], layers: "0,2,4"))
    XCTAssertFalse(again.error.contains("step"), again.error)
    XCTAssertTrue(again.output.contains("MLA GDN MLA GDN MLA GDN"), again.output)
    let mamba = try assertSucceeds(
      "hylo", convert("mamba", ["--work", path("calm.ild"), "--held-out", path("shards")], linear: "mamba2"))
    XCTAssertFalse(mamba.error.contains("mla step"), mamba.error)
    XCTAssertTrue(mamba.error.contains("mamba2 step"), mamba.error)
    XCTAssertTrue(mamba.output.contains("Mamba2 MLA Mamba2"), mamba.output)
    try assertSucceeds(
      "hybrid", ["generate", "--model", path("calm"), "--prompt", "The cat", "--tokens", "4", "--quiet"])
    try refusals()
  }

  private func refusals() throws {
    try assertRefused("hylo", convert("bad", layers: "1,16"), status: 2, saying: ["--mla-layers", "16"])
    try assertRefused("hylo", convert("bad", layers: "1,1"), status: 2, saying: ["--mla-layers", "twice"])
    try assertRefused("hylo", convert("bad", layers: "all"), status: 2, saying: ["--mla-layers", "all"])
    let all = (0..<16).map(String.init).joined(separator: ",")
    try assertRefused(
      "hylo", convert("bad", layers: all), status: 2,
      saying: ["--mla-layers: leaves no layer to the linear mixer", "fewer than 16 layers"])
    try assertRefused(
      "hylo", convert("bad", ["--save-every=-3"]), status: 2, saying: ["--save-every", "0 or more seconds", "-3"])
    try assertRefused("hylo", convert("bad", linear: "rwkv"), status: 2, saying: ["rwkv", "gdn"])
    try assertRefused("hylo", convert("bad", ["--gdn-heads", "7"]), status: 2, saying: ["--gdn-heads", "7"])
    try assertRefused(
      "hylo", convert("bad", ["--gdn-heads", "24", "--gdn-init", "aligned"]), status: 2,
      saying: ["--gdn-heads", "24 heads of 4"])
    try assertRefused(
      "hylo", convert("bad", ["--gdn-heads", "6"], linear: "mamba2"), status: 2, saying: ["--gdn-heads"])
    try assertRefused("hylo", convert("bad", ["--kv-rank", "1000"]), status: 2, saying: ["--kv-rank", "1000"])
    try assertRefused("hylo", convert("bad", ["--tokens", "some"]), status: 2, saying: ["--tokens", "some"])
    try assertRefused("hylo", convert("bad", ["--context", "0"]), status: 2, saying: ["--context", "0"])
    try assertRefused(
      "hylo", convert("calm", ["--lr", "1"]), status: 2, saying: ["calm: holds a model already", "--force"])
    try assertRefused(
      "hylo", convert("bad", ["--work", path("calm.ild"), "--lr", "1"]), status: 2,
      saying: ["calm.ild/mla", "other settings"])
    try assertRefused("hylo", convert("base"), status: 2, saying: ["is what the command reads"])
    try writeFile("x", to: URL(fileURLWithPath: path("full/notes.txt")))
    try assertRefused("hylo", convert("full"), status: 2, saying: ["full", "notes.txt"])
    for folder in ["bad", "bad.ild", "full.ild"] {
      XCTAssertFalse(FileManager.default.fileExists(atPath: path(folder)), folder)
    }
    // A model with another tokenizer has no text of its own.
    try FileManager.default.copyItem(atPath: path("base"), toPath: path("foreign"))
    try assertSucceeds(
      "shards",
      ["train-tokenizer", "--input", path("text.txt"), "--vocabulary-size", "300", "--out", path("pieces"), "--quiet"])
    let file = URL(fileURLWithPath: path("foreign/tokenizer.json"))
    try writeFile(readFile(URL(fileURLWithPath: path("pieces/tokenizer.json"))), to: file)
    try assertRefused(
      "hylo", ["convert", "--base", path("foreign"), "--linear", "gdn", "--mla-layers", "1", "--out", path("bad")],
      status: 2,
      saying: ["--data", "is needed"])
  }
}
