import Evaluation
import Foundation
import Groundwork
import ModelCore
import TensorCore

extension Workload {
  /// Llama-3.2-1B's shape in bfloat16, read where the file holds it: one token, and a prompt. A checkpoint of random
  /// numbers (2.5 GB) is written to the temporary folder at the first use and removed at the end.
  static var stored: [Workload] {
    guard let config = try? ModelConfig.preset("llama-3.2-1b") else { preconditionFailure("no preset llama-3.2-1b") }
    let (new, prompt) = (16, 512)
    let one = "llama-cpp \(config.peerShape) --prompt 1 --new \(new)"
    let long = "llama-cpp \(config.peerShape) --prompt \(prompt) --new 1 --prefill"
    return [
      Workload(
        name: "decode_llama_1b_bf16",
        summary: "greedy decoding of Llama-3.2-1B's shape at batch 1, \(new) tokens, weights in bfloat16 as stored",
        unit: "tokens/s", amount: Double(new), work: [(Double(2 * config.matrixNumbers * new), .read)],
        requests: ["llama.cpp bf16": "\(one) --type bf16", "llama.cpp q8_0": "\(one) --type q8_0"],
        mostRepeats: 5, note: "percent_of_peak: bytes of weights read, against reading alone"
      ) { decoding(try StoredCheckpoint.shared.model(config), new) },
      Workload(
        name: "decode_llama_1b_int8",
        summary: "the same, weights rounded to 8 bits with a scale a row",
        unit: "tokens/s", amount: Double(new), work: [(Double(config.matrixNumbers * new), .read)],
        requests: ["llama.cpp q8_0": "\(one) --type q8_0"],
        mostRepeats: 5, note: "percent_of_peak: bytes of weights read, against reading alone"
      ) { decoding(try StoredCheckpoint.shared.model(config, .int8), new) },
      Workload(
        name: "prefill_llama_1b_bf16",
        summary: "reading a prompt of \(prompt) tokens, Llama-3.2-1B's shape, weights in bfloat16 as stored",
        unit: "tokens/s", amount: Double(prompt), work: [(Double(2 * config.layerNumbers * prompt), .sgemm)],
        requests: ["llama.cpp bf16": "\(long) --type bf16", "llama.cpp q8_0": "\(long) --type q8_0"],
        mostRepeats: 3
      ) {
        let model = try StoredCheckpoint.shared.model(config)
        let ids = (0..<prompt).map { Int32(7919 * $0 % config.vocabularySize) }
        return { _ = try model.extend(model.makeCache(capacity: prompt), ids) }
      },
    ]
  }

  /// Tokens one after another, greedily enough.
  private static func decoding(_ model: LanguageModel, _ new: Int) -> () throws -> Void {
    {
      let cache = model.makeCache(capacity: new + 1)
      var next: [Int32] = [1]
      for _ in 0..<new {
        let logits = model.logits(try model.extend(cache, next))
        next = [Int32(logits.pointer[0] > 0 ? 2 : 3)]
      }
    }
  }
}

/// A model folder of random numbers, as long as the process lives.
private final class StoredCheckpoint {
  nonisolated(unsafe) static let shared = StoredCheckpoint()
  private let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
    "upcycle-bench-\(ProcessInfo.processInfo.processIdentifier)", isDirectory: true)
  private var models: [WeightStorage: LanguageModel] = [:]

  func model(_ config: ModelConfig, _ storage: WeightStorage = .asStored) throws -> LanguageModel {
    if let model = models[storage] { return model }
    try makeDirectory(folder)
    defer { try? FileManager.default.removeItem(at: folder) }  // what is mapped stays readable
    try writeModelFolder(config, from: RepeatedNumbers(), to: folder, type: .bfloat16)
    let loaded = try LanguageModel(folder: folder, storage: storage)
    models[storage] = loaded
    return loaded
  }
}

/// Numbers of a small normal distribution, a million of them over and over: speed does not depend on them.
private struct RepeatedNumbers: WeightSource {
  private let numbers: [Float]
  var names: Set<String>? { nil }

  init() {
    let stream = RandomStream(seed: 1, "bench weights")
    numbers = (0..<1 << 20).map { Float(0.02 * stream.normal(at: UInt64($0))) }
  }

  func read(_ tensor: TensorSpec, into destination: UnsafeMutablePointer<Float>) {
    for low in stride(from: 0, to: tensor.count, by: numbers.count) {
      (destination + low).update(from: numbers, count: min(numbers.count, tensor.count - low))
    }
  }
}
