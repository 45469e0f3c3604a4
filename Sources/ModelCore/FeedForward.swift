import Autograd

/// SwiGLU feed-forward: y = (silu(x W_gate^T) * (x W_up^T)) W_down^T.
public struct FeedForward {
  public let gate: Parameter  // [F, D]
  public let up: Parameter  // [F, D]
  public let down: Parameter  // [D, F]

  /// - Parameters:
  ///   - width: F
  ///   - prefix: of the checkpoint names, without the dot
  init(hiddenSize: Int, width: Int, prefix: String, weights: WeightRequests) throws {
    gate = try weights.tensor("\(prefix).gate_proj.weight", [width, hiddenSize])
    up = try weights.tensor("\(prefix).up_proj.weight", [width, hiddenSize])
    down = try weights.tensor("\(prefix).down_proj.weight", [hiddenSize, width])
  }

  public func forward(_ tape: Tape, _ x: Variable) -> Variable {
    tape.linear(tape.swiGLU(tape.linear(x, [gate, up])), down)
  }
}
