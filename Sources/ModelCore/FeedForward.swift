import Autograd

/// Gated feed-forward: y = (f(x W_gate^T) * (x W_up^T)) W_down^T; f is silu (SwiGLU) or GELU.
public struct FeedForward {
  public let gate: Parameter  // [F, D]
  public let up: Parameter  // [F, D]
  public let down: Parameter  // [D, F]
  let activation: GateActivation

  /// - Parameter role: of the layer's dense feed-forward, or of its shared experts
  init(
    _ weights: LayerWeights, _ role: (TensorRole.Projection) -> TensorRole, _ activation: GateActivation = .silu
  ) throws {
    self.activation = activation
    gate = try weights[role(.gate)]
    up = try weights[role(.up)]
    down = try weights[role(.down)]
  }

  /// x [..., D] -> [..., D].
  public func forward(_ tape: Tape, _ x: Variable) -> Variable {
    tape.linear(tape.swiGLU(tape.linear(x, [gate, up]), activation), down)
  }
}
