import CKernels
import TensorCore

extension Tape {
  /// Mamba2's output norm: rmsNorm(y * silu(gate)) * w in groups of `group` columns, gate before norm.
  /// - Parameters:
  ///   - y: [..., W]
  ///   - gate: [..., *], of which `gateColumns` (W of them) are the gate
  public func gatedNorm(
    _ y: Variable, gate: Variable, gateColumns: Range<Int>, _ weight: Parameter, group: Int, eps: Float
  ) -> Variable {
    let (rows, width) = (y.rowCount, y.width)
    precondition(gateColumns.count == width && weight.shape == [width] && width % group == 0)
    let out = Tensor(y.shape)
    let groups = width / group
    let inverse = Tensor([rows, groups])
    let start = gateColumns.lowerBound
    Threads.parallelRows(rows, grain: max(1, 4096 / width)) { range in
      let low = range.lowerBound
      up_gated_norm(
        y.value.pointer + low * width, gate.value.pointer + low * gate.width + start, gate.width, weight.value.pointer,
        out.pointer + low * width, inverse.pointer + low * groups, range.count, width, group, eps)
    }
    return record(out, inputs: [y, gate], parameters: [weight]) { dout in
      // Weight gradients: one partial sum per chunk, added in order.
      let chunks = min(2 * Threads.count, max(1, rows * width / 4096))
      let (partial, dy, doutPointer) = (Tensor.zeros([chunks, width]), Tensor(y.shape), dout.pointer)
      func run(_ dgate: Tensor) {
        Threads.parallel(chunks) { chunk in
          let (low, high) = (rows * chunk / chunks, rows * (chunk + 1) / chunks)
          up_gated_norm_backward(
            y.value.pointer + low * width, gate.value.pointer + low * gate.width + start, gate.width,
            weight.value.pointer, inverse.pointer + low * groups, doutPointer + low * width, dy.pointer + low * width,
            dgate.pointer + low * gate.width + start, gate.width, partial.pointer + chunk * width, high - low, width,
            group)
        }
      }
      if gate.id >= 0 { self.addingGradient(of: gate, run) } else { run(Tensor.zeros(gate.shape)) }
      self.accumulate(dy, into: y)
      if weight.isTrainable {
        let dw = weight.gradientBuffer()
        for chunk in 0..<chunks { up_axpy(1, partial.pointer + chunk * width, dw.pointer, width) }
      }
    }
  }
}
