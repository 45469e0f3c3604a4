import CKernels
import TensorCore

/// What a gated feed-forward bends its gate by. The raw value is the Hub's name of it.
public enum GateActivation: String, Sendable {
  /// x sigmoid(x)
  case silu
  /// GELU by its tanh formula (Gemma).
  case gelu = "gelu_pytorch_tanh"
}

extension Tape {
  /// y = f(gate) * up for rows [gate (F) | up (F)]: [..., 2F] -> [..., F]; f is silu (SwiGLU) unless said otherwise.
  public func swiGLU(_ gateUp: Variable, _ activation: GateActivation = .silu) -> Variable {
    let (forward, backward) = activation == .silu ? (up_swiglu, up_swiglu_backward) : (up_geglu, up_geglu_backward)
    let width = gateUp.width / 2
    let rows = gateUp.rowCount
    let y = Tensor(gateUp.shape.dropLast() + [width])
    let grain = max(1, 8192 / width)
    Threads.parallelRows(rows, grain: grain) { range in
      forward(
        gateUp.value.pointer + 2 * range.lowerBound * width, y.pointer + range.lowerBound * width, range.count, width)
    }
    return record(y, inputs: [gateUp]) { dy in
      let dx = Tensor(gateUp.shape)
      let dyPointer = dy.pointer
      Threads.parallelRows(rows, grain: grain) { range in
        backward(
          gateUp.value.pointer + 2 * range.lowerBound * width, dyPointer + range.lowerBound * width,
          dx.pointer + 2 * range.lowerBound * width, range.count, width)
      }
      self.accumulate(dx, into: gateUp)
    }
  }
}
