import Autograd
import Distillation
import Evaluation
import Foundation
import Groundwork
import ModelCore
import Published

extension ModelConfig {
  /// Arguments of peer.py that describe this shape.
  var peerShape: String {
    "--hidden \(hiddenSize) --layers \(layerCount) --heads \(attentionHeads) --kv-heads \(keyValueHeads) "
      + "--head-dim \(headDim) --feed-forward \(intermediateSize) --vocab \(vocabularySize)"
      + (tieWordEmbeddings ? " --tied" : "")
  }

  /// Numbers of the layers' matrices, which every token is multiplied with.
  var layerNumbers: Int {
    let attention = hiddenSize * headDim * (2 * attentionHeads + 2 * keyValueHeads)
    return layerCount * (attention + 3 * hiddenSize * intermediateSize)
  }

  /// The same with the head.
  var matrixNumbers: Int { layerNumbers + vocabularySize * hiddenSize }

  /// nano-1b with the latent attention of the hybrids in these layers, 16 + 4 numbers per token each.
  func withHybridLatents(layers: [Int]) throws -> ModelConfig {
    try withLatentAttention(
      LatentConfig(qRank: 84, kvRank: 16, nopeHeadDim: 4, ropeHeadDim: 4, valueHeadDim: 8, upProjectionHeads: 8),
      layers: layers)
  }

  /// Operations of one training step: 6 per number and token, and causal attention's scores and mixtures.
  func trainingOperations(batch: Int, time: Int) -> Double {
    let products = 6 * Double(matrixNumbers) * Double(batch * time)
    // 2 products of width headDim forward and 4 backward over the causal half; recomputation is not counted.
    let attention = 6.0 * Double(layerCount * attentionHeads * headDim) * Double(batch * time * time)
    return products + attention
  }
}

/// The same random tokens in every step: the numbers do not change the speed.
private final class RandomBatches: BatchSource {
  private let ids: [Int32]
  private let targets: [Int32]

  init(vocabulary: Int, count: Int) {
    let stream = RandomStream(seed: 1, "bench batches")
    let all = (0...count).map { Int32(stream.below(vocabulary, at: UInt64($0))) }
    ids = Array(all.dropLast())
    targets = Array(all.dropFirst())
  }

  func batch(step: Int) -> (ids: [Int32], targets: [Int32]) { (ids, targets) }
}

extension Workload {
  /// Forward, backward, clipping and AdamW on 8 sequences of 256 tokens, float32.
  static func training(_ name: String, preset: String) -> Workload {
    guard let config = try? ModelConfig.preset(preset) else { preconditionFailure("no preset \(preset)") }
    var workload = training(name, of: config, called: "\(preset), beside PyTorch, eager and compiled")
    workload.work = [(config.trainingOperations(batch: 8, time: 256), .sgemm)]
    let request = "train \(config.peerShape) --batch 8 --time 256"
    workload.requests = ["eager": request, "torch.compile": "\(request) --compiled"]
    return workload
  }

  /// What a step of a hybrid costs: nano-1b as it is, and with four latent-attention layers and twelve of Mamba2
  /// (Zebra-Llama-1B 4MLA-12M2).
  static var hybridTraining: [Workload] {
    guard
      let base = try? ModelConfig.preset("nano-1b"),
      let hybrid = try? base.withHybridLatents(layers: [0, 5, 10, 14]).withMamba2(
        layers: (0..<16).filter { ![0, 5, 10, 14].contains($0) })
    else { preconditionFailure("no such hybrid of nano-1b") }
    return [
      training("train_nano_1b", of: base, called: "nano-1b"),
      training("train_nano_1b_4mla_12m2", of: hybrid, called: "nano-1b with 4 latent-attention and 12 Mamba2 layers"),
    ]
  }

  /// What FarSkip's connectivity costs where there is nothing to hide: both graphs by turns on one rank.
  static var connectivity: Workload {
    guard
      let standard = try? ModelConfig.preset("nano-qwen-moe"),
      let farskip = try? standard.connecting(Array(0..<standard.layerCount), as: .farskip)
    else { preconditionFailure("no nano-qwen-moe") }
    var workload = training(
      "train_moe_farskip", of: farskip,
      called: "nano-qwen-moe with FarSkip's connectivity; in the peer's place the ordinary graph")
    workload.beside = training("train_moe_standard", of: standard, called: "").prepare
    return workload
  }

  private static func training(_ name: String, of config: ModelConfig, called what: String) -> Workload {
    let (batch, time) = (8, 256)
    return Workload(
      name: name, summary: "training step of batch \(batch) x \(time): \(what)", unit: "tokens/s",
      amount: Double(batch * time)
    ) {
      let model = try LanguageModel(config, weights: RandomWeights(seed: 1, layers: config.layerCount))
      let plan = TrainingPlan(tokens: batch * time * 1_000_000, batch: batch, time: time, learningRate: 1e-4)
      let trainer = try Trainer(
        student: model, batches: RandomBatches(vocabulary: config.vocabularySize, count: batch * time), plan: plan)
      return { _ = try trainer.trainStep() }
    }
  }

  /// Greedy text at batch 1: a prompt of 32 tokens and 224 new ones, both in the time.
  static func decoding(_ name: String, preset: String) -> Workload {
    let (prompt, new) = (32, 224)
    guard let config = try? ModelConfig.preset(preset) else { preconditionFailure("no preset \(preset)") }
    return Workload(
      name: name,
      summary:
        "greedy decoding of \(preset) at batch 1, prompt \(prompt) + \(new) new tokens, beside transformers and llama.cpp",
      unit: "tokens/s", amount: Double(new), work: [(Double(4 * config.matrixNumbers * new), .memcpy)],
      requests: [
        "transformers": "decode \(config.peerShape) --prompt \(prompt) --new \(new)",
        "llama.cpp": "llama-cpp \(config.peerShape) --prompt \(prompt) --new \(new)",
      ],
      note:
        "percent_of_peak: bytes of weights read, against copying beyond the caches; weights that fit the last-level cache may pass 100"
    ) {
      let model = try LanguageModel(config, weights: RandomWeights(seed: 1, layers: config.layerCount))
      let ids = (0..<prompt).map { Int32(7 * $0 % config.vocabularySize) }
      return { _ = try generate(model, prompt: ids, maximum: new) }
    }
  }
}
