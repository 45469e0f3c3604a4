import TensorCore

extension Tape {
  /// Activation checkpointing: runs `body` without keeping its intermediates and runs it again, recording,
  /// when the backward pass arrives. Same bits as without, one more forward, the memory of one body.
  public func checkpoint(_ x: Variable, _ body: @escaping (Tape, Variable) -> Variable) -> Variable {
    checkpoint([x]) { [body($0, $1[0])] }[0]
  }

  /// The same with several inputs and results. The first result must take part in what follows: without a gradient of
  /// it the others' are not passed on.
  public func checkpoint(_ inputs: [Variable], _ body: @escaping (Tape, [Variable]) -> [Variable]) -> [Variable] {
    if !isRecording { return body(self, inputs) }
    let quiet = like(recording: false)
    let results = body(quiet, inputs.map { quiet.constant($0.value) }).map(\.value)
    let seeds = Seeds(count: results.count)
    // Parameters inside the body need gradients even when the inputs do not, so the node is always kept. Nodes of the
    // further results come after it, so that the backward pass has met them, and kept their gradients, when it gets
    // here.
    let first = recordAlways(results[0]) { dy in
      let inner = self.like(recording: true)
      let starts = inputs.map { inner.input($0.value) }
      let ends = body(inner, starts)
      seeds.gradients[0] = dy
      let given = zip(ends, seeds.gradients).compactMap { end, seed in seed.map { (end, $0) } }
      inner.backward(from: given)
      for (start, input) in zip(starts, inputs) {
        if let gradient = inner.gradient(of: start) { self.accumulate(gradient, into: input) }
      }
      seeds.gradients = []
    }
    let others = results.indices.dropFirst().map { index in
      recordAlways(results[index]) { seeds.gradients[index] = $0 }
    }
    return [first] + others
  }
}

extension Tape {
  /// An empty tape that computes as this one does.
  private func like(recording: Bool) -> Tape {
    let tape = Tape(recording: recording)
    (tape.isRowwise, tape.betweenOperations) = (isRowwise, betweenOperations)
    return tape
  }
}

/// Gradients of a body's results, as the backward pass meets them.
private final class Seeds {
  var gradients: [Tensor?]
  init(count: Int) { gradients = Array(repeating: nil, count: count) }
}
