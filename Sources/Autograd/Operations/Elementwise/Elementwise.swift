import CKernels
import TensorCore

extension Tape {
  /// a + b, same shapes (the residual connection).
  public func add(_ a: Variable, _ b: Variable) -> Variable {
    precondition(a.shape == b.shape)
    let y = Tensor(a.shape)
    parallelElements(y.count) {
      up_add(a.value.pointer + $0.lowerBound, b.value.pointer + $0.lowerBound, y.pointer + $0.lowerBound, $0.count)
    }
    return record(y, inputs: [a, b]) { dy in
      self.accumulate(dy, into: a)
      self.accumulate(dy, into: b)
    }
  }

  /// x itself. Its gradient comes to x where this node stands, which fixes its place in the sum of x's gradients.
  public func alias(_ x: Variable) -> Variable {
    record(x.value, inputs: [x]) { dy in self.accumulate(dy, into: x) }
  }

  /// a * b, element by element.
  public func multiply(_ a: Variable, _ b: Variable) -> Variable {
    precondition(a.shape == b.shape)
    let y = Tensor(a.shape)
    up_multiply(a.value.pointer, b.value.pointer, y.pointer, y.count)
    return record(y, inputs: [a, b]) { dy in
      for (target, other) in [(a, b), (b, a)] where target.id >= 0 {
        let d = Tensor(target.shape)
        up_multiply(dy.pointer, other.value.pointer, d.pointer, d.count)
        self.accumulate(d, into: target)
      }
    }
  }

  /// factor * x.
  public func scale(_ x: Variable, _ factor: Float) -> Variable {
    let y = x.value.copy()
    up_scale(factor, y.pointer, y.count)
    return record(y, inputs: [x]) { dy in
      let dx = dy.copy()
      up_scale(factor, dx.pointer, dx.count)
      self.accumulate(dx, into: x)
    }
  }

  /// Every row times its own constant factor: x [..., width], factors [rows].
  public func scaleRows(_ x: Variable, by factors: Tensor) -> Variable {
    precondition(factors.count == x.rowCount)
    func scaled(_ from: Tensor) -> Tensor {
      let to = from.copy()
      for row in 0..<x.rowCount { up_scale(factors.pointer[row], to.pointer + row * x.width, x.width) }
      return to
    }
    return record(scaled(x.value), inputs: [x]) { dy in self.accumulate(scaled(dy), into: x) }
  }

  /// silu(x) = x sigmoid(x).
  public func silu(_ x: Variable) -> Variable { elementwise(x, up_silu, up_silu_backward) }

  /// GELU by its tanh formula: 1/2 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))).
  public func gelu(_ x: Variable) -> Variable { elementwise(x, up_gelu, up_gelu_backward) }

  /// A function of every number by itself.
  /// - Parameters:
  ///   - forward: x, y, count
  ///   - backward: x, dy, dx, count
  private func elementwise(
    _ x: Variable, _ forward: @escaping (UnsafePointer<Float>?, UnsafeMutablePointer<Float>?, Int) -> Void,
    _ backward: @escaping (UnsafePointer<Float>?, UnsafePointer<Float>?, UnsafeMutablePointer<Float>?, Int) -> Void
  ) -> Variable {
    let y = Tensor(x.shape)
    parallelElements(y.count) { forward(x.value.pointer + $0.lowerBound, y.pointer + $0.lowerBound, $0.count) }
    return record(y, inputs: [x]) { dy in
      let dx = Tensor(x.shape)
      let dyPointer = dy.pointer
      parallelElements(dx.count) {
        backward(x.value.pointer + $0.lowerBound, dyPointer + $0.lowerBound, dx.pointer + $0.lowerBound, $0.count)
      }
      self.accumulate(dx, into: x)
    }
  }

  /// x * sigmoid(gate), same shapes (the output gate of Qwen3-Next's attention).
  public func sigmoidGate(_ x: Variable, _ gate: Variable) -> Variable {
    precondition(x.shape == gate.shape)
    let y = Tensor(x.shape)
    parallelElements(y.count) {
      up_sigmoid_gate(
        x.value.pointer + $0.lowerBound, gate.value.pointer + $0.lowerBound, y.pointer + $0.lowerBound, $0.count)
    }
    return record(y, inputs: [x, gate]) { dy in
      let (dx, dgate, dyPointer) = (Tensor(x.shape), Tensor(x.shape), dy.pointer)
      parallelElements(dx.count) {
        let low = $0.lowerBound
        up_sigmoid_gate_backward(
          x.value.pointer + low, gate.value.pointer + low, dyPointer + low, dx.pointer + low, dgate.pointer + low,
          $0.count)
      }
      self.accumulate(dx, into: x)
      self.accumulate(dgate, into: gate)
    }
  }

  /// Sum of all elements of a * weights, a scalar [1]: the random projection of gradient checks and the
  /// simplest loss. Summed in float64.
  public func dot(_ a: Variable, _ weights: Tensor) -> Variable {
    let y = Tensor([1], values: [Float(up_dot(a.value.pointer, weights.pointer, a.value.count))])
    return record(y, inputs: [a]) { dy in
      let da = weights.copy().reshaped(a.shape)
      up_scale(dy.pointer[0], da.pointer, da.count)
      self.accumulate(da, into: a)
    }
  }
}
