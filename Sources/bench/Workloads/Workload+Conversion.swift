import Foundation
import Groundwork
import ModelCore
import Published
import Upcycling

extension Workload {
  /// All attention layers of Llama-3.2-1B (random weights) to latent attention, kv rank 64, from matrices in
  /// memory to matrices in memory. Everything else of a checkpoint is copied, so the stand-in has none of it.
  static var conversion: Workload {
    let rank = 64
    guard var config = try? ModelConfig.preset("llama-3.2-1b") else { preconditionFailure("no preset llama-3.2-1b") }
    config.vocabularySize = 64
    config.intermediateSize = 64
    config.bosTokenId = nil
    config.eosTokenIds = []
    let d = config.hiddenSize
    let keyValueRows = 2 * config.keyValueHeads * config.headDim
    /// Gram matrix, its tridiagonal form, the vectors back, the other factor: of an m x d matrix, rank r.
    func operations(_ m: Int, _ r: Int) -> Double {
      let k = Double(min(m, d))
      return 2 * Double(m * d) * k + 4.0 / 3 * k * k * k + 2 * k * k * Double(r) + 2 * Double(m * d * r)
    }
    let inner = config.attentionHeads * config.headDim
    let work = Double(config.layerCount) * (operations(inner, 1424) + operations(keyValueRows, rank))
    let shape =
      "convert --hidden \(d) --heads \(config.attentionHeads) --kv-heads \(config.keyValueHeads) "
      + "--head-dim \(config.headDim) --layers \(config.layerCount)"
    return Workload(
      name: "convert_llama_1b",
      summary:
        "factorising the attention of Llama-3.2-1B's shapes, beside torch.linalg.svd as the official code uses it",
      unit: "s", amount: nil, work: [(work, .sgemm)], requests: ["torch.linalg.svd": shape], mostRepeats: 3,
      note:
        "peer: one layer's two decompositions (heads repeated, full matrices) times 16; ours: the whole conversion, in float64, against a float32 roof"
    ) { [config] in
      let base = try LanguageModel(config, weights: RandomWeights(seed: 1, layers: config.layerCount))
      let conversion = LatentConversion(kvRank: rank, queryRank: .auto, nopeHeadDim: 32, ropeHeadDim: 32)
      return { _ = try convert(base: base, conversion) }
    }
  }
}
