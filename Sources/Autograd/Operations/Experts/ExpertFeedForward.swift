import CKernels
import TensorCore

extension Tape {
  /// The experts on their rows: y = (silu(x W_gate^T) * (x W_up^T)) W_down^T with each row's own expert, rows
  /// starts[e] ..< starts[e + 1] being expert e's: x [rows, D] -> [rows, D].
  ///
  /// As `groupedLinear`, `swiGLU` and `groupedLinear` one after the other, to the bit, but block by block, so that what
  /// lies between the products stays in the cache. Only gate and up [rows, 2 F] are kept for the backward pass.
  /// - Parameters:
  ///   - gateUp: [D -> 2 F], gate first
  ///   - down: [F -> D]
  ///   - starts: [experts + 1], from 0 to the number of rows
  public func expertFeedForward(_ x: Variable, gateUp: ExpertMatrices, down: ExpertMatrices, starts: [Int]) -> Variable
  {
    let (width, hidden) = (x.width, down.inWidth)
    precondition(
      starts.count == gateUp.count + 1 && starts.last == x.rowCount && gateUp.inWidth == width
        && gateUp.outWidth == 2 * hidden && down.outWidth == width)
    let y = Tensor(x.shape)
    let kept = isRecording ? Tensor([x.rowCount, 2 * hidden]) : nil
    let (source, target) = (x.value.pointer, y.pointer)
    let (upPieces, downPieces, blocks) = (gateUp.pieces(), down.pieces(), RowBlock.all(starts))
    forBlocks(blocks) { expert, low, rows in
      let space = Tensor([rows, kept == nil ? 3 * hidden : hidden])
      let both = kept.map { $0.pointer + low * 2 * hidden } ?? space.pointer + rows * hidden
      gateUp.multiply(upPieces[expert], source + low * width, rows: rows, into: both)
      up_swiglu(both, space.pointer, rows, hidden)
      down.multiply(downPieces[expert], space.pointer, rows: rows, into: target + low * width)
    }
    guard let kept else { return constant(y) }
    return record(y, inputs: [x], parameters: gateUp.parameters + down.parameters) { dy in
      // The experts' inner values again, and their gradient.
      let (inner, dBoth) = (Tensor([x.rowCount, hidden]), Tensor(kept.shape))
      let dyPointer = dy.pointer
      forBlocks(blocks) { expert, low, rows in
        let (both, dInner) = (kept.pointer + low * 2 * hidden, Tensor([rows, hidden]))
        up_swiglu(both, inner.pointer + low * hidden, rows, hidden)
        down.multiplyBack(downPieces[expert], dyPointer + low * width, rows: rows, into: dInner.pointer, add: false)
        up_swiglu_backward(both, dInner.pointer, dBoth.pointer + low * 2 * hidden, rows, hidden)
      }
      self.withGradient(of: x) { dx, add in
        let dxPointer = dx.pointer
        forBlocks(blocks) { expert, low, rows in
          gateUp.multiplyBack(
            upPieces[expert], dBoth.pointer + low * 2 * hidden, rows: rows, into: dxPointer + low * width, add: add)
        }
      }
      self.groupedWeightGradients(x.value, gateUp, starts, dBoth)
      self.groupedWeightGradients(inner, down, starts, dy)
    }
  }
}

private func forBlocks(_ blocks: [RowBlock], _ body: (_ expert: Int, _ low: Int, _ rows: Int) -> Void) {
  Threads.parallel(blocks.count) { index in
    body(blocks[index].expert, blocks[index].rows.lowerBound, blocks[index].rows.count)
  }
}
