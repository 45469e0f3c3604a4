import TensorCore

extension Tape {
  /// Activation checkpointing: runs `body` without keeping its intermediates and runs it again, recording,
  /// when the backward pass arrives. Same bits as without, one more forward, the memory of one body.
  public func checkpoint(_ x: Variable, _ body: @escaping (Tape, Variable) -> Variable) -> Variable {
    if !isRecording { return body(self, x) }
    let quiet = Tape(recording: false)
    let y = body(quiet, quiet.constant(x.value)).value
    // Parameters inside the body need gradients even when x does not, so the node is always kept.
    return recordAlways(y) { dy in
      let inner = Tape(recording: true)
      let start = inner.input(x.value)
      let end = body(inner, start)
      inner.backward(from: end, seed: dy)
      if let dx = inner.gradient(of: start) { self.accumulate(dx, into: x) }
    }
  }
}
