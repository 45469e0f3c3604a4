import CKernels
import TensorCore

extension Tape {
  /// scale * sum over rows of |y - target|_2, or of its square: the losses of intermediate layer
  /// distillation (Zebra-Llama).
  /// - Returns: the scalar, and the unscaled sum in float64
  public func distance(_ y: Variable, to target: Tensor, squared: Bool, scale: Float) -> (loss: Variable, sum: Double) {
    let (rows, width) = (y.rowCount, y.width)
    precondition(y.value.count == target.count)
    let slope = Tensor(y.shape)
    let chunks = min(2 * Threads.count, rows)
    var sums = [Double](repeating: 0, count: chunks)
    sums.withUnsafeMutableBufferPointer { sums in
      let sums = sums.baseAddress!
      Threads.parallel(chunks) { chunk in
        let (low, high) = (rows * chunk / chunks, rows * (chunk + 1) / chunks)
        sums[chunk] = up_row_distances(
          y.value.pointer + low * width, target.pointer + low * width, slope.pointer + low * width, high - low, width,
          squared ? 1 : 0)
      }
    }
    let sum = sums.reduce(0, +)
    let loss = Tensor([1], values: [scale * Float(sum)])
    return (
      record(loss, inputs: [y]) { seed in
        let factor = scale * seed.pointer[0]
        parallelElements(slope.count) { up_scale(factor, slope.pointer + $0.lowerBound, $0.count) }
        self.accumulate(slope, into: y)
      }, sum
    )
  }
}
