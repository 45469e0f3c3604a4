import Evaluation
import Foundation
import Groundwork
import ModelCore
import Published
import TensorCore

extension Workload {
  /// One token after two million: nano-1b with 4 latent layers of 16 (16 + 4 numbers per token each) and Gated DeltaNet
  /// in the other 12, and the Transformer it came from with as long a context as the same cache bytes hold.
  static var longDecoding: [Workload] {
    let latent = [1, 5, 10, 14]
    guard
      let base = try? ModelConfig.preset("nano-1b"),
      let hybrid = try? base.withHybridLatents(layers: latent).withGatedDeltaNet(
        layers: (0..<base.layerCount).filter { !latent.contains($0) })
    else { preconditionFailure("no such hybrid of nano-1b") }
    let context = 2 << 20
    let same = (context * hybrid.kvNumbersPerToken + hybrid.stateNumbers) / base.kvNumbersPerToken
    return [
      decoding(
        "decode_2m", of: hybrid, "nano-1b with 4 latent-attention and 12 Gated DeltaNet layers", context: context),
      decoding("decode_2m_bytes_llama", of: base, "nano-1b, the cache bytes of decode_2m", context: same),
    ]
  }

  /// The time at the roofs is the sum of reading the cache and the state once (and writing the state), all products of
  /// the weights and the cache, and one exponential per head, layer and cached token.
  private static func decoding(_ name: String, of config: ModelConfig, _ what: String, context: Int) -> Workload {
    let (tokens, size) = (4, MemoryLayout<Float>.stride)
    let bytes = size * (context * config.kvNumbersPerToken + 2 * config.stateNumbers + config.parameterCount)
    var (products, exponentials) = (Double(config.parameterCount + 2 * config.stateNumbers), 0.0)
    for layer in 0..<config.layerCount where config.kvNumbersPerToken(layer: layer) > 0 {
      let heads = Double(config.attentionHeads * context)
      exponentials += heads
      products += Double(context * config.mixers[layer].mixer.costs(config, layer: layer).productsPerCachedToken)
    }
    var workload = Workload(
      name: name, summary: "one token after \(formatCount(context)), \(what)", unit: "s/token",
      note:
        "context \(context), cache \(size * context * config.kvNumbersPerToken) bytes of random numbers; roof: cache, state and weight bytes at memcpy's rate + products at sgemm's + exponentials at exp's"
    ) {
      let model = try LanguageModel(config, seed: 1)
      let cache = model.makeCache(capacity: context + 4096, positions: .max)
      for layer in cache.layers { layer.fillAtRandom(context, seed: 1) }
      var next: [Int32] = [1]
      return {
        for _ in 0..<tokens {
          let logits = model.logits(try model.extend(cache, next))
          next = [Int32(abs(logits.pointer[0]) * 1000) % Int32(config.vocabularySize)]
        }
      }
    }
    workload.repeated = tokens
    workload.mostRepeats = 9
    workload.work = [(Double(bytes), .memcpy), (2 * products, .sgemm), (exponentials, .exp)]
    return workload
  }
}
