import CKernels
import Distillation
import Foundation
import TensorCore

/// Losses that hold whole matrices of logits [tokens, vocab], as other implementations do: only for measuring what that
/// costs (HyLo Tables 1 and 9). Training uses `Tape.headLoss`.
///
/// Cross-entropy where there is no teacher, KL(teacher || student) where there is one, mean per token.
enum WholeLogits {
  /// Tokens whose softmaxes stand at once in the chunked form (HyLo Table 9).
  static let chunk = 4096

  /// d loss / d logits, and the loss. The fused form writes over `logits` and `teacher`.
  static func gradient(
    _ form: LossForm, logits: Tensor, teacher: Tensor?, targets: [Int32]
  ) -> (gradient: Tensor, loss: Double) {
    let rows = targets.count
    let losses = Tensor.zeros([2, rows])
    switch form {
    case .hidden: preconditionFailure("the hidden-state form makes no whole logits")
    case .naive:
      // As log_softmax, softmax and kl_div make them: each a matrix of its own.
      let logProbabilities = logSoftmax(logits)
      let probabilities = teacher?.copy()
      let gradient = logits.copy()
      softmaxes(gradient, probabilities, targets, 0..<rows, losses)
      return withExtendedLifetime((logProbabilities, probabilities)) { (gradient, mean(losses, teacher != nil)) }
    case .chunked:
      let gradient = logits.copy()
      for low in stride(from: 0, to: rows, by: chunk) {
        let range = low..<min(rows, low + chunk)
        softmaxes(gradient, teacher?.rows(range).copy(), targets, range, losses)
      }
      return (gradient, mean(losses, teacher != nil))
    case .fused:
      softmaxes(logits, teacher, targets, 0..<rows, losses)
      return (logits, mean(losses, teacher != nil))
    }
  }

  /// Rows `range` of `values`, logits, become d loss / d logits; `teacher` holds the same rows' logits and then their
  /// softmax.
  private static func softmaxes(
    _ values: Tensor, _ teacher: Tensor?, _ targets: [Int32], _ range: Range<Int>, _ losses: Tensor
  ) {
    let width = values.width
    let rows = targets.count
    targets.withUnsafeBufferPointer { targets in
      let targets = targets.baseAddress!
      Threads.parallelRows(range.count, grain: 16) { part in
        let low = range.lowerBound + part.lowerBound
        up_cross_entropy(
          values.pointer + low * width, teacher.map { $0.pointer + part.lowerBound * width }, targets + low, part.count,
          width, teacher == nil ? 1 : 0, teacher == nil ? 0 : 1, 1 / Float(rows), losses.pointer + low,
          losses.pointer + rows + low, 1)
      }
    }
  }

  private static func logSoftmax(_ logits: Tensor) -> Tensor {
    let (rows, width) = (logits.rowCount, logits.width)
    let result = Tensor([rows, width])
    let first = [Int32](repeating: 0, count: rows)
    let ofFirst = Tensor([rows])
    first.withUnsafeBufferPointer { first in
      let first = first.baseAddress!
      Threads.parallelRows(rows, grain: 16) { part in
        let low = part.lowerBound
        up_log_probability(logits.pointer + low * width, first, part.count, width, ofFirst.pointer + low, nil)
        for row in part {
          let (z, out) = (logits.pointer + row * width, result.pointer + row * width)
          // log Z = z[0] - log p[0].
          let logZ = z[0] - ofFirst.pointer[row]
          for i in 0..<width { out[i] = z[i] - logZ }
        }
      }
    }
    return result
  }

  private static func mean(_ losses: Tensor, _ hasTeacher: Bool) -> Double {
    let rows = losses.shape[1]
    var sum = 0.0
    for row in 0..<rows { sum += Double(losses.pointer[(hasTeacher ? rows : 0) + row]) }
    return sum / Double(rows)
  }
}
