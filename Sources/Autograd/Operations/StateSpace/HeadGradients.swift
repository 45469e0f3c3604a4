import CKernels
import TensorCore

/// Gradients of the heads' step sizes, rates and skips, which threads gather head by head.
struct HeadGradients {
  private let steps: Tensor  // [batch, T, heads]
  private let sums: Tensor  // [3, batch, heads]: of step bias, A_log, D
  private let batch: Int
  private let time: Int
  private let heads: Int

  init(batch: Int, time: Int, heads: Int) {
    (self.batch, self.time, self.heads) = (batch, time, heads)
    steps = Tensor.zeros([batch, time, heads])
    sums = Tensor([3, batch, heads])
  }

  /// Of head h of sequence b, each once.
  /// - Parameters:
  ///   - ddt: d loss / d dt, [T]
  ///   - rate: d loss / d A
  ///   - skip: d loss / d D
  func take(
    _ b: Int, _ h: Int, ddt: UnsafePointer<Float>, rate: Double, skip: Double, steps source: Variable, column: Int,
    stepBias: Parameter, logRate: Parameter
  ) {
    let bias = up_softplus_column_backward(
      source.value.pointer + b * time * source.width + column + h, source.width, stepBias.value.pointer[h], ddt,
      steps.pointer + b * time * heads + h, heads, time)
    sums.pointer[b * heads + h] = Float(bias)
    // A = -e^{logRate}: dA/dlogRate = A.
    sums.pointer[(batch + b) * heads + h] = Float(rate * Double(stateSpaceRate(logRate.value.pointer[h])))
    sums.pointer[(2 * batch + b) * heads + h] = Float(skip)
  }

  func hand(to stepBias: Parameter, _ logRate: Parameter, _ skip: Parameter) {
    for (index, parameter) in [stepBias, logRate, skip].enumerated() where parameter.isTrainable {
      for b in 0..<batch {
        up_axpy(1, sums.pointer + (index * batch + b) * heads, parameter.gradientBuffer().pointer, heads)
      }
    }
  }

  func hand(to source: Variable, column: Int, on tape: Tape) {
    if source.id < 0 { return }
    tape.addingGradient(of: source) {
      up_add_block(steps.pointer, heads, $0.pointer + column, source.width, batch * time, heads)
    }
  }
}
