import CKernels
import TensorCore

extension Tape {
  /// y = (x - mean(x)) / sqrt(var(x) + eps) * w + b over the innermost axis (GPT-2): x [.., d], w and b [d].
  ///
  /// The variance of x is the mean square of what is left when the mean is taken away, so an RMS norm does the rest.
  public func layerNorm(_ x: Variable, _ weight: Parameter, _ bias: Parameter, eps: Float) -> Variable {
    shifted(rmsNorm(centered(x), weight, eps: eps), by: bias)
  }

  /// x - mean(x) over the innermost axis, which is its own transpose: dx = dy - mean(dy).
  private func centered(_ x: Variable) -> Variable {
    func centered(_ from: Tensor) -> Tensor {
      let (to, width) = (Tensor(from.shape), from.width)
      Threads.parallelRows(from.rowCount, grain: max(1, 4096 / width)) { range in
        for row in range {
          let (source, target) = (from.pointer + row * width, to.pointer + row * width)
          var sum = 0.0
          for i in 0..<width { sum += Double(source[i]) }
          let mean = Float(sum / Double(width))
          for i in 0..<width { target[i] = source[i] - mean }
        }
      }
      return to
    }
    return record(centered(x.value), inputs: [x]) { dy in self.accumulate(centered(dy), into: x) }
  }

  /// x + b in every row: x [.., d], b [d].
  private func shifted(_ x: Variable, by bias: Parameter) -> Variable {
    let y = x.value.copy()
    up_add_bias(y.pointer, bias.value.pointer, y.rowCount, y.width)
    return record(y, inputs: [x], parameters: [bias]) { dy in
      self.accumulate(dy, into: x)
      if bias.isTrainable { up_column_sums(dy.pointer, bias.gradientBuffer().pointer, dy.rowCount, dy.width) }
    }
  }
}
