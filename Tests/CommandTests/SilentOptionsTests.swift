import Foundation
import Groundwork
import TestKit
import XCTest

/// No option is taken and then left out of account: what says nothing in a mode is refused there.
final class SilentOptionsTests: XCTestCase {
  private let model = "experiments/teachers/nano-1b-seed1"
  private var folder = URL(fileURLWithPath: "/")

  override func setUpWithError() throws { folder = try temporaryFolder() }
  override func tearDown() { try? FileManager.default.removeItem(at: folder) }

  private func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

  func testWhatSaysNothingIsRefused() throws {
    let requests = folder.appendingPathComponent("requests.jsonl")
    try writeFile("{\"prompt\": \"The town\", \"max_tokens\": 2}\n", to: requests)
    let throughput = ["throughput", "--model", model]
    let serve = throughput + ["--requests", requests.path]
    let samples = ["ruler", "--write", path("samples"), "--tasks", "vt", "--lengths", "256", "--samples", "1"]
    for (arguments, option, words) in [
      (["generate", "--model", model, "--chat", "--prompt", "Hi", "--bos", "on"], "--bos", "says nothing with --chat"),
      (serve + ["--batch", "2"], "--batch", "says nothing with --requests"),
      (serve + ["--tokens", "2"], "--tokens", "says nothing with --requests"),
      (serve + ["--prefill"], "--prefill", "says nothing with --requests"),
      (throughput + ["--tokens", "1", "--csv", path("one.csv")], "--csv", "is of a sweep"),
      (samples + ["--csv", path("scores.csv")], "--csv", "needs a model"),
      (samples + ["--json"], "--json", "needs a model"),
      (samples + ["--grid"], "--grid", "needs a model"),
      (samples + ["--metric", "lm-eval"], "--metric", "needs a model"),
    ] { try assertRefused("hybrid", arguments, status: 2, saying: [option, words]) }
    XCTAssertFalse(FileManager.default.fileExists(atPath: path("samples")))
    XCTAssertFalse(FileManager.default.fileExists(atPath: path("one.csv")))
  }

  /// What goes with another option, or with another choice of it, is refused where that is not there.
  func testWhatGoesWithAnotherChoiceIsRefused() throws {
    let (out, none) = (path("out"), path("none"))
    let (moe, table) = ("experiments/teachers/nano-qwen-moe-seed1", "experiments/zebra/published/table10.csv")
    let convert = ["convert", "--model", model, "--out", out]
    let ild = ["ild", "--base", model, "--data", none, "--tokens", "4k", "--out", out, "--mixer"]
    let follow = [
      "distill", "--student", model, "--teacher", model, "--data", none, "--tokens", "4k", "--out", out,
      "--teacher-states", path("states"),
    ]
    let select = ["select", "--count", "2"]
    let extend = ["extend", "--model", model, "--context", "1024", "--out", out, "--tokens"]
    let rewire = ["distill", "--student", moe, "--teacher", moe, "--tokens", "4k", "--out", out]
    let pack = ["pack", "--input", "examples/chat/messages.jsonl", "--tokenizer", "examples/chat", "--out", out]
    let refused: [(tool: String, words: [String], saying: [String])] = [
      ("hybrid", ["info", "--preset", "nano-1b", "--granule", "8"], ["--granule", "--kv-rank"]),
      (
        "hybrid", ["info", "--preset", "nano-1b", "--kv-rank", "8", "--q-rank", "9", "--granule", "8"],
        ["--granule", "auto"]
      ),
      ("hybrid", ["info", "--published", "--preset", "nano-1b"], ["--preset", "--published"]),
      ("hybrid", ["pretrain", "--preset", "nano-1b", "--mixture", "code", "--out", out], ["--mixture", "--from"]),
      (
        "hybrid", ["pretrain", "--preset", "nano-1b", "--connectivity", "farskip", "--out", out],
        ["--connectivity", "experts"]
      ),
      ("hybrid", ["evaluate", "--model", model, "--fewshot-seed", "3"], ["--fewshot-seed", ".yaml"]),
      ("hybrid", ["evaluate", "--model", model, "--data-dir", none], ["--data-dir", ".yaml"]),
      ("hybrid", ["evaluate", "--model", model, "--tasks", "mine.jsonl", "--seed", "5"], ["--seed", "task files"]),
      ("hybrid", ["evaluate", "--model", model, "--tasks", "mine.jsonl", "--set", "b"], ["--set", "task files"]),
      ("hybrid", ["evaluate", "--model", model, "--tasks", "mine.jsonl", "--world", "2"], ["--world", "task files"]),
      ("hybrid", ["generate", "--model", model, "--top-k", "5"], ["--top-k", "--temperature 0"]),
      ("hybrid", ["generate", "--model", model, "--seed", "5"], ["--seed", "--temperature 0"]),
      ("xecomla", convert + ["--kv-rank", "16", "--delta-kv", "0.9"], ["--delta-kv", "--rank-rule"]),
      ("xecomla", convert + ["--kv-rank", "16", "--fixed-ends"], ["--fixed-ends", "--rank-rule"]),
      ("xecomla", convert + ["--kv-rank", "16", "--rank-rule", "dynamic"], ["--kv-rank", "--fixed-ends"]),
      ("xecomla", convert + ["--kv-rank", "16", "--init", "random", "--sigma", "up"], ["--sigma", "--init random"]),
      ("xecomla", convert + ["--kv-rank", "16", "--seed", "2"], ["--seed", "--init random"]),
      (
        "xecomla", convert + ["--kv-rank", "16", "--calibration-tokens", "1k"],
        ["--calibration-tokens", "covariance"]
      ),
      ("xecomla", ["palu", "--model", model, "--out", out, "--calibration-tokens", "1k"], ["--calibration names it"]),
      ("xecomla", follow + ["--kl-weight", "0", "--ce-weight", "1"], ["--teacher-states", "--kl-weight 0"]),
      ("zebra", ild + ["mamba2", "--kv-rank", "8"], ["--kv-rank", "--mixer mla"]),
      ("zebra", ild + ["gdn", "--rope-init", "aligned"], ["--rope-init", "--mixer mla"]),
      ("zebra", ild + ["mla", "--gdn-heads", "8"], ["--gdn-heads", "--mixer gdn"]),
      ("zebra", ild + ["gdn", "--init", "random"], ["--init", "--gdn-init"]),
      ("zebra", select + ["--scores", table, "--data", none], ["--data", "--scores"]),
      ("zebra", select + ["--scores", table, "--write-scores", out], ["--write-scores", "--scores"]),
      ("zebra", select + ["--base", model, "--work", out], ["--work", "--method kl"]),
      ("hylo", extend + ["0", "--teacher", model], ["--teacher", "--tokens 0"]),
      ("hylo", extend + ["8k", "--states-type", "bfloat16"], ["--states-type", "--cache-teacher"]),
      (
        "farskip", ["convert", "--model", moe, "--no-measure", "--data", none, "--out", out],
        ["--data", "--no-measure"]
      ),
      ("farskip", rewire + ["--validate-every", "2"], ["--validate-every", "--patience"]),
      ("farskip", rewire + ["--patience", "2", "--validate-items", "9"], ["--validate-items", "--validate-task"]),
      ("hylo", extend + ["8k", "--kl-weight", "0", "--cache-teacher"], ["--cache-teacher", "--kl-weight 0"]),
      ("farskip", rewire + ["--objective", "sft", "--teacher-states", none], ["--teacher-states", "--objective kl"]),
      ("farskip", rewire + ["--hidden-weight", "1"], ["--hidden-weight", "kl+hidden"]),
      ("shards", pack + ["--chat-template", none], ["--chat-template", "--chat"]),
      ("shards", pack + ["--chat", "--bos", "off"], ["--bos", "--chat"]),
      ("shards", pack + ["--chat", "--field", "text"], ["--field", "--chat"]),
      ("shards", ["cat", none, "--document", "0", "--tokens", "5"], ["--tokens", "--from"]),
      ("lab", ["plan", "xecomla/kv", "--all"], ["--all", "xecomla/kv"]),
      ("lab", ["table", "xecomla/kv", "--all"], ["--all", "xecomla/kv"]),
      ("lab", ["plan", "xecomla/kv", "--makefile", out, "--json"], ["--json", "--makefile"]),
      ("lab", ["check", "xecomla/kv", "--power", "--json"], ["--power", "--json"]),
      ("lab", ["check", "xecomla/table3", "--profile", "micor"], ["no profile \"micor\"", "micro"]),
      ("lab", ["regenerate", "--check", "--png"], ["--png", "--check"]),
      ("lab", ["plan", "xecomla/real-sizes", "--profile", "full"], ["no profile \"full\"", "micro"]),
      ("lab", ["watch", "xecomla/kv", "--once", "--every", "3"], ["--every", "--once"]),
      ("bench", ["--profile", "llama-d256", "--only", "train_llama_d256"], ["--only", "--profile"]),
      ("bench", ["--profile", "llama-d256", "--list"], ["--list", "--profile"]),
      ("zebra", ["prune", "--model", model, "--out", out], ["nothing is to be removed", "--hidden-size"]),
    ]
    for (tool, words, said) in refused { try assertRefused(tool, words, status: 2, saying: said) }
    XCTAssertEqual(try FileManager.default.contentsOfDirectory(atPath: folder.path), [])
  }

  /// A grid is of one task, at one depth or more, and its samples would go over each other.
  func testAGridKeepsAndShowsWhatItMeasures() throws {
    let ruler = ["ruler", "--model", model, "--lengths", "256", "--samples", "1", "--quiet"]
    let refused: [(more: [String], words: [String])] = [
      (["--grid", "--write", path("samples")], ["--write", "leave --grid out"]),
      (["--grid", "--tasks", "niah_single_1,niah_single_2"], ["--tasks", "one with --grid", "niah_single_1"]),
      (["--grid", "--depths", ""], ["--depths", "is not a place in percent"]),
      (["--grid", "--depths", "0,,100"], ["--depths", "is not a place in percent"]),
      (["--tasks", "niah_single_1", "--depths", "50"], ["--depths", "--grid with it"]),
    ]
    for (more, words) in refused { try assertRefused("hybrid", ruler + more, status: 2, saying: words) }
    XCTAssertFalse(FileManager.default.fileExists(atPath: path("samples")))
  }

  /// Each set is a folder: no set is missing, written twice, hidden or out of its place.
  func testSetsOfTasksAreNames() throws {
    for sets in ["", "a,,b", "a,a", "a,..", ".a", "a/../../b", "/tmp/a"] {
      let generate = ["generate", "--pretraining-tokens", "0", "--items", "1", "--out", path("world"), "--sets", sets]
      try assertRefused("shards", generate, status: 2, saying: ["--sets", "expected different names", "'\(sets)'"])
    }
    XCTAssertEqual(try FileManager.default.contentsOfDirectory(atPath: folder.path), [])
  }

  /// A conversation tells what memory its last answer took.
  func testAConversationReportsMemory() throws {
    let template = folder.appendingPathComponent("template.jinja")
    try writeFile("{{ messages[0].content }}", to: template)
    let program = builtProducts().appendingPathComponent("hybrid").path
    let result = try launch(
      "/bin/bash",
      [
        "-euo", "pipefail", "-c",
        "echo 'The town of' | '\(program)' generate --model \(model) --chat --chat-template '\(template.path)' "
          + "--tokens 2 --quiet --report-memory",
      ])
    XCTAssertEqual(result.status, 0, result.error)
    XCTAssertTrue(result.error.contains("bytes, whatever the length"), result.error)
  }
}
