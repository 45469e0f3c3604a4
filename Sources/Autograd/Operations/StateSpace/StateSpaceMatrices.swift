import CKernels
import TensorCore

extension Tape {
  /// Mamba2's recurrence written out, one matrix a head (Dao and Gu 2024, section 2.4; what MOHAWK, arXiv 2408.10189,
  /// matches to attention's): rows [x | B | C] -> M [B, H, T * T] of which `stateSpace` computes the product with x,
  ///   M_ij = (L * (C B^T))_ij dt_j + D [i = j],   L_ij = e^{A (dt_{j + 1} + ... + dt_i)} for j <= i, else 0.
  /// dt, A and D as of `stateSpace`; x is not read. Quadratic in time and memory; parallel over (sequence, share).
  public func stateSpaceMatrices(
    _ rows: Variable, steps: Variable, stepColumn: Int, _ layout: StateSpaceLayout, stepBias: Parameter,
    logRate: Parameter, skip: Parameter, batch: Int, time: Int
  ) -> Variable {
    precondition(rows.width == layout.width && rows.rowCount == batch * time)
    let (heads, N, square) = (layout.heads, layout.stateSize, time * time)
    let perShare = heads / layout.shares
    let matrices = Tensor([batch, heads, square])
    let dt = Tensor([batch, heads, time])

    /// L and L * (C B^T) of one head.
    func load(_ b: Int, _ h: Int, decay: UnsafeMutablePointer<Float>, scores: UnsafeMutablePointer<Float>) {
      let row = rows.value.pointer + b * time * layout.width
      let (at, step) = (layout.columns(h), dt.pointer + (b * heads + h) * time)
      let rate = stateSpaceRate(logRate.value.pointer[h])
      let gamma = Tensor([time])
      var sum: Float = 0
      for t in 0..<time {
        sum += step[t] * rate
        gamma.pointer[t] = sum
      }
      up_decay_matrix(gamma.pointer, decay, time)
      serialGemm(
        transB: true, m: time, n: time, k: N, a: row + at.c, lda: layout.width, b: row + at.b, ldb: layout.width,
        c: scores, ldc: time)
      up_multiply(scores, decay, scores, square)
    }
    Threads.parallel(batch * layout.shares) { index in
      let (b, share) = index.quotientAndRemainder(dividingBy: layout.shares)
      let space = Tensor([2, square])
      let (decay, scores) = (space.pointer, space.pointer + square)
      for h in share * perShare..<(share + 1) * perShare {
        let step = dt.pointer + (b * heads + h) * time
        up_softplus_column(
          steps.value.pointer + b * time * steps.width + stepColumn + h, steps.width, stepBias.value.pointer[h], step,
          time)
        load(b, h, decay: decay, scores: scores)
        let out = matrices.pointer + (b * heads + h) * square
        for i in 0..<time {
          up_multiply(scores + i * time, step, out + i * time, time)
          out[i * time + i] += skip.value.pointer[h]
        }
      }
    }
    return record(matrices, inputs: [rows, steps], parameters: [stepBias, logRate, skip]) { dMatrices in
      let dRows = Tensor.zeros(rows.shape)
      let gathered = HeadGradients(batch: batch, time: time, heads: heads)
      let dPointer = dMatrices.pointer
      Threads.parallel(batch * layout.shares) { index in
        let (b, share) = index.quotientAndRemainder(dividingBy: layout.shares)
        let space = Tensor([3, square])
        let (decay, scores, dScores) = (space.pointer, space.pointer + square, space.pointer + 2 * square)
        let vectors = Tensor([3, time])
        let (ddt, dGamma, products) = (vectors.pointer, vectors.pointer + time, vectors.pointer + 2 * time)
        for h in share * perShare..<(share + 1) * perShare {
          let (at, step) = (layout.columns(h), dt.pointer + (b * heads + h) * time)
          let row = rows.value.pointer + b * time * layout.width
          let dRow = dRows.pointer + b * time * layout.width
          load(b, h, decay: decay, scores: scores)
          ddt.update(repeating: 0, count: 2 * time)  // dGamma too
          let dHead = dPointer + (b * heads + h) * square
          var dSkip = 0.0
          for i in 0..<time {
            dSkip += Double(dHead[i * time + i])
            up_multiply(dHead + i * time, scores + i * time, products, time)
            up_axpy(1, products, ddt, time)
            up_multiply(dHead + i * time, step, dScores + i * time, time)
          }
          up_decayed_scores_backward(scores, decay, dScores, dGamma, time)
          serialGemm(
            m: time, n: N, k: time, a: dScores, lda: time, b: row + at.b, ldb: layout.width, beta: 1, c: dRow + at.c,
            ldc: layout.width)
          serialGemm(
            transA: true, m: time, n: N, k: time, a: dScores, lda: time, b: row + at.c, ldb: layout.width, beta: 1,
            c: dRow + at.b, ldc: layout.width)
          // gamma, the exponent of L, is a running sum of dt A.
          let rate = stateSpaceRate(logRate.value.pointer[h])
          var (sum, dRate): (Float, Double) = (0, 0)
          for t in (0..<time).reversed() {
            sum += dGamma[t]
            ddt[t] += rate * sum
            dRate += Double(sum * step[t])
          }
          // dA/dlogRate = A.
          gathered.take(
            b, h, ddt: ddt, logRate: dRate * Double(rate), skip: dSkip, steps: steps, column: stepColumn,
            stepBias: stepBias)
        }
      }
      gathered.hand(to: [stepBias, logRate, skip])
      self.accumulate(dRows, into: rows)
      gathered.hand(to: steps, column: stepColumn, on: self)
    }
  }
}
