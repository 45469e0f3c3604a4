import CKernels
import TensorCore

/// Which of norm and gate comes first in `Tape.gatedNorm`.
public enum GatedNormOrder: Sendable {
  /// Mamba2: u = y silu(gate), out = u / sqrt(mean(u^2) + eps) * w in groups of `group` columns; w [W].
  case gateThenNorm(group: Int)
  /// Gated DeltaNet: out = y / sqrt(mean(y^2) + eps) * w * silu(gate) in heads of w's width; w [V], shared by the heads.
  case normThenGate
}

extension Tape {
  /// The output norm of a recurrent mixer: root mean square norm and SiLU gate, in the order of `order`.
  /// - Parameters:
  ///   - y: [..., W]
  ///   - gate: [..., *], of which `gateColumns` (W of them) are the gate
  ///   - weight: [W], or [V] where V divides W
  /// - Returns: [..., W]
  public func gatedNorm(
    _ y: Variable, gate: Variable, gateColumns: Range<Int>, _ weight: Parameter, order: GatedNormOrder, eps: Float
  ) -> Variable {
    let (rows, width, weightWidth) = (y.rowCount, y.width, weight.shape[0])
    let (group, forward, backward) =
      switch order {
      case .gateThenNorm(let group): (group, up_gate_then_norm, up_gate_then_norm_backward)
      case .normThenGate: (weightWidth, up_norm_then_gate, up_norm_then_gate_backward)
      }
    precondition(gateColumns.count == width && width % group == 0)
    if case .gateThenNorm = order { precondition(weightWidth == width) }
    let out = Tensor(y.shape)
    let groups = width / group
    let inverse = Tensor([rows, groups])
    let start = gateColumns.lowerBound
    Threads.parallelRows(rows, grain: max(1, 4096 / width)) { range in
      let low = range.lowerBound
      forward(
        y.value.pointer + low * width, gate.value.pointer + low * gate.width + start, gate.width, weight.value.pointer,
        out.pointer + low * width, inverse.pointer + low * groups, range.count, width, group, eps)
    }
    return record(out, inputs: [y, gate], parameters: [weight]) { dout in
      // Weight gradients: one partial sum per chunk, added in order.
      let chunks = min(2 * Threads.count, max(1, rows * width / 4096))
      let (partial, dy, doutPointer) = (Tensor.zeros([chunks, weightWidth]), Tensor(y.shape), dout.pointer)
      func run(_ dgate: Tensor) {
        Threads.parallel(chunks) { chunk in
          let (low, high) = (rows * chunk / chunks, rows * (chunk + 1) / chunks)
          backward(
            y.value.pointer + low * width, gate.value.pointer + low * gate.width + start, gate.width,
            weight.value.pointer, inverse.pointer + low * groups, doutPointer + low * width, dy.pointer + low * width,
            dgate.pointer + low * gate.width + start, gate.width, partial.pointer + chunk * weightWidth, high - low,
            width, group)
        }
      }
      if gate.id >= 0 { self.addingGradient(of: gate, run) } else { run(Tensor.zeros(gate.shape)) }
      self.accumulate(dy, into: y)
      if weight.isTrainable {
        let dw = weight.gradientBuffer()
        for chunk in 0..<chunks { up_axpy(1, partial.pointer + chunk * weightWidth, dw.pointer, weightWidth) }
      }
    }
  }
}
