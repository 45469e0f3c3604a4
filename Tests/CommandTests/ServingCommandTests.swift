import Groundwork
import TestKit
import XCTest

/// `hybrid throughput --requests` and `hylo serve-length` as scripts and people type them.
final class ServingCommandTests: XCTestCase {
  private let model = "experiments/teachers/nano-1b-seed1"

  func testRequestsFromAFile() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let (file, csv) = (folder.appendingPathComponent("requests.jsonl"), folder.appendingPathComponent("served.csv"))
    try writeFile(
      """
      {"prompt": "The town of", "max_tokens": 4}
      {"prompt_tokens": 90, "max_tokens": 7, "arrival": 0.05, "id": "late"}
      {"prompt_tokens": 500, "max_tokens": 100, "id": "long"}
      """, to: file)
    let result = try launch(
      "hybrid",
      [
        "throughput", "--model", model, "--requests", file.path, "--slots", "2", "--page", "16", "--csv", csv.path,
        "--json", "--quiet",
      ])
    XCTAssertEqual(result.status, 0, result.error)
    let report = try JSONValue(parsing: Data(result.output.utf8), file: "throughput --json")
    let requests = try XCTUnwrap(report["requests"]?.array)
    XCTAssertEqual(requests.compactMap { $0["request"]?.string }, ["1", "late", "long"])
    XCTAssertEqual(requests[1]["tokens"]?.array?.count, 7)
    XCTAssertEqual(requests[2]["finish"]?.string, "refused")
    XCTAssertTrue(result.error.contains("refused: request long: is longer than the model's positions"), result.error)
    XCTAssertNotNil(report["time_to_first_token"]?["p90"]?.double)
    XCTAssertEqual(String(decoding: try readFile(csv), as: UTF8.self).split(separator: "\n").count, 4)

    let serve = ["throughput", "--model", model, "--requests", file.path]
    try assertRefused("hybrid", serve + ["--pool", "10"], status: 2, saying: ["--pool", "one page"])
    try assertRefused("hybrid", serve + ["--pool", "much"], status: 2, saying: ["--pool", "64MiB"])
    try assertRefused("hybrid", serve + ["--slots", "0"], status: 2, saying: ["--slots"])
    try assertRefused("hybrid", serve + ["--vs", model], status: 2, saying: ["--requests"])
    try assertRefused("hybrid", serve + ["--prompt", "9"], status: 2, saying: ["--prompt", "lengths of their own"])
    for (option, value) in [("--slots", "4"), ("--page", "16"), ("--pool", "1MiB"), ("--chunk", "8")] {
      try assertRefused(
        "hybrid", ["throughput", "--model", model, option, value], status: 2,
        saying: [option, "says nothing without --requests"])
    }
    try writeFile("{\"prompt\": \"a\"}\n", to: file)
    try assertRefused("hybrid", serve, status: 1, saying: ["requests.jsonl:1", "no max_tokens"])
    for tokens in ["\"3\"", "2.5"] {
      try writeFile("{\"prompt\": \"a\", \"max_tokens\": \(tokens)}\n", to: file)
      try assertRefused("hybrid", serve, status: 1, saying: ["requests.jsonl:1", "found max_tokens \(tokens)"])
    }
    try assertRefused(
      "hybrid", ["throughput", "--model", model, "--requests", "nowhere.jsonl"], status: 1, saying: ["nowhere.jsonl"])
  }

  /// A sweep of batch sizes begins where --prompt says, as a single point does.
  func testAPromptIsThatOfEveryPoint() throws {
    let result = try assertSucceeds(
      "hybrid",
      ["throughput", "--model", model, "--batch", "1,2", "--prompt", "9", "--tokens", "1", "--json", "--quiet"])
    let points = try JSONValue(parsing: Data(result.output.utf8), file: "throughput --json").array
    XCTAssertEqual(points?.compactMap { $0["context"]?.int }, [9, 9], result.output)
  }

  /// Texts of requests are read with whatever tokenizer the folder has.
  func testRequestsAreReadWithAnyKindOfTokenizer() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let own = folder.appendingPathComponent("model")
    try makeDirectory(own)
    let teacher = repositoryRoot().appendingPathComponent(model)
    for name in ["config.json", "model.safetensors"] {
      try FileManager.default.copyItem(at: teacher.appendingPathComponent(name), to: own.appendingPathComponent(name))
    }
    let json = try JSONValue(contentsOf: teacher.appendingPathComponent("tokenizer.json"))
    let vocabulary = try XCTUnwrap(json["model"]?["vocab"])
    let merges = try XCTUnwrap(json["model"]?["merges"]?.array).map { merge in
      merge.string ?? (merge.array ?? []).compactMap(\.string).joined(separator: " ")
    }
    try writeFile(
      "{\"tokenizer_class\": \"Qwen2Tokenizer\", \"bos_token\": \"<|bos|>\", \"eos_token\": \"<|eos|>\"}",
      to: own.appendingPathComponent("tokenizer_config.json"))
    try writeFile(vocabulary.text(), to: own.appendingPathComponent("vocab.json"))
    try writeFile(merges.joined(separator: "\n") + "\n", to: own.appendingPathComponent("merges.txt"))
    let file = folder.appendingPathComponent("requests.jsonl")
    try writeFile("{\"prompt\": \"The town of\", \"max_tokens\": 2}\n", to: file)
    let result = try assertSucceeds(
      "hybrid", ["throughput", "--model", own.path, "--requests", file.path, "--json", "--quiet"])
    let report = try JSONValue(parsing: Data(result.output.utf8), file: "throughput --json")
    XCTAssertEqual(report["requests"]?.array?.count, 1)
  }

  func testTheLongestContextOfABudget() throws {
    let measured = ["serve-length", "--model", model, "--tokens", "1", "--prefill-up-to", "0", "--quiet"]
    let result = try launch("hylo", measured + ["--budget", "32MiB", "--json"])
    XCTAssertEqual(result.status, 0, result.error)
    let report = try XCTUnwrap(
      try JSONValue(parsing: Data(result.output.utf8), file: "serve-length --json").array?.first)
    let longest = try XCTUnwrap(report["budget"]?["longest"]?.int)
    XCTAssertEqual(report["budget"]?["cache_bytes_per_token"]?.int, 8192)
    let peak = try XCTUnwrap(report["points"]?.array?.last?["peak_bytes"]?.int)
    XCTAssertLessThanOrEqual(peak, 32 << 20)
    XCTAssertGreaterThan(8192 * longest, 16 << 20)
    try assertRefused(
      "hylo", measured + ["--budget", "1MiB"], status: 2, saying: ["--budget", "too small", "weights"])
    try assertRefused("hylo", measured + ["--budget", "lots"], status: 2, saying: ["--budget", "2GiB"])
  }

  func testLongPromptsFromFiles() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let book = folder.appendingPathComponent("book.txt")
    try writeFile(String(repeating: "The river runs past the old mill. ", count: 120), to: book)
    let generate = ["generate", "--model", model, "--prompt-file", book.path, "--tokens", "3"]
    try assertRefused("hybrid", generate, status: 2, saying: ["positions", "512", "--beyond-positions"])
    let result = try launch("hybrid", generate + ["--beyond-positions", "--report-memory", "--chunk", "100"])
    XCTAssertEqual(result.status, 0, result.error)
    for word in ["peak ", "cache ", "state "] { XCTAssertTrue(result.error.contains(word), result.error) }
    try assertRefused("hybrid", generate + ["--prompt", "x"], status: 2, saying: ["two prompts"])
    try assertRefused(
      "hybrid", ["throughput", "--model", model, "--tokens", "0"], status: 2, saying: ["--tokens", "1 or more"])
    for (options, words) in [
      (["--prompt", "x", "--top-k", "0"], "error: --top-k: "),
      (["--prompt", "x", "--top-p", "1.5"], "error: --top-p: "),
      (["--prompt", "x", "--chunk", "0"], "error: --chunk: "),
      (["--prompt", String(repeating: "The river runs. ", count: 300)], "longer than the model's positions"),
    ] {
      let refused = try launch("hybrid", ["generate", "--model", model, "--temperature", "1"] + options)
      XCTAssertEqual(refused.status, 2, refused.error)
      XCTAssertTrue(refused.error.contains(words), refused.error)
      XCTAssertEqual(refused.output, "", "nothing is printed before a refusal")
    }
    try assertRefused(
      "hybrid", ["generate", "--model", model, "--chat", "--prompt", "x", "--special-tokens", "text"], status: 2,
      saying: ["--special-tokens", "--chat"])
  }
}
