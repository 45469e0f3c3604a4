import CKernels
import TensorCore

extension Tape {
  /// y = x / sqrt(mean(x^2) + eps) * w over the innermost axis in groups of w's width: a [.., d] norm with
  /// w [d], or a per-head norm of [.., heads * headDim] with w [headDim]. Statistics in float32.
  /// - Parameter offset: what the weights are differences from; 1: y = ... * (1 + w) (Qwen3-Next)
  public func rmsNorm(_ x: Variable, _ weight: Parameter, eps: Float, offset: Float = 0) -> Variable {
    let width = weight.shape[0]
    let scale = offset == 0 ? weight.value : Tensor([width], values: weight.value.toArray().map { $0 + offset })
    precondition(x.width % width == 0)
    let rows = x.value.count / width
    let y = Tensor(x.shape)
    let inverse = Tensor([rows])
    Threads.parallelRows(rows, grain: max(1, 4096 / width)) { range in
      let start = range.lowerBound * width
      up_rms_norm(
        x.value.pointer + start, scale.pointer, y.pointer + start,
        inverse.pointer + range.lowerBound, range.count, width, eps)
    }
    return record(y, inputs: [x], parameters: [weight]) { dy in
      // Weight gradients: one partial sum per chunk, added in order.
      let chunks = min(2 * Threads.count, max(1, rows * width / 4096))
      let partial = Tensor.zeros([chunks, width])
      self.withGradient(of: x) { dx, add in
        Threads.parallel(chunks) { chunk in
          let low = rows * chunk / chunks
          let high = rows * (chunk + 1) / chunks
          up_rms_norm_backward(
            x.value.pointer + low * width, scale.pointer, inverse.pointer + low,
            dy.pointer + low * width, dx.pointer + low * width, partial.pointer + chunk * width, high - low,
            width, add ? 1 : 0)
        }
      }
      if x.id < 0 { self.rmsWeightGradient(x.value, inverse, dy, into: partial, weight) }
      if weight.isTrainable {
        let dw = weight.gradientBuffer()
        for chunk in 0..<chunks { up_axpy(1, partial.pointer + chunk * width, dw.pointer, width) }
      }
    }
  }

  /// The weight's gradient when the input needs none.
  private func rmsWeightGradient(
    _ x: Tensor, _ inverse: Tensor, _ dy: Tensor, into partial: Tensor, _ weight: Parameter
  ) {
    let scratch = Tensor(x.shape)
    up_rms_norm_backward(
      x.pointer, weight.value.pointer, inverse.pointer, dy.pointer, scratch.pointer, partial.pointer,
      inverse.count, weight.shape[0], 0)
  }
}
