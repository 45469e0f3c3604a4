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
  /// - Parameter between: called between the projections and the core (A and B of FarSkip brief 1.6); a recurrent mixer
  ///   is all core.
  public func forward(
    _ tape: Tape, _ x: Variable, batch: Int, time: Int, positionIds: [Int32], between: () -> Void = {}
  ) -> Variable {
    switch self {
    case .attention(let mixer):
      return mixer.forward(tape, x, batch: batch, time: time, positionIds: positionIds, between: between)
    case .latentAttention(let mixer):
      return mixer.forward(tape, x, batch: batch, time: time, positionIds: positionIds, between: between)
    case .mamba2(let mixer):
      between()
      return mixer.forward(tape, x, batch: batch, time: time)
    case .gatedDeltaNet(let mixer):
      between()
      return mixer.forward(tape, x, batch: batch, time: time)
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
