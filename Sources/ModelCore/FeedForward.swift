import Autograd

/// SwiGLU feed-forward: y = (silu(x W_gate^T) * (x W_up^T)) W_down^T.
public struct FeedForward {
  public let gate: Parameter  // [F, D]
  public let up: Parameter  // [F, D]
  public let down: Parameter  // [D, F]

  /// - Parameter role: of the layer's dense feed-forward, or of its shared experts
  init(_ weights: LayerWeights, _ role: (TensorRole.Projection) -> TensorRole) throws {
    gate = try weights[role(.gate)]
    up = try weights[role(.up)]
    down = try weights[role(.down)]
  }

  /// x [..., D] -> [..., D].
  public func forward(_ tape: Tape, _ x: Variable) -> Variable {
    tape.linear(tape.swiGLU(tape.linear(x, [gate, up])), down)
  }
}
