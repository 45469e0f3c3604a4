import Foundation
import Groundwork
import TestKit
import XCTest

/// `xecomla prefer` as a user types it, on a model made here.
final class PreferCommandTests: XCTestCase {
  private nonisolated(unsafe) static var folder: URL!

  override class func setUp() {
    folder = try! temporaryFolder()
    let model = folder.appendingPathComponent("model")
    _ = try! launch("hybrid", ["create", "--preset", "nano-1b", "--out", model.path, "--seed", "3"])
    try! giveTokenizer(to: model)
    let lines = (0..<24).map {
      #"{"prompt": "The cat number \#($0) sat on", "chosen": " the mat.", "rejected": " moon\#($0)."}"#
    }
    try! writeFile(lines.joined(separator: "\n") + "\n", to: folder.appendingPathComponent("pairs.jsonl"))
  }
  override class func tearDown() { try? FileManager.default.removeItem(at: folder) }

  private func path(_ name: String) -> String { Self.folder.appendingPathComponent(name).path }

  private func prefer(_ out: String, _ more: [String] = []) -> [String] {
    ["prefer", "--model", path("model"), "--out", path(out), "--quiet"] + more
  }

  private func succeed(_ tool: String, _ arguments: [String], line: UInt = #line) throws -> String {
    try assertSucceeds(tool, arguments, line: line).output
  }

  /// It learns what the file prefers, leaves a model that other commands read, and a run killed with kill -9
  /// ends with the same bytes.
  func testAFileOfPairsIsLearntAndAKilledRunEndsWithTheSameBits() throws {
    let data = [
      "--data", path("pairs.jsonl"), "--held-out", path("pairs.jsonl"), "--batch", "2", "--lr", "1e-3", "--json",
    ]
    let outcome = try JSONValue(parsing: Data(try succeed("xecomla", prefer("calm", data)).utf8), file: "prefer --json")
    XCTAssertEqual(outcome["held_out_pairs"]?.int, 24)
    XCTAssertGreaterThan(try XCTUnwrap(outcome["accuracy"]?.double), 0.9)
    XCTAssertLessThan(try XCTUnwrap(outcome["loss"]?.double), 0.6)
    for _ in 0..<2 {
      try launchAndKillAtACheckpoint("xecomla", prefer("killed", data + ["--save-every", "0"]), out: path("killed"))
    }
    let resumed = try JSONValue(
      parsing: Data(try succeed("xecomla", prefer("killed", data)).utf8), file: "prefer --json")
    XCTAssertEqual(outcome["model"]?.string, path("calm"))
    XCTAssertEqual(resumed, outcome.merging(.object(["model": .string(path("killed"))])))
    let files = ["calm", "killed"].map { URL(fileURLWithPath: path("\($0)/model.safetensors")) }
    XCTAssertEqual(try sha256(fileAt: files[0]), try sha256(fileAt: files[1]), "resumed against uninterrupted")
    let metrics = String(decoding: try readFile(URL(fileURLWithPath: path("killed/run/metrics.csv"))), as: UTF8.self)
    let rows = metrics.split(separator: "\n")
    XCTAssertEqual(rows.count, 13, "a header and one line per step")
    XCTAssertTrue(rows[1].hasPrefix("1,0.693147,0.000000,"), "ln 2 at the start: \(rows[1])")
    let text = try succeed(
      "hybrid",
      ["generate", "--model", path("calm"), "--prompt", "The cat", "--tokens", "4", "--temperature", "0", "--quiet"])
    XCTAssertTrue(text.hasPrefix("The cat") && text.count > "The cat".count, "the prompt and something new: \(text)")

    // A finished run is read again; another plan, or a model that is no run, is refused.
    XCTAssertEqual(
      try JSONValue(parsing: Data(try succeed("xecomla", prefer("calm", data)).utf8), file: "prefer --json"), outcome)
    try assertRefused(
      "xecomla", prefer("calm", data + ["--beta", "1"]), status: 2, saying: ["calm", "other settings"])
    try assertRefused("xecomla", prefer("model", data), status: 2, saying: ["is what the command reads"])
  }

  /// A finished model is as large as the one it began with, unless more is asked for.
  func testWeightsAreStoredAsTheBasesUnlessAsked() throws {
    let data = ["--data", path("pairs.jsonl"), "--pairs", "4", "--batch", "2"]
    for (out, more, type) in [("as-base", [], "BF16"), ("whole", ["--dtype", "float32"], "F32")] {
      _ = try succeed("xecomla", prefer(out, data + more))
      XCTAssertEqual(Set(try storedTypes(URL(fileURLWithPath: path("\(out)/model.safetensors")))), [type], out)
    }
  }

  /// Pairs that fill no step are told of, and their tokens are not counted.
  func testPairsBehindTheLastStepAreTold() throws {
    let data = ["--data", path("pairs.jsonl"), "--pairs", "13", "--json"]
    func run(_ batch: Int) throws -> (tokens: Int, error: String) {
      let result = try assertSucceeds("xecomla", prefer("by \(batch)", data + ["--batch", "\(batch)"]))
      let outcome = try JSONValue(parsing: Data(result.output.utf8), file: "prefer --json")
      return (try XCTUnwrap(outcome["tokens"]?.int), result.error)
    }
    let (part, whole) = (try run(8), try run(13))
    XCTAssertTrue(part.error.contains("pairs too few for another step of 8 train nothing: 5"), part.error)
    XCTAssertFalse(whole.error.contains("train nothing"), whole.error)
    // Every pair has about as many tokens as another.
    XCTAssertEqual(Double(part.tokens) / Double(whole.tokens), 8.0 / 13, accuracy: 0.1)
  }

  /// Nothing was measured without held-out pairs, and no number says so.
  func testMeansOfNoPairsAreLeftOut() throws {
    let data = ["--data", path("pairs.jsonl"), "--pairs", "4", "--batch", "2", "--json"]
    let printed = try succeed("xecomla", prefer("unmeasured", data))
    let outcome = try JSONValue(parsing: Data(printed.utf8), file: "prefer --json")
    XCTAssertEqual(outcome["held_out_pairs"]?.int, 0)
    XCTAssertGreaterThan(outcome["tokens"]?.int ?? 0, 0)
    for key in ["loss", "margin", "accuracy", "chosen", "rejected"] { XCTAssertEqual(outcome[key], .null, key) }
  }

  /// The element types that a safetensors file's header names.
  private func storedTypes(_ file: URL) throws -> [String] {
    let bytes = try readFile(file)
    let length = bytes.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    let header = try JSONSerialization.jsonObject(with: bytes.dropFirst(8).prefix(length)) as? [String: Any]
    return (header ?? [:]).values.compactMap { ($0 as? [String: Any])?["dtype"] as? String }
  }

  func testMicroworldIsTheDefault() throws {
    let text = try succeed("xecomla", prefer("world", ["--pairs", "4", "--batch", "2"]))
    XCTAssertTrue(text.contains("200 held-out pairs"), text)
    let plan = try succeed("xecomla", prefer("world", ["--pairs", "4", "--batch", "2", "--print-config"]))
    let settings = try JSONValue(parsing: Data(plan.utf8), file: "plan")
    XCTAssertEqual(settings["pairs"]?.int, 4)
    XCTAssertEqual(settings["learning_rate"]?.double, 1e-4, plan)
    try assertRefused(
      "xecomla", prefer("never", ["--pairs", "4", "--batch", "2", "--save-every=-3"]), status: 2,
      saying: ["--save-every", "0 or more seconds", "-3"])
    XCTAssertTrue(try succeed("xecomla", ["prefer", "--help"]).contains("Example:\n  xecomla prefer"))
  }

  /// A model without a chat template takes one for pairs of messages, and for nothing else.
  func testPairsOfMessagesTakeAChatTemplate() throws {
    func said(_ role: String, _ text: String) -> String { #"[{"role": "\#(role)", "content": "\#(text)"}]"# }
    let pair =
      #"{"prompt": \#(said("user", "Hi")), "chosen": \#(said("assistant", "Hello")), "#
      + #""rejected": \#(said("assistant", "No"))}"#
    try writeFile(pair + "\n", to: URL(fileURLWithPath: path("messages.jsonl")))
    try writeFile(
      "{% for m in messages %}<|bos|>{{ m.role }}: {{ m.content }}<|eos|>{% endfor %}"
        + "{% if add_generation_prompt %}<|bos|>assistant: {% endif %}", to: URL(fileURLWithPath: path("t.jinja")))
    let messages = ["--data", path("messages.jsonl"), "--batch", "1"]
    try assertRefused(
      "xecomla", prefer("chats", messages), status: 2,
      saying: ["has no chat template", "give one with --chat-template"])
    try assertSucceeds("xecomla", prefer("chats", messages + ["--chat-template", path("t.jinja")]))
    try writeFile("{{ raise_exception('no chats') }}", to: URL(fileURLWithPath: path("no.jinja")))
    try assertRefused(
      "xecomla", prefer("no chats", messages + ["--chat-template", path("no.jinja")]), status: 1,
      saying: ["messages.jsonl:1, ", "no.jinja: template line 1", "no chats"])
    try assertRefused(
      "xecomla", prefer("no chats", ["--data", path("pairs.jsonl"), "--chat-template", path("t.jinja")]), status: 2,
      saying: ["--chat-template", "says nothing about pairs that are texts"])
  }

  func testBadPairsAndPlansAreRefused() throws {
    let file = URL(fileURLWithPath: path("bad.jsonl"))
    let good = #"{"prompt": "a", "chosen": " b", "rejected": " c"}"#
    let long = String(repeating: " word", count: 6000)
    let cases: [(String, [String])] = [
      (#"{"prompt": "a", "chosen": " b"}"#, ["bad.jsonl:2", "rejected"]),
      (#"{"prompt": "a", "chosen": " b", "rejected": ""}"#, ["bad.jsonl:2", "an empty \"rejected\""]),
      ("no JSON", ["bad.jsonl:2", "not valid JSON"]),
    ]
    for (line, words) in cases {
      try writeFile("\(good)\n\(line)\n", to: file)
      try assertRefused("xecomla", prefer("bad", ["--data", file.path, "--batch", "1"]), status: 1, saying: words)
    }
    try writeFile("\(good)\n" + #"{"prompt": "a", "chosen": " b", "rejected": "\#(long)"}"# + "\n", to: file)
    let shortened = try assertSucceeds("xecomla", prefer("short", ["--data", file.path, "--batch", "1"]))
    XCTAssertTrue(shortened.error.contains("longer than 512 tokens"), shortened.error)
    try writeFile("", to: file)
    try assertRefused(
      "xecomla", prefer("bad", ["--data", file.path]), status: 1, saying: ["bad.jsonl", "no preference pairs"])
    let data = ["--data", path("pairs.jsonl")]
    try assertRefused("xecomla", prefer("bad", data + ["--pairs", "25"]), status: 2, saying: ["25", "24"])
    try assertRefused("xecomla", prefer("bad", data + ["--pairs", "x"]), status: 2, saying: ["--pairs", "x"])
    try assertRefused("xecomla", prefer("bad", data + ["--batch", "25"]), status: 2, saying: ["pairs", "25"])
    try assertRefused("xecomla", prefer("bad", data + ["--beta", "0"]), status: 2, saying: ["beta", "0"])
    try assertRefused(
      "xecomla", prefer("bad", ["--held-out", file.path]), status: 2, saying: ["--held-out", "--data"])
    try assertRefused("xecomla", prefer("bad", ["--data", path("absent.jsonl")]), status: 1, saying: ["absent.jsonl"])
    XCTAssertFalse(FileManager.default.fileExists(atPath: path("bad")), "nothing is written")
  }
}
