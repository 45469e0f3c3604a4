import Autograd
import TensorCore

/// The token mixer of one layer.
public enum Mixer {
  case attention(Attention)
  case latentAttention(LatentAttention)

  /// Cache numbers per token.
  public var cacheWidth: Int {
    switch self {
    case .attention(let mixer): return mixer.cacheWidth
    case .latentAttention(let mixer): return mixer.cacheWidth
    }
  }
}

/// One decoder layer: x + mixer(norm(x)), then x + feedForward(norm(x)).
public struct DecoderLayer {
  public let inputNorm: Parameter
  public let mixer: Mixer
  public let postNorm: Parameter
  public let feedForward: FeedForward
  let eps: Float

  init(_ config: ModelConfig, index: Int, weights: WeightRequests) throws {
    let prefix = "model.layers.\(index)"
    eps = Float(config.rmsNormEps)
    inputNorm = try weights.tensor("\(prefix).input_layernorm.weight", [config.hiddenSize])
    switch config.mixers[index] {
    case .attention:
      mixer = .attention(try Attention(config, layer: index, weights: weights))
    case .latentAttention:
      mixer = .latentAttention(
        try LatentAttention(config, layer: index, weights: weights))
    }
    postNorm = try weights.tensor("\(prefix).post_attention_layernorm.weight", [config.hiddenSize])
    feedForward = try FeedForward(config, prefix: "\(prefix).mlp", weights: weights)
  }

  /// Training: x [B, T, D].
  func forward(_ tape: Tape, _ x: Variable, batch: Int, time: Int, positionIds: [Int32]) -> Variable {
    let normed = tape.rmsNorm(x, inputNorm, eps: eps)
    let mixed: Variable
    switch mixer {
    case .attention(let mixer):
      mixed = mixer.forward(tape, normed, batch: batch, time: time, positionIds: positionIds)
    case .latentAttention(let mixer):
      mixed = mixer.forward(tape, normed, batch: batch, time: time, positionIds: positionIds)
    }
    return transform(tape, tape.add(x, mixed))
  }

  /// Decoding: rows [N, D] of several sequences.
  func extend(_ tape: Tape, _ x: Variable, _ segments: [CacheSegment], positionIds: [Int32]) -> Variable {
    let normed = tape.rmsNorm(x, inputNorm, eps: eps)
    let mixed: Variable
    switch mixer {
    case .attention(let mixer): mixed = mixer.extend(tape, normed, segments, positionIds: positionIds)
    case .latentAttention(let mixer): mixed = mixer.extend(tape, normed, segments, positionIds: positionIds)
    }
    return transform(tape, tape.add(x, mixed))
  }

  private func transform(_ tape: Tape, _ x: Variable) -> Variable {
    tape.add(x, feedForward.forward(tape, tape.rmsNorm(x, postNorm, eps: eps)))
  }
}
