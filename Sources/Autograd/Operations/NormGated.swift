import CKernels
import TensorCore

extension Tape {
  /// Gated DeltaNet's output norm: rmsNorm(y) * w * silu(gate) in heads of w's width, norm before gate.
  /// - Parameters:
  ///   - y: [..., heads * V]
  ///   - gate: [..., *], of which `gateColumns` (as many as y has) are the gate
  ///   - weight: [V], shared by the heads
  public func normGated(
    _ y: Variable, gate: Variable, gateColumns: Range<Int>, _ weight: Parameter, eps: Float
  ) -> Variable {
    let (rows, width, head) = (y.rowCount, y.width, weight.shape[0])
    precondition(gateColumns.count == width && width % head == 0)
    let heads = width / head
    let (out, inverse) = (Tensor(y.shape), Tensor([rows, heads]))
    let start = gateColumns.lowerBound
    Threads.parallelRows(rows, grain: max(1, 4096 / width)) { range in
      let low = range.lowerBound
      up_norm_gated(
        y.value.pointer + low * width, gate.value.pointer + low * gate.width + start, gate.width, weight.value.pointer,
        out.pointer + low * width, inverse.pointer + low * heads, range.count, heads, head, eps)
    }
    return record(out, inputs: [y, gate], parameters: [weight]) { dout in
      // Weight gradients: one partial sum per chunk, added in order.
      let chunks = min(2 * Threads.count, max(1, rows * width / 4096))
      let (partial, dy, doutPointer) = (Tensor.zeros([chunks, head]), Tensor(y.shape), dout.pointer)
      func run(_ dgate: Tensor) {
        Threads.parallel(chunks) { chunk in
          let (low, high) = (rows * chunk / chunks, rows * (chunk + 1) / chunks)
          up_norm_gated_backward(
            y.value.pointer + low * width, gate.value.pointer + low * gate.width + start, gate.width,
            weight.value.pointer, inverse.pointer + low * heads, doutPointer + low * width, dy.pointer + low * width,
            dgate.pointer + low * gate.width + start, gate.width, partial.pointer + chunk * head, high - low, heads,
            head)
        }
      }
      if gate.id >= 0 { self.addingGradient(of: gate, run) } else { run(Tensor.zeros(gate.shape)) }
      self.accumulate(dy, into: y)
      if weight.isTrainable {
        let dw = weight.gradientBuffer()
        for chunk in 0..<chunks { up_axpy(1, partial.pointer + chunk * head, dw.pointer, head) }
      }
    }
  }
}
