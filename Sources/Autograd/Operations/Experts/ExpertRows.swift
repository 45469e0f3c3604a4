import CKernels
import TensorCore

extension Tape {
  /// One row per slot, sorted by expert: row r of the result [tokens * slots, width] is the row of slot r's token,
  /// times the slot's weight where `weights` are given (Llama-4 weighs an expert's input).
  /// - Parameters:
  ///   - x: [..., width], one row per token
  ///   - weights: [..., slots]
  public func dispatch(_ x: Variable, _ choice: ExpertChoice, weights: Variable? = nil) -> Variable {
    precondition(x.rowCount == choice.tokens)
    let (width, slots, rows) = (x.width, choice.slots, choice.chosen.count)
    let y = Tensor([rows, width])
    gather(x.value, choice, weights?.value, into: y)
    return record(y, inputs: [x] + (weights.map { [$0] } ?? [])) { dy in
      let dyPointer = dy.pointer
      self.withGradient(of: x) { dx, add in
        forRows(choice.tokens, width * slots) { some in
          choice.rowOfSlot.withUnsafeBufferPointer {
            up_combine_rows(
              dyPointer, $0.baseAddress! + some.lowerBound * slots,
              weights.map { UnsafePointer($0.value.pointer + some.lowerBound * slots) }, slots,
              dx.pointer + some.lowerBound * width, some.count, width, add)
          }
        }
      }
      if let weights { self.accumulateDots(x.value, dy, choice, into: weights) }
    }
  }

  /// The way back: out[t] = sum over slots j of w y[row of slot (t, j)], in the order of the slots, w the slot's
  /// weight, or 1 without `weights`: with one order of the sum every division of the experts among ranks gives the same
  /// bits. The result has the shape `leading` + [width].
  public func combine(_ y: Variable, _ choice: ExpertChoice, weights: Variable? = nil, leading: [Int]) -> Variable {
    let (width, slots) = (y.width, choice.slots)
    let out = Tensor(leading + [width])
    precondition(y.rowCount == choice.chosen.count && out.rowCount == choice.tokens)
    forRows(choice.tokens, width * slots) { some in
      choice.rowOfSlot.withUnsafeBufferPointer {
        up_combine_rows(
          y.value.pointer, $0.baseAddress! + some.lowerBound * slots,
          weights.map { UnsafePointer($0.value.pointer + some.lowerBound * slots) }, slots,
          out.pointer + some.lowerBound * width, some.count, width, false)
      }
    }
    return record(out, inputs: [y] + (weights.map { [$0] } ?? [])) { dout in
      if let weights { self.accumulateDots(dout, y.value, choice, into: weights) }
      let dy = Tensor(y.shape)
      self.gather(dout, choice, weights?.value, into: dy)
      self.accumulate(dy, into: y)
    }
  }

  private func gather(_ x: Tensor, _ choice: ExpertChoice, _ weights: Tensor?, into y: Tensor) {
    let width = x.width
    forRows(choice.chosen.count, width) { some in
      choice.slotOfRow.withUnsafeBufferPointer {
        up_gather_rows(
          x.pointer, $0.baseAddress! + some.lowerBound, weights.map { UnsafePointer($0.pointer) }, choice.slots,
          y.pointer + some.lowerBound * width, some.count, width)
      }
    }
  }

  /// Adds to the gradient of every slot's weight: the token's row of `byToken` times the slot's row of `bySlot`.
  private func accumulateDots(_ byToken: Tensor, _ bySlot: Tensor, _ choice: ExpertChoice, into weights: Variable) {
    if weights.id < 0 { return }
    let (width, slots) = (byToken.width, choice.slots)
    let dots = Tensor(weights.shape)
    forRows(choice.tokens, width * slots) { some in
      choice.rowOfSlot.withUnsafeBufferPointer {
        up_slot_dots(
          byToken.pointer + some.lowerBound * width, bySlot.pointer, $0.baseAddress! + some.lowerBound * slots, slots,
          dots.pointer + some.lowerBound * slots, some.count, width)
      }
    }
    accumulate(dots, into: weights)
  }
}

private func forRows(_ rows: Int, _ numbersPerRow: Int, _ body: (Range<Int>) -> Void) {
  if rows > 0 { Threads.parallelRows(rows, grain: max(1, 8192 / max(1, numbersPerRow)), body) }
}
