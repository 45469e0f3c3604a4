import Foundation
import Groundwork
import ModelCore
import TestKit
import TokenData
import XCTest

/// A chat checkpoint in Qwen2.5's shape on its whole way, command by command: in, converted, distilled on conversations,
/// chatted with, and out again, where transformers and llama.cpp write the same.
final class ChatPathTests: XCTestCase {
  private var folder = URL(fileURLWithPath: "/")
  private let example = repositoryRoot().appendingPathComponent("examples/chat")
  private let question = "Where does Anna live?"

  override func setUpWithError() throws { folder = try temporaryFolder() }
  override func tearDown() { try? FileManager.default.removeItem(at: folder) }

  private func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

  /// Random weights, biases among them, which start at 0 in a model made from nothing.
  private struct Biased: WeightSource {
    let random: RandomWeights
    var names: Set<String>? { nil }

    func read(_ tensor: TensorSpec, into destination: UnsafeMutablePointer<Float>) throws {
      random.read(tensor, into: destination)
      guard tensor.name.hasSuffix(".bias") else { return }
      let stream = RandomStream(seed: 3, tensor.name)
      for i in 0..<tensor.count { destination[i] = Float(0.3 * stream.normal(at: UInt64(i))) }
    }
  }

  /// The example's model of random weights with its tokenizer.
  private func base(tokenizer: [URL], change: (inout ModelConfig) -> Void = { _ in }) throws {
    var config = try ModelConfig(contentsOf: example.appendingPathComponent("config.json"))
    change(&config)
    let out = folder.appendingPathComponent("base")
    try makeDirectory(out)
    let weights = Biased(random: RandomWeights(seed: 1, deviation: 0.1, layers: config.layerCount))
    try writeModelFolder(config, from: weights, to: out, type: .bfloat16)
    for file in tokenizer {
      try FileManager.default.copyItem(at: file, to: out.appendingPathComponent(file.lastPathComponent))
    }
  }

  private func files(_ names: [String]) -> [URL] { names.map(example.appendingPathComponent) }

  private func chat(_ model: String, _ question: String) throws -> String {
    let result = try assertSucceeds(
      "hybrid", ["generate", "--model", path(model), "--chat", "--prompt", question, "--tokens", "24", "--quiet"])
    return result.output
  }

  /// What transformers says to the same question, and the class that says it.
  private func peer(_ model: String, _ question: String) throws -> (class: String?, ids: [Int], text: String?) {
    guard let python = ProcessInfo.processInfo.environment["UPCYCLE_PEER_PYTHON"] else {
      throw XCTSkip("skipped from here: UPCYCLE_PEER_PYTHON names no Python with torch and transformers")
    }
    let script = repositoryRoot().appendingPathComponent("Scripts/goldens/transformers_chat.py").path
    let result = try launch(
      python, [script, path(model), question, "24"], environment: ["HF_HOME": path("cache")])
    XCTAssertEqual(result.status, 0, result.error)
    let answer = try JSONValue(parsing: Data(result.output.utf8), file: model)
    return (
      answer["class"]?.string, answer["ids"]?.array?.compactMap(\.int) ?? [], answer["text"]?.string
    )
  }

  private func assertPeerAgrees(_ model: String, as name: String, with own: String) throws {
    let answer = try peer(model, question)
    XCTAssertEqual(answer.class, name)
    XCTAssertEqual(answer.text, own, model)
    let template = try ChatTemplate(folder: folder.appendingPathComponent(model))
    var conversation = Conversation()
    conversation.append(role: "user", question)
    XCTAssertEqual(
      answer.ids,
      try Tokenizer.load(from: path(model)).encode(
        template.text(conversation, addingPrompt: true), parsingSpecials: true
      ).map(Int.init))
  }

  func testAChatCheckpointGoesInAndOut() throws {
    let carried = ["tokenizer.json", "tokenizer_config.json", "generation_config.json"]
    try base(tokenizer: files(carried))
    let chats = example.appendingPathComponent("messages.jsonl").path
    try assertSucceeds(
      "shards",
      [
        "pack", "--chat", "--input", chats, "--tokenizer", path("base"), "--hold-out", "5%", "--out", path("chats"),
        "--quiet",
      ])
    // Briefly trained: then it has something to say.
    try assertSucceeds(
      "xecomla",
      [
        "distill", "--student", path("base"), "--teacher", path("base"), "--kl-weight", "0", "--ce-weight", "1",
        "--data", path("chats"), "--tokens", "150k", "--batch", "2", "--sequence", "128", "--lr", "4e-3", "--out",
        path("trained"), "--quiet",
      ])
    let trained = try chat("trained", question)
    XCTAssertTrue(trained.hasPrefix("Anna lives in the"), trained)
    try assertSucceeds("xecomla", ["convert", "--model", path("trained"), "--kv-rank", "16", "--out", path("mla")])
    let distilled = try assertSucceeds(
      "xecomla",
      [
        "distill", "--student", path("mla"), "--teacher", path("trained"), "--data", path("chats"), "--held-out",
        path("chats-held-out"), "--tokens", "100k", "--batch", "2", "--sequence", "128", "--lr", "2e-3", "--out",
        path("sft"), "--quiet",
      ])
    // Measured on answers alone, as it is trained: what users ask is not learned.
    let losses = distilled.output.split(separator: "\n")[0].split(separator: " ").compactMap { Double($0) }
    XCTAssertEqual(losses.count, 2, distilled.output)
    XCTAssertLessThan(losses.last ?? 9, 1.5, distilled.output)
    let said = try chat("sft", question)
    XCTAssertTrue(said.hasPrefix("Anna lives in the"), said)
    XCTAssertFalse(said.contains("<|"), said)

    try assertSucceeds(
      "hybrid", ["export", "--model", path("sft"), "--format", "transformers", "--out", path("exported")])
    try assertSucceeds(
      "hybrid", ["export", "--model", path("trained"), "--format", "transformers", "--out", path("same")])
    try assertSucceeds("hybrid", ["export", "--model", path("trained"), "--format", "gguf", "--out", path("m.gguf")])
    for model in ["trained", "mla", "sft", "exported", "same"] {
      for name in carried {
        XCTAssertEqual(
          try readFile(folder.appendingPathComponent("\(model)/\(name)")),
          try readFile(example.appendingPathComponent(name)), "\(model)/\(name)")
      }
    }
    try assertTheConversationGoesOn("sft")
    // The biases have a place in the stock class.
    try assertPeerAgrees("exported", as: "DeepseekV3ForCausalLM", with: said)
    try assertPeerAgrees("same", as: "Qwen2ForCausalLM", with: trained)
    try assertLlamaCppWrites("m.gguf", trained)
  }

  /// A line of standard input after the other, the conversation so far before each.
  private func assertTheConversationGoesOn(_ model: String) throws {
    let result = try launch(
      "/bin/bash",
      [
        "-c",
        "printf '%s\\n\\n%s\\n' '\(question)' 'What does Ben have?' | \"$0\" generate --model \"$1\" --chat "
          + "--system 'Answer in one sentence.' --tokens 24 --quiet",
        builtProducts().appendingPathComponent("hybrid").path, path(model),
      ])
    XCTAssertEqual(result.status, 0, result.error)
    let lines = result.output.split(separator: "\n")
    XCTAssertEqual(lines.count, 2, result.output)
    // Another question, another answer; who has what, so small a model mixes up.
    XCTAssertTrue(lines.last?.contains(" has a ") == true, result.output)
  }

  private func assertLlamaCppWrites(_ file: String, _ text: String) throws {
    guard let python = ProcessInfo.processInfo.environment["UPCYCLE_PEER_PYTHON"],
      try launch(python, ["-c", "import xllamacpp"]).status == 0
    else { throw XCTSkip("skipped from here: xllamacpp absent") }
    let script = repositoryRoot().appendingPathComponent("Scripts/goldens/llamacpp_text.py").path
    var conversation = Conversation()
    conversation.append(role: "user", question)
    let prompt = try ChatTemplate(folder: example).text(conversation, addingPrompt: true)
    let result = try launch(python, [script, path(file), prompt, "24"])
    XCTAssertEqual(result.status, 0, result.error)
    let line = try XCTUnwrap(result.output.split(separator: "\n").last { $0.hasPrefix("{") })
    let answer = try XCTUnwrap(JSONValue(parsing: Data(line.utf8), file: "llama.cpp")["text"]?.string)
    XCTAssertTrue(answer.hasPrefix(text), "\(answer) instead of \(text)")
  }

  /// With Qwen's own vocabulary of 151,643 pieces, as merges and vocabulary without a tokenizer.json.
  func testTheRealVocabularyOnTheSameWay() throws {
    let shared = try sharedFolder("data/tokenizers/qwen_vocab.json").deletingLastPathComponent()
    for (from, to) in [("qwen_vocab.json", "vocab.json"), ("qwen_merges.txt", "merges.txt")] {
      try FileManager.default.copyItem(
        at: shared.appendingPathComponent(from), to: folder.appendingPathComponent(to))
    }
    // The example's settings with the ids of Qwen's special tokens.
    let names = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    var settings = try XCTUnwrap(
      JSONValue(contentsOf: example.appendingPathComponent("tokenizer_config.json")).object)
    let decoder = try XCTUnwrap(settings["added_tokens_decoder"]?.object)
    settings["added_tokens_decoder"] = .object(
      Dictionary(
        uniqueKeysWithValues: decoder.values.map { token in
          ("\(151_643 + (names.firstIndex(of: token["content"]?.string ?? "") ?? 0))", token)
        }))
    try writeFile(
      JSONValue.object(settings).text(pretty: true), to: folder.appendingPathComponent("tokenizer_config.json"))
    let own = ["vocab.json", "merges.txt", "tokenizer_config.json"].map(folder.appendingPathComponent)
    try base(tokenizer: own) {
      $0.vocabularySize = 151_936
      $0.layerCount = 2
      $0.mixers = [.attention, .attention]
      ($0.bosTokenId, $0.eosTokenIds) = (151_643, [151_645])
    }
    let chats = example.appendingPathComponent("messages.jsonl").path
    try assertSucceeds(
      "shards", ["pack", "--chat", "--input", chats, "--tokenizer", path("base"), "--out", path("chats"), "--quiet"])
    try assertSucceeds("xecomla", ["convert", "--model", path("base"), "--kv-rank", "16", "--out", path("mla")])
    try assertSucceeds(
      "xecomla",
      [
        "distill", "--student", path("mla"), "--teacher", path("base"), "--data", path("chats"), "--tokens", "512",
        "--sequence", "64", "--batch", "4", "--out", path("sft"), "--quiet",
      ])
    let said = try chat("sft", question)
    XCTAssertFalse(said.isEmpty)
    try assertSucceeds(
      "hybrid", ["export", "--model", path("sft"), "--format", "transformers", "--out", path("exported")])
    try assertSucceeds(
      "hybrid",
      ["export", "--model", path("base"), "--format", "gguf", "--dtype", "float32", "--out", path("m.gguf")])
    let plain = try chat("base", question)
    try assertPeerAgrees("exported", as: "DeepseekV3ForCausalLM", with: said)
    try assertLlamaCppWrites("m.gguf", plain)
  }
}
