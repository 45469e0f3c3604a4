import CKernels
import TensorCore

/// One head of one sequence of Mamba2's recurrence (SSD, arXiv:2405.21060), chunk by chunk as matrix products:
///
///   gamma_i = sum_{j <= i} dt_j A inside the chunk;   L_ij = e^{gamma_i - gamma_j}, i >= j;   X~ = diag(dt) X
///   Y = lower((C B^T) . L) X~ + diag(e^gamma) C H + D X;   H <- e^{gamma_n} H + (diag(e^{gamma_n - gamma}) B)^T X~
///
/// Everything sequential is the recursion on H. States of at most 16 x 16 are scanned token by token inside a chunk
/// instead: they stay in registers, and such small products cost more than they save. Legend: N state size, P head
/// width, n tokens of a chunk; the rows of C and B [*, N] and X [*, P] lie `stride` apart; H is [N, P].
public struct StateSpaceChunks {
  /// N
  public let stateSize: Int
  /// P
  public let headDim: Int
  /// Tokens of a chunk; the last one of a sequence may be shorter.
  public let chunk: Int
  /// Numbers between the rows of C, B and X.
  public let stride: Int

  /// See the legend above.
  public init(stateSize: Int, headDim: Int, chunk: Int, stride: Int) {
    self.stateSize = stateSize
    self.headDim = headDim
    self.chunk = chunk
    self.stride = stride
  }

  /// Row 0 of one head's inputs, its step sizes [T], A (negative) and D.
  public struct Head {
    /// Row 0 of C, B and X.
    public var c, b, x: UnsafeMutablePointer<Float>
    /// Step sizes, [T].
    public var dt: UnsafeMutablePointer<Float>
    /// A < 0, per unit of step size.
    public var rate: Float
    /// D
    public var skip: Float

    /// Pointers stay valid as long as the head is used.
    public init(
      c: UnsafeMutablePointer<Float>, b: UnsafeMutablePointer<Float>, x: UnsafeMutablePointer<Float>,
      dt: UnsafeMutablePointer<Float>, rate: Float, skip: Float
    ) {
      (self.c, self.b, self.x, self.dt, self.rate, self.skip) = (c, b, x, dt, rate, skip)
    }
  }

  /// Whether the tokens of a chunk are scanned.
  public var scans: Bool { stateSize * headDim <= 256 }

  /// Chunks of a sequence of `time` tokens.
  public func chunkCount(_ time: Int) -> Int { (time + chunk - 1) / chunk }

  // MARK: Forward

  /// - Parameters:
  ///   - state: H before the first token; after the call, H after the last
  ///   - entries: receives H at the beginning of every chunk, [chunks, N, P]; nil: not kept
  public func forward(
    _ head: Head, time: Int, state: UnsafeMutablePointer<Float>, y: UnsafeMutablePointer<Float>, yStride: Int,
    entries: UnsafeMutablePointer<Float>? = nil
  ) {
    if scans { return scan(head, time: time, state: state, y: y, yStride: yStride, entries: entries) }
    let (N, P) = (stateSize, headDim)
    let space = Space(chunk, N, P)
    for index in 0..<chunkCount(time) {
      let low = index * chunk
      let n = min(chunk, time - low)
      entries.map { ($0 + index * N * P).update(from: state, count: N * P) }
      let (c, b, x) = (head.c + low * stride, head.b + low * stride, head.x + low * stride)
      let out = y + low * yStride
      space.load(head, low, n, c, b, x, stride)
      serialGemm(m: n, n: P, k: n, a: space.scores, lda: n, b: space.steppedX, ldb: P, c: out, ldc: yStride)
      serialGemm(m: n, n: P, k: N, a: space.decayedC, lda: N, b: state, ldb: P, beta: 1, c: out, ldc: yStride)
      for i in 0..<n { up_axpy(head.skip, x + i * stride, out + i * yStride, P) }
      serialGemm(
        transA: true, m: N, n: P, k: n, a: space.tailedB, lda: N, b: space.steppedX, ldb: P, beta: space.total,
        c: state, ldc: P)
    }
  }

  private func scan(
    _ head: Head, time: Int, state: UnsafeMutablePointer<Float>, y: UnsafeMutablePointer<Float>, yStride: Int,
    entries: UnsafeMutablePointer<Float>?
  ) {
    let (N, P) = (stateSize, headDim)
    let decay = decays(head, time)
    for index in 0..<chunkCount(time) {
      let low = index * chunk
      entries.map { ($0 + index * N * P).update(from: state, count: N * P) }
      up_ssd_scan(
        head.c + low * stride, head.b + low * stride, head.x + low * stride, stride, head.dt + low, decay.pointer + low,
        head.skip, state, y + low * yStride, yStride, min(chunk, time - low), N, P)
    }
  }

  /// e^{dt A} of every token.
  private func decays(_ head: Head, _ time: Int) -> Tensor {
    let decay = Tensor([time])
    for t in 0..<time { decay.pointer[t] = head.dt[t] * head.rate }
    up_exp_shifted(decay.pointer, 0, decay.pointer, time)
    return decay
  }

  // MARK: Backward

  /// Where a head's gradients go; all are added to, and the rows lie as far apart as those of the inputs.
  public struct Gradients {
    /// Row 0 of the gradients of C, B and X.
    public var dc, db, dx: UnsafeMutablePointer<Float>
    /// [T], written.
    public var ddt: UnsafeMutablePointer<Float>
    /// d loss / d A, added to.
    public var rate = 0.0
    /// d loss / d D, added to.
    public var skip = 0.0

    /// Nothing is zeroed here.
    public init(
      dc: UnsafeMutablePointer<Float>, db: UnsafeMutablePointer<Float>, dx: UnsafeMutablePointer<Float>,
      ddt: UnsafeMutablePointer<Float>
    ) {
      (self.dc, self.db, self.dx, self.ddt) = (dc, db, dx, ddt)
    }
  }

  /// Chunks last to first; everything but H at their beginnings is computed again.
  /// - Parameters:
  ///   - entries: what `forward` kept
  ///   - dState: d loss / d H after the last token; after the call, before the first
  public func backward(
    _ head: Head, time: Int, entries: UnsafePointer<Float>, dy: UnsafePointer<Float>, dyStride: Int,
    dState: UnsafeMutablePointer<Float>, _ gradients: inout Gradients
  ) {
    if scans {
      return scanBackward(head, time: time, entries: entries, dy: dy, dyStride: dyStride, dState: dState, &gradients)
    }
    let (N, P) = (stateSize, headDim)
    let space = Space(chunk, N, P)
    let work = BackwardSpace(chunk, N, P)
    for index in (0..<chunkCount(time)).reversed() {
      let low = index * chunk
      let n = min(chunk, time - low)
      let state = entries + index * N * P
      let (c, b, x) = (head.c + low * stride, head.b + low * stride, head.x + low * stride)
      let (dc, db, dx) = (gradients.dc + low * stride, gradients.db + low * stride, gradients.dx + low * stride)
      let out = dy + low * dyStride
      space.load(head, low, n, c, b, x, stride)
      work.dGamma.update(repeating: 0, count: n)

      // X~, then X, dt and D.
      serialGemm(transA: true, m: n, n: P, k: n, a: space.scores, lda: n, b: out, ldb: dyStride, c: work.dX, ldc: P)
      serialGemm(m: n, n: P, k: N, a: space.tailedB, lda: N, b: dState, ldb: P, beta: 1, c: work.dX, ldc: P)
      up_row_dots(work.dX, P, x, stride, gradients.ddt + low, n, P)
      up_add_scaled_rows(work.dX, P, head.dt + low, dx, stride, n, P)
      for i in 0..<n { up_axpy(head.skip, out + i * dyStride, dx + i * stride, P) }
      up_row_dots(out, dyStride, x, stride, work.dots, n, P)
      for i in 0..<n { gradients.skip += Double(work.dots[i]) }

      // Scores inside the chunk: dG = (dY X~^T) . L.
      serialGemm(
        transB: true, m: n, n: n, k: P, a: out, lda: dyStride, b: space.steppedX, ldb: P, c: work.dScores, ldc: n)
      up_decayed_scores_backward(space.scores, space.decay, work.dScores, work.dGamma, n)
      serialGemm(m: n, n: N, k: n, a: work.dScores, lda: n, b: b, ldb: stride, beta: 1, c: dc, ldc: stride)
      serialGemm(
        transA: true, m: n, n: N, k: n, a: work.dScores, lda: n, b: c, ldb: stride, beta: 1, c: db, ldc: stride)

      // C against the entering state.
      serialGemm(transB: true, m: n, n: N, k: P, a: out, lda: dyStride, b: state, ldb: P, c: work.dRow, ldc: N)
      up_add_scaled_rows(work.dRow, N, space.fromStart, dc, stride, n, N)
      up_row_dots(work.dRow, N, space.decayedC, N, work.dots, n, N)
      up_axpy(1, work.dots, work.dGamma, n)

      // B into the leaving state.
      serialGemm(transB: true, m: n, n: N, k: P, a: space.steppedX, lda: P, b: dState, ldb: P, c: work.dRow, ldc: N)
      up_add_scaled_rows(work.dRow, N, space.toEnd, db, stride, n, N)
      up_row_dots(work.dRow, N, space.tailedB, N, work.dots, n, N)
      var last = Double(space.total) * up_dot(state, dState, N * P)
      for i in 0..<n { last += Double(work.dots[i]) }
      up_axpy(-1, work.dots, work.dGamma, n)
      work.dGamma[n - 1] += Float(last)

      serialGemm(
        transA: true, m: N, n: P, k: n, a: space.decayedC, lda: N, b: out, ldb: dyStride, beta: space.total, c: dState,
        ldc: P)

      // gamma is a running sum of dt A.
      var sum: Float = 0
      for i in (0..<n).reversed() {
        sum += work.dGamma[i]
        gradients.ddt[low + i] += head.rate * sum
        gradients.rate += Double(sum * head.dt[low + i])
      }
    }
  }

  private func scanBackward(
    _ head: Head, time: Int, entries: UnsafePointer<Float>, dy: UnsafePointer<Float>, dyStride: Int,
    dState: UnsafeMutablePointer<Float>, _ gradients: inout Gradients
  ) {
    let (N, P) = (stateSize, headDim)
    let (decay, throughDecay, states) = (decays(head, time), Tensor([chunk]), Tensor([chunk, N, P]))
    for index in (0..<chunkCount(time)).reversed() {
      let low = index * chunk
      let n = min(chunk, time - low)
      gradients.skip += up_ssd_scan_backward(
        head.c + low * stride, head.b + low * stride, head.x + low * stride, stride, head.dt + low, decay.pointer + low,
        head.skip, entries + index * N * P, dy + low * dyStride, dyStride, dState, gradients.dc + low * stride,
        gradients.db + low * stride, gradients.dx + low * stride, gradients.ddt + low, throughDecay.pointer,
        states.pointer, n, N, P)
      for i in 0..<n {
        gradients.ddt[low + i] += head.rate * throughDecay.pointer[i]
        gradients.rate += Double(throughDecay.pointer[i] * head.dt[low + i])
      }
    }
  }
}

/// What the forward of a chunk computes and its backward computes again, carved from one pooled buffer.
private struct Space {
  private let storage: Tensor
  let gamma, fromStart, toEnd: UnsafeMutablePointer<Float>  // [n]; e^gamma and e^(gamma_n - gamma)
  let decay: UnsafeMutablePointer<Float>  // L [n, n]
  let scores: UnsafeMutablePointer<Float>  // lower((C B^T) . L) [n, n]
  let steppedX: UnsafeMutablePointer<Float>  // X~ [n, P]
  let decayedC: UnsafeMutablePointer<Float>  // diag(e^gamma) C [n, N]
  let tailedB: UnsafeMutablePointer<Float>  // diag(e^(gamma_n - gamma)) B [n, N]
  private let N, P: Int
  private let totals: UnsafeMutablePointer<Float>

  /// e^{gamma_n}: how much of the entering state is left at the end.
  var total: Float { totals[0] }

  init(_ chunk: Int, _ N: Int, _ P: Int) {
    (self.N, self.P) = (N, P)
    storage = Tensor([3 * chunk + 2 * chunk * chunk + chunk * (P + 2 * N) + 1])
    var next = storage.pointer
    func take(_ count: Int) -> UnsafeMutablePointer<Float> {
      defer { next += count }
      return next
    }
    (gamma, fromStart, toEnd) = (take(chunk), take(chunk), take(chunk))
    (decay, scores) = (take(chunk * chunk), take(chunk * chunk))
    (steppedX, decayedC, tailedB) = (take(chunk * P), take(chunk * N), take(chunk * N))
    totals = take(1)
  }

  func load(
    _ head: StateSpaceChunks.Head, _ low: Int, _ n: Int, _ c: UnsafePointer<Float>, _ b: UnsafePointer<Float>,
    _ x: UnsafePointer<Float>, _ stride: Int
  ) {
    var sum: Float = 0
    for i in 0..<n {
      sum += head.dt[low + i] * head.rate
      gamma[i] = sum
    }
    up_exp_shifted(gamma, 0, fromStart, n)
    for i in 0..<n { toEnd[i] = sum - gamma[i] }
    up_exp_shifted(toEnd, 0, toEnd, n)
    totals[0] = fromStart[n - 1]
    up_decay_matrix(gamma, decay, n)
    serialGemm(transB: true, m: n, n: n, k: N, a: c, lda: stride, b: b, ldb: stride, c: scores, ldc: n)
    up_multiply(scores, decay, scores, n * n)
    up_scale_rows(x, stride, head.dt + low, steppedX, n, P)
    up_scale_rows(c, stride, fromStart, decayedC, n, N)
    up_scale_rows(b, stride, toEnd, tailedB, n, N)
  }
}

/// Gradients inside a chunk.
private struct BackwardSpace {
  private let storage: Tensor
  let dGamma, dots: UnsafeMutablePointer<Float>  // [n]
  let dScores: UnsafeMutablePointer<Float>  // [n, n]
  let dX: UnsafeMutablePointer<Float>  // [n, P]
  let dRow: UnsafeMutablePointer<Float>  // [n, N]

  init(_ chunk: Int, _ N: Int, _ P: Int) {
    storage = Tensor([2 * chunk + chunk * chunk + chunk * (P + N)])
    dGamma = storage.pointer
    dots = dGamma + chunk
    dScores = dots + chunk
    dX = dScores + chunk * chunk
    dRow = dX + chunk * P
  }
}
