import Foundation
import Groundwork
import TestKit
import XCTest

/// Numbers that no machine can serve are one line with both numbers and exit 2 (1 where a file has them); memory that runs out is one line and
/// exit 1. Never a trap, a hang or the end of the machine.
final class MemoryTests: XCTestCase {
  private nonisolated(unsafe) static var folder: URL!
  private var model: String { Self.folder.path + "/model" }

  override class func setUp() {
    folder = try! temporaryFolder()
    _ = try! launch("hybrid", ["create", "--preset", "nano-1b", "--out", folder.path + "/model"])
    try! giveTokenizer(to: folder.appendingPathComponent("model"))
  }
  override class func tearDown() { try? FileManager.default.removeItem(at: folder) }

  private func write(_ name: String, _ text: String) throws -> String {
    let url = Self.folder.appendingPathComponent(name)
    try Data(text.utf8).write(to: url)
    return url.path
  }

  func testRequests() throws {
    for (line, word) in [
      (#"{"prompt_tokens": 4, "max_tokens": 9223372036854775807}"#, "max_tokens 9223372036854775807"),
      (#"{"prompt_tokens": 9223372036854775807, "max_tokens": 1}"#, "prompt_tokens 9223372036854775807"),
      (#"{"prompt_tokens": 2147483648, "max_tokens": 1}"#, "prompt_tokens 2147483648"),
      (#"{"prompt_tokens": 4, "max_tokens": 1, "arrival": 2147483648}"#, "arrival 2147483648"),
    ] {
      let file = try write("requests.jsonl", #"{"prompt_tokens": 4, "max_tokens": 2}"# + "\n" + line + "\n")
      try assertRefused(
        "hybrid", ["throughput", "--model", model, "--requests", file, "--quiet"], status: 1,
        saying: ["\(file):2", "is not a request", "at most", word])
    }
  }

  func testNumbersOfOptions() throws {
    let requests = try write("fine.jsonl", #"{"prompt_tokens": 4, "max_tokens": 2}"# + "\n")
    let huge = "\(Int.max)"
    for arguments in [
      ["throughput", "--model", model, "--contexts", "100000M", "--quiet"],
      ["throughput", "--model", model, "--batch", "1000000000", "--quiet"],
      ["throughput", "--model", model, "--contexts", "64", "--batch", "1000000000", "--quiet"],
      ["throughput", "--model", model, "--prompt", huge],
      ["throughput", "--model", model, "--tokens", huge],
      ["throughput", "--model", model, "--requests", requests, "--slots", huge],
      ["throughput", "--model", model, "--requests", requests, "--page", huge],
      ["generate", "--model", model, "--prompt", "a", "--tokens", huge, "--beyond-positions"],
    ] { try assertRefused("hybrid", arguments, status: 2, saying: ["need more memory than there is", "at most"]) }
  }

  /// A random model in the folder, of a teacher's shape but for `changes`.
  private func create(_ name: String, from teacher: String, _ changes: KeyValuePairs<String, Int>) throws {
    let config = repositoryRoot().appendingPathComponent("experiments/teachers/\(teacher)/config.json")
    var shape = try XCTUnwrap(JSONValue(contentsOf: config).object)
    for (key, value) in changes { shape[key] = .int(value) }
    let file = try write("\(name).json", JSONValue.object(shape).text(pretty: true))
    try assertSucceeds("hybrid", ["create", "--config", file, "--out", Self.folder.path + "/" + name])
    try giveTokenizer(to: Self.folder.appendingPathComponent(name))
  }

  /// Students that fit where their gradients and moments do not are refused before the first step.
  func testAStudentTooLargeToTrain() throws {
    try create(
      "wide", from: "nano-1b-seed1",
      [
        "hidden_size": 512, "num_hidden_layers": 16, "intermediate_size": 2048, "num_attention_heads": 8,
        "num_key_value_heads": 8, "head_dim": 64,
      ])
    try create("moe", from: "nano-qwen-moe-seed1", ["hidden_size": 512, "moe_intermediate_size": 160])
    let text = try write("text.txt", String(repeating: "The river runs past the old mill. ", count: 60))
    let packed = ["--tokenizer", Self.folder.path + "/wide", "--out", Self.folder.path + "/shards", "--quiet"]
    try assertSucceeds("shards", ["pack", "--input", text] + packed)
    for (kilobytes, command, parameters) in [
      (
        1_000_000, "xecomla distill --student wide --teacher wide --kl-weight 0 --ce-weight 1",
        "68,174,336 parameters"
      ),
      (1_300_000, "zebra ild --base wide --mixer mamba2 --init random --layers 0", "parameters"),
      (700_000, "farskip train --model moe", "35,988,224 parameters"),
    ] {
      let line =
        "ulimit -v \(kilobytes); exec timeout 60 '\(builtProducts().path)'/\(command) "
        + "--data shards --tokens 64 --batch 1 --sequence 64 --out trained-\(kilobytes)"
      let result = try launch("/bin/bash", ["-c", line], in: Self.folder)
      XCTAssertEqual(result.status, 2, "\(command): \(result.error)")
      XCTAssertTrue(
        result.error.contains("gradients and moments of ")
          && result.error.contains("\(parameters) need more memory than there is"), "\(command): \(result.error)")
    }
  }

  /// Under a limit of the address space, whatever asks first for what is not there.
  func testMemoryRunsOut() throws {
    let tools = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent().path
    for kilobytes in [200_000, 300_000, 400_000, 600_000] {
      let line =
        "ulimit -v \(kilobytes); exec timeout 60 \(tools)/hybrid create --preset llama-3.2-1b --out \(Self.folder.path)/big"
      let result = try launch("/bin/bash", ["-c", line])
      XCTAssertEqual(result.status, 1, "\(kilobytes): \(result.error)")
      XCTAssertEqual(result.errorLines.count, 1, "\(kilobytes): \(result.error)")
      XCTAssert(result.error.contains("out of memory"), "\(kilobytes): \(result.error)")
    }
  }
}
