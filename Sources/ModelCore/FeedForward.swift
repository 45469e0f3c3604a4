import Autograd

/// SwiGLU feed-forward: y = (silu(x W_gate^T) * (x W_up^T)) W_down^T.
public struct FeedForward {
  public let gate: Parameter  // [F, D]
  public let up: Parameter  // [F, D]
  public let down: Parameter  // [D, F]

  init(_ config: ModelConfig, prefix: String, weights: WeightRequests) throws {
    gate = try weights.tensor("\(prefix).gate_proj.weight", [config.intermediateSize, config.hiddenSize])
    up = try weights.tensor("\(prefix).up_proj.weight", [config.intermediateSize, config.hiddenSize])
    down = try weights.tensor("\(prefix).down_proj.weight", [config.hiddenSize, config.intermediateSize])
  }

  func forward(_ tape: Tape, _ x: Variable) -> Variable {
    tape.linear(tape.swiGLU(tape.linear(x, [gate, up])), down)
  }
}
