import Autograd
import TensorCore

/// The token mixer of one layer.
public enum Mixer {
  case attention(Attention)
  case latentAttention(LatentAttention)
  case mamba2(Mamba2)
  case gatedDeltaNet(GatedDeltaNet)

  init(_ config: ModelConfig, layer: Int, weights: WeightRequests) throws {
    switch config.mixers[layer] {
    case .attention: self = .attention(try Attention(config, layer: layer, weights: weights))
    case .latentAttention: self = .latentAttention(try LatentAttention(config, layer: layer, weights: weights))
    case .mamba2: self = .mamba2(try Mamba2(config, layer: layer, weights: weights))
    case .gatedDeltaNet: self = .gatedDeltaNet(try GatedDeltaNet(config, layer: layer, weights: weights))
    }
  }

  /// Cache numbers per token.
  public var cacheWidth: Int {
    switch self {
    case .attention(let mixer): return mixer.cacheWidth
    case .latentAttention(let mixer): return mixer.cacheWidth
    case .mamba2, .gatedDeltaNet: return 0
    }
  }

  /// Cache numbers per sequence that do not grow with it.
  public var stateNumbers: Int {
    switch self {
    case .attention, .latentAttention: return 0
    case .mamba2(let mixer): return mixer.stateNumbers
    case .gatedDeltaNet(let mixer): return mixer.stateNumbers
    }
  }

  /// Training: x [B, T, D], normed.
  func forward(_ tape: Tape, _ x: Variable, batch: Int, time: Int, positionIds: [Int32]) -> Variable {
    switch self {
    case .attention(let mixer): return mixer.forward(tape, x, batch: batch, time: time, positionIds: positionIds)
    case .latentAttention(let mixer): return mixer.forward(tape, x, batch: batch, time: time, positionIds: positionIds)
    case .mamba2(let mixer): return mixer.forward(tape, x, batch: batch, time: time)
    case .gatedDeltaNet(let mixer): return mixer.forward(tape, x, batch: batch, time: time)
    }
  }

  /// Decoding: rows [N, D] of several sequences, normed.
  func extend(_ tape: Tape, _ x: Variable, _ segments: [CacheSegment], positionIds: [Int32]) -> Variable {
    switch self {
    case .attention(let mixer): return mixer.extend(tape, x, segments, positionIds: positionIds)
    case .latentAttention(let mixer): return mixer.extend(tape, x, segments, positionIds: positionIds)
    case .mamba2(let mixer): return mixer.extend(tape, x, segments)
    case .gatedDeltaNet(let mixer): return mixer.extend(tape, x, segments)
    }
  }
}

/// One decoder layer: x + mixer(norm(x)), then x + feedForward(norm(x)); stock Mamba2 has no feed-forward.
public struct DecoderLayer {
  public let inputNorm: Parameter
  public let mixer: Mixer
  public let transform: Transform?
  let eps: Float
  let normOffset: Float

  /// The feed-forward behind its norm.
  public struct Transform {
    public let norm: Parameter
    public let feedForward: FeedForward
  }

  init(_ config: ModelConfig, index: Int, weights: WeightRequests) throws {
    eps = Float(config.rmsNormEps)
    normOffset = config.normOffset
    inputNorm = try weights.tensor(config.inputNormName(index), [config.hiddenSize])
    mixer = try Mixer(config, layer: index, weights: weights)
    let prefix = ModelConfig.layerPrefix(index)
    transform =
      config.architecture == .mamba2
      ? nil
      : Transform(
        norm: try weights.tensor(config.transformNormName(index), [config.hiddenSize]),
        feedForward: try FeedForward(config, prefix: "\(prefix)mlp", weights: weights))
  }

  /// Training: x [B, T, D].
  /// - Parameter probe: sees the mixer's output before it joins the residual stream.
  public func forward(
    _ tape: Tape, _ x: Variable, batch: Int, time: Int, positionIds: [Int32], probe: ((Variable) -> Void)? = nil
  ) -> Variable {
    let mixed = mixer.forward(
      tape, normed(tape, x, inputNorm), batch: batch, time: time, positionIds: positionIds)
    probe?(mixed)
    return transformed(tape, tape.add(x, mixed))
  }

  /// Decoding: rows [N, D] of several sequences.
  func extend(_ tape: Tape, _ x: Variable, _ segments: [CacheSegment], positionIds: [Int32]) -> Variable {
    let mixed = mixer.extend(tape, normed(tape, x, inputNorm), segments, positionIds: positionIds)
    return transformed(tape, tape.add(x, mixed))
  }

  private func transformed(_ tape: Tape, _ x: Variable) -> Variable {
    guard let transform else { return x }
    return tape.add(x, transform.feedForward.forward(tape, normed(tape, x, transform.norm)))
  }

  private func normed(_ tape: Tape, _ x: Variable, _ norm: Parameter) -> Variable {
    tape.rmsNorm(x, norm, eps: eps, offset: normOffset)
  }
}
