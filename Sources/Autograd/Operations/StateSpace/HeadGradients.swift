import CKernels
import TensorCore

/// Gradients of the heads' step sizes, rates and, where they have them, skips, which threads gather head by head.
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
  ///   - logRate: d loss / d A_log
  ///   - skip: d loss / d D
  func take(
    _ b: Int, _ h: Int, ddt: UnsafePointer<Float>, logRate: Double, skip: Double = 0, steps source: Variable,
    column: Int, stepBias: Parameter
  ) {
    let bias = up_softplus_column_backward(
      source.value.pointer + b * time * source.width + column + h, source.width, stepBias.value.pointer[h], ddt,
      steps.pointer + b * time * heads + h, heads, time)
    sums.pointer[b * heads + h] = Float(bias)
    sums.pointer[(batch + b) * heads + h] = Float(logRate)
    sums.pointer[(2 * batch + b) * heads + h] = Float(skip)
  }

  /// - Parameter parameters: step bias, A_log and, where heads have it, D
  func hand(to parameters: [Parameter]) {
    for (index, parameter) in parameters.enumerated() where parameter.isTrainable {
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
