import CKernels
import TensorCore

extension Tape {
  /// y = silu(gate) * up for rows [gate (F) | up (F)]: [..., 2F] -> [..., F].
  public func swiGLU(_ gateUp: Variable) -> Variable {
    let width = gateUp.width / 2
    let rows = gateUp.rowCount
    let y = Tensor(gateUp.shape.dropLast() + [width])
    let grain = max(1, 8192 / width)
    Threads.parallelRows(rows, grain: grain) { range in
      up_swiglu(
        gateUp.value.pointer + 2 * range.lowerBound * width, y.pointer + range.lowerBound * width, range.count, width)
    }
    return record(y, inputs: [gateUp]) { dy in
      let dx = Tensor(gateUp.shape)
      let dyPointer = dy.pointer
      Threads.parallelRows(rows, grain: grain) { range in
        up_swiglu_backward(
          gateUp.value.pointer + 2 * range.lowerBound * width, dyPointer + range.lowerBound * width,
          dx.pointer + 2 * range.lowerBound * width, range.count, width)
      }
      self.accumulate(dx, into: gateUp)
    }
  }
}
