import Autograd

/// Gated feed-forward: y = (f(x W_gate^T) * (x W_up^T)) W_down^T; f is silu (SwiGLU) or GELU. Without a gate (GPT-2):
/// y = gelu(x W_up^T + b_up) W_down^T + b_down.
public struct FeedForward {
  /// [F, D]; nil without a gate
  public let gate: Parameter?
  /// [F, D]: what the gate multiplies, or what GELU takes
  public let up: Parameter
  /// [D, F]: writes to the residual stream
  public let down: Parameter
  let biases: (up: Parameter, down: Parameter)?  // [F], [D]
  let activation: GateActivation

  /// - Parameter role: of the layer's dense feed-forward, or of its shared experts
  init(
    _ weights: LayerWeights, _ role: (TensorRole.Projection) -> TensorRole, _ activation: GateActivation = .silu
  ) throws {
    self.activation = activation
    gate = try weights.ifPresent(role(.gate))
    up = try weights[role(.up)]
    down = try weights[role(.down)]
    let bias = try weights.ifPresent(.feedForwardBias(.up))
    biases = try bias.map { ($0, try weights[.feedForwardBias(.down)]) }
  }

  /// What the down projection reads, x [..., D] -> [..., F].
  public func inner(_ tape: Tape, _ x: Variable) -> Variable {
    if let gate { return tape.swiGLU(tape.linear(x, [gate, up]), activation) }
    return tape.gelu(tape.linear(x, [up], biases: biases.map { [$0.up] } ?? []))
  }

  /// x [..., D] -> [..., D].
  public func forward(_ tape: Tape, _ x: Variable) -> Variable {
    let inner = inner(tape, x)
    return gate == nil ? tape.linear(inner, [down], biases: biases.map { [$0.down] } ?? []) : tape.linear(inner, down)
  }
}
