import CKernels
import TensorCore

extension Tape {
  /// Log-probability of one given token per position, the language-model head fused in:
  ///   out[row] = log softmax(hidden[row] head^T)[targets[row]], nats; 0 where targets[row] < 0.
  ///
  /// Only rows with a target meet the head, in chunks of tokens; the backward makes a chunk's logits again
  /// from the hidden states, so [tokens, vocab] logits never exist. Chunks are dealt to the threads in a
  /// fixed order, each thread with its own head gradient: the same thread count gives the same bits, and
  /// so do a tape that records and one that does not.
  /// - Parameters:
  ///   - hidden: [..., width], after the final norm.
  ///   - targets: one id per row, negative for a row without (prompt, padding): it gets no gradient.
  ///   - cap: soft cap of the logits; 0: none
  /// - Returns: [...], the leading shape of `hidden`.
  public func targetLogProbabilities(
    _ hidden: Variable, head: Parameter, targets: [Int32], cap: Float = 0
  ) -> Variable {
    let width = hidden.width
    precondition(targets.count == hidden.rowCount && head.shape[1] == width)
    let values = Tensor.zeros(Array(hidden.shape.dropLast()))
    let rows = ScoredRows(hidden.value, targets)
    if rows.count == 0 { return constant(values) }
    let scores = Tensor([rows.count])
    rows.forEachChunk(head) { _, low, count, logits in
      if cap > 0 { up_soft_cap(logits.pointer, count * logits.width, cap) }
      up_log_probability(logits.pointer, rows.targets + low, count, logits.width, scores.pointer + low, nil)
    }
    for (index, place) in rows.places.enumerated() { values.pointer[place] = scores.pointer[index] }

    return record(values, inputs: [hidden], parameters: [head]) { dy in
      let slopes = Tensor([rows.count])
      for (index, place) in rows.places.enumerated() { slopes.pointer[index] = dy.pointer[place] }
      let dRows = hidden.id >= 0 ? Tensor([rows.count, width]) : nil
      let dHead = head.isTrainable ? (0..<rows.lanes(head)).map { _ in Tensor.zeros(head.shape) } : []
      rows.forEachChunk(head) { lane, low, count, logits in
        let z = logits.pointer
        if cap > 0 { up_soft_cap(z, count * logits.width, cap) }
        let capped = cap > 0 ? logits.copy() : nil
        up_log_probability_backward(z, rows.targets + low, slopes.pointer + low, count, logits.width)
        if let capped { up_soft_cap_backward(capped.pointer, z, count * logits.width, cap) }
        if let dRows {
          serialGemm(
            m: count, n: width, k: logits.width, a: z, lda: logits.width, b: head.value.pointer, ldb: width,
            c: dRows.pointer + low * width, ldc: width)
        }
        if !dHead.isEmpty {
          serialGemm(
            transA: true, m: logits.width, n: width, k: count, a: z, lda: logits.width,
            b: rows.hidden.pointer + low * width, ldb: width, beta: 1, c: dHead[lane].pointer, ldc: width)
        }
      }
      if head.isTrainable {
        let gradient = head.gradientBuffer()
        for part in dHead {
          parallelElements(part.count) {
            up_axpy(1, part.pointer + $0.lowerBound, gradient.pointer + $0.lowerBound, $0.count)
          }
        }
      }
      if let dRows {
        self.addingGradient(of: hidden) { d in
          for (index, place) in rows.places.enumerated() {
            up_axpy(1, dRows.pointer + index * width, d.pointer + place * width, width)
          }
        }
      }
    }
  }
}

/// The rows of hidden states that have a target, moved together.
private final class ScoredRows {
  /// Where each stood.
  let places: [Int]
  /// [count, width]
  let hidden: Tensor
  let targets: UnsafeMutablePointer<Int32>
  var count: Int { places.count }

  init(_ source: Tensor, _ all: [Int32]) {
    places = all.indices.filter { all[$0] >= 0 }
    let width = source.width
    hidden = Tensor([places.count, width])
    targets = .allocate(capacity: max(1, places.count))
    for (index, place) in places.enumerated() {
      (hidden.pointer + index * width).update(from: source.pointer + place * width, count: width)
      targets[index] = all[place]
    }
  }

  deinit { targets.deallocate() }

  private func chunks(_ head: Parameter) -> (size: Int, count: Int) {
    let size = headChunk(head.shape[0])
    return (size, (count + size - 1) / size)
  }

  /// Threads that `forEachChunk` uses.
  func lanes(_ head: Parameter) -> Int { min(Threads.count, chunks(head).count) }

  /// Computes the logits [rows of the chunk, vocab] of every chunk and hands them to `body` with the lane
  /// and the chunk's first row and length; chunk i belongs to lane i mod lanes.
  func forEachChunk(_ head: Parameter, _ body: (_ lane: Int, _ low: Int, _ count: Int, _ logits: Tensor) -> Void) {
    let (size, chunks) = chunks(head)
    let (vocabulary, width) = (head.shape[0], head.shape[1])
    let lanes = lanes(head)
    Threads.parallel(lanes) { lane in
      let logits = Tensor([min(size, count), vocabulary])
      for index in stride(from: lane, to: chunks, by: lanes) {
        let low = index * size
        let length = min(size, count - low)
        serialGemm(
          transB: true, m: length, n: vocabulary, k: width, a: hidden.pointer + low * width, lda: width,
          b: head.value.pointer, ldb: width, c: logits.pointer, ldc: vocabulary)
        body(lane, low, length, logits)
      }
    }
  }
}
