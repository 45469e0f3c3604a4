import CKernels
import TensorCore

/// One head of one sequence of the gated delta rule (Gated DeltaNet, arXiv:2412.06464), chunk by chunk as
/// matrix products:
///
///   gamma_i = sum_{j <= i} g_j inside the chunk;   D_ij = e^{gamma_i - gamma_j}, i >= j, else 0
///   M = strictly lower( diag(beta) (K K^T) . D );   E = V - diag(e^gamma) K S
///   V' = (I + M)^-1 diag(beta) E;   P = s lower( (Q K^T) . D )
///   O = s diag(e^gamma) Q S + P V';   S <- e^{gamma_n} S + (diag(e^{gamma_n - gamma}) K)^T V'
///
/// This is the WY form with its two right-hand sides joined: V' = U - W S, where [U | W] solves for [diag(beta) V |
/// diag(beta e^gamma) K] apart. A head's chunks run in order here, so one solve of width V does. The inverse is never
/// formed: blocks of 16 rows, substitution inside them, products between them. Every exponent is at most zero.
///
/// Legend: K key width, V value width, n tokens of a chunk; rows of Q and K [*, K] lie `keyStride` apart, those of
/// V [*, V] `valueStride`; S is [K, V]. Cost per token: 3 K V + n (2 K + 3 V / 2) multiplications and additions.
public struct GatedDeltaChunks {
  /// K
  public let keyDim: Int
  /// V
  public let valueDim: Int
  /// Tokens of a chunk; the last one of a sequence may be shorter.
  public let chunk: Int
  /// Numbers between the rows of Q, and of K.
  public let keyStride: Int
  /// Numbers between the rows of V.
  public let valueStride: Int

  /// See the legend above.
  public init(keyDim: Int, valueDim: Int, chunk: Int, keyStride: Int, valueStride: Int) {
    self.keyDim = keyDim
    self.valueDim = valueDim
    self.chunk = chunk
    self.keyStride = keyStride
    self.valueStride = valueStride
  }

  /// s, what reading the state is scaled by: K^(-1/2).
  public var scale: Float { 1 / Float(keyDim).squareRoot() }

  /// Row 0 of one head's queries and keys (of unit length) and values; g <= 0 and beta of every token, [T].
  public struct Head {
    /// Row 0 of Q, K and V.
    public var q, k, v: UnsafeMutablePointer<Float>
    /// Logarithm of the decay and write strength, [T].
    public var g, beta: UnsafeMutablePointer<Float>

    /// Pointers stay valid as long as the head is used.
    public init(
      q: UnsafeMutablePointer<Float>, k: UnsafeMutablePointer<Float>, v: UnsafeMutablePointer<Float>,
      g: UnsafeMutablePointer<Float>, beta: UnsafeMutablePointer<Float>
    ) {
      (self.q, self.k, self.v, self.g, self.beta) = (q, k, v, g, beta)
    }
  }

  /// Chunks of a sequence of `time` tokens.
  public func chunkCount(_ time: Int) -> Int { (time + chunk - 1) / chunk }

  // MARK: Forward

  /// - Parameters:
  ///   - state: S before the first token; after the call, S after the last
  ///   - entries: receives S at the beginning of every chunk, [chunks, K, V]; nil: not kept
  public func forward(
    _ head: Head, time: Int, state: UnsafeMutablePointer<Float>, out: UnsafeMutablePointer<Float>, outStride: Int,
    entries: UnsafeMutablePointer<Float>? = nil
  ) {
    let (K, V) = (keyDim, valueDim)
    let space = Space(self)
    for index in 0..<chunkCount(time) {
      let low = index * chunk
      let n = min(chunk, time - low)
      entries.map { ($0 + index * K * V).update(from: state, count: K * V) }
      space.load(head, low, n, state)
      let o = out + low * outStride
      serialGemm(m: n, n: V, k: n, a: space.scores, lda: n, b: space.values, ldb: V, c: o, ldc: outStride)
      serialGemm(
        m: n, n: V, k: K, alpha: scale, a: space.decayedQ, lda: K, b: state, ldb: V, beta: 1, c: o, ldc: outStride)
      serialGemm(
        transA: true, m: K, n: V, k: n, a: space.tailedK, lda: K, b: space.values, ldb: V, beta: space.total, c: state,
        ldc: V)
    }
  }

  // MARK: Backward

  /// Where a head's gradients go. Rows lie as far apart as those of the inputs, and are added to.
  public struct Gradients {
    /// Row 0 of the gradients of Q, K and V.
    public var dq, dk, dv: UnsafeMutablePointer<Float>
    /// [T], written.
    public var dg, dbeta: UnsafeMutablePointer<Float>

    /// Nothing is zeroed here.
    public init(
      dq: UnsafeMutablePointer<Float>, dk: UnsafeMutablePointer<Float>, dv: UnsafeMutablePointer<Float>,
      dg: UnsafeMutablePointer<Float>, dbeta: UnsafeMutablePointer<Float>
    ) {
      (self.dq, self.dk, self.dv, self.dg, self.dbeta) = (dq, dk, dv, dg, dbeta)
    }
  }

  /// Chunks last to first; everything but S at their beginnings is computed again.
  /// - Parameters:
  ///   - entries: what `forward` kept
  ///   - dOut: d loss / d O
  ///   - dState: d loss / d S after the last token; after the call, before the first
  public func backward(
    _ head: Head, time: Int, entries: UnsafePointer<Float>, dOut: UnsafePointer<Float>, dOutStride: Int,
    dState: UnsafeMutablePointer<Float>, _ gradients: Gradients
  ) {
    let (space, work) = (Space(self), BackwardSpace(self))
    for index in (0..<chunkCount(time)).reversed() {
      let low = index * chunk
      let n = min(chunk, time - low)
      let state = entries + index * keyDim * valueDim
      space.load(head, low, n, state)
      work.dGamma.update(repeating: 0, count: n)
      backwardChunk(
        head, low, n, state, dOut + low * dOutStride, dOutStride, dState, gradients, space, work)
      // gamma is a running sum of g.
      var sum: Float = 0
      for i in (0..<n).reversed() {
        sum += work.dGamma[i]
        gradients.dg[low + i] = sum
      }
    }
  }

  private func backwardChunk(
    _ head: Head, _ low: Int, _ n: Int, _ state: UnsafePointer<Float>, _ dOut: UnsafePointer<Float>, _ dOutStride: Int,
    _ dState: UnsafeMutablePointer<Float>, _ gradients: Gradients, _ space: Space, _ work: BackwardSpace
  ) {
    let (K, V) = (keyDim, valueDim)
    let (q, k, beta) = (head.q + low * keyStride, head.k + low * keyStride, head.beta + low)
    let (dq, dk) = (gradients.dq + low * keyStride, gradients.dk + low * keyStride)
    let (dGamma, dots, dRow, dPairs) = (work.dGamma, work.dots, work.dRow, work.dPairs)

    // V' reached the outputs of its chunk and the leaving state: dR = (I + M)^-T (P^T dO + (tailed K) dS).
    serialGemm(
      transA: true, m: n, n: V, k: n, a: space.scores, lda: n, b: dOut, ldb: dOutStride, c: work.dValues, ldc: V)
    serialGemm(m: n, n: V, k: K, a: space.tailedK, lda: K, b: dState, ldb: V, beta: 1, c: work.dValues, ldc: V)
    space.solveTransposed(work.dValues, n)

    // Scores of queries: dG = s (dO V'^T) . D.
    serialGemm(transB: true, m: n, n: n, k: V, a: dOut, lda: dOutStride, b: space.values, ldb: V, c: dPairs, ldc: n)
    up_decayed_scores_backward(space.scores, space.decay, dPairs, dGamma, n)
    serialGemm(m: n, n: K, k: n, alpha: scale, a: dPairs, lda: n, b: k, ldb: keyStride, beta: 1, c: dq, ldc: keyStride)
    serialGemm(
      transA: true, m: n, n: K, k: n, alpha: scale, a: dPairs, lda: n, b: q, ldb: keyStride, beta: 1, c: dk,
      ldc: keyStride)

    // R = diag(beta) E, and the coupling of keys: dM = -strictly lower(dR V'^T).
    let dBeta = gradients.dbeta + low
    up_row_dots(work.dValues, V, space.errors, V, dBeta, n, V)
    serialGemm(
      transB: true, m: n, n: n, k: V, alpha: -1, a: work.dValues, lda: V, b: space.values, ldb: V, c: dPairs, ldc: n)
    up_delta_coupling_backward(space.gram, space.decay, beta, dPairs, dBeta, dGamma, n)
    serialGemm(m: n, n: K, k: n, a: dPairs, lda: n, b: k, ldb: keyStride, beta: 1, c: dk, ldc: keyStride)

    // E = V - diag(e^gamma) K S.
    up_scale_rows(work.dValues, V, beta, work.dErrors, n, V)
    up_add_block(work.dErrors, V, gradients.dv + low * valueStride, valueStride, n, V)
    serialGemm(transB: true, m: n, n: K, k: V, alpha: -1, a: work.dErrors, lda: V, b: state, ldb: V, c: dRow, ldc: K)
    up_add_scaled_rows(dRow, K, space.fromStart, dk, keyStride, n, K)
    up_row_dots(dRow, K, space.decayedK, K, dots, n, K)
    up_axpy(1, dots, dGamma, n)

    // Queries against the entering state.
    serialGemm(
      transB: true, m: n, n: K, k: V, alpha: scale, a: dOut, lda: dOutStride, b: state, ldb: V, c: dRow, ldc: K)
    up_add_scaled_rows(dRow, K, space.fromStart, dq, keyStride, n, K)
    up_row_dots(dRow, K, space.decayedQ, K, dots, n, K)
    up_axpy(1, dots, dGamma, n)

    // Keys into the leaving state.
    serialGemm(transB: true, m: n, n: K, k: V, a: space.values, lda: V, b: dState, ldb: V, c: dRow, ldc: K)
    up_add_scaled_rows(dRow, K, space.toEnd, dk, keyStride, n, K)
    up_row_dots(dRow, K, space.tailedK, K, dots, n, K)
    var last = Double(space.total) * up_dot(state, dState, K * V)
    for i in 0..<n { last += Double(dots[i]) }
    up_axpy(-1, dots, dGamma, n)
    dGamma[n - 1] += Float(last)

    serialGemm(
      transA: true, m: K, n: V, k: n, alpha: scale, a: space.decayedQ, lda: K, b: dOut, ldb: dOutStride,
      beta: space.total, c: dState, ldc: V)
    serialGemm(
      transA: true, m: K, n: V, k: n, alpha: -1, a: space.decayedK, lda: K, b: work.dErrors, ldb: V, beta: 1, c: dState,
      ldc: V)
  }
}

/// What the forward of a chunk computes and its backward computes again, carved from one pooled buffer.
private struct Space {
  private let storage: Tensor
  let gamma, fromStart, toEnd: UnsafeMutablePointer<Float>  // [n]; e^gamma and e^(gamma_n - gamma)
  let decay: UnsafeMutablePointer<Float>  // D [n, n]
  let gram: UnsafeMutablePointer<Float>  // (K K^T) . D below the diagonal [n, n]
  let coupling: UnsafeMutablePointer<Float>  // M below the diagonal [n, n]
  let scores: UnsafeMutablePointer<Float>  // P [n, n]
  let errors, values: UnsafeMutablePointer<Float>  // E and V' [n, V]
  let decayedQ, decayedK: UnsafeMutablePointer<Float>  // diag(e^gamma) Q and K [n, K]
  let tailedK: UnsafeMutablePointer<Float>  // diag(e^(gamma_n - gamma)) K [n, K]
  private let form: GatedDeltaChunks
  private let totals: UnsafeMutablePointer<Float>

  /// e^{gamma_n}: how much of the entering state is left at the end.
  var total: Float { totals[0] }

  init(_ form: GatedDeltaChunks) {
    self.form = form
    let (chunk, K, V) = (form.chunk, form.keyDim, form.valueDim)
    storage = Tensor([3 * chunk + 4 * chunk * chunk + chunk * (2 * V + 3 * K) + 1])
    var next = storage.pointer
    func take(_ count: Int) -> UnsafeMutablePointer<Float> {
      defer { next += count }
      return next
    }
    (gamma, fromStart, toEnd) = (take(chunk), take(chunk), take(chunk))
    (decay, gram, coupling, scores) = (
      take(chunk * chunk), take(chunk * chunk), take(chunk * chunk), take(chunk * chunk)
    )
    (errors, values) = (take(chunk * V), take(chunk * V))
    (decayedQ, decayedK, tailedK) = (take(chunk * K), take(chunk * K), take(chunk * K))
    totals = take(1)
  }

  func load(_ head: GatedDeltaChunks.Head, _ low: Int, _ n: Int, _ state: UnsafePointer<Float>) {
    let (K, V, stride) = (form.keyDim, form.valueDim, form.keyStride)
    let (q, k, beta) = (head.q + low * stride, head.k + low * stride, head.beta + low)
    var sum: Float = 0
    for i in 0..<n {
      sum += head.g[low + i]
      gamma[i] = sum
    }
    up_exp_shifted(gamma, 0, fromStart, n)
    for i in 0..<n { toEnd[i] = sum - gamma[i] }
    up_exp_shifted(toEnd, 0, toEnd, n)
    totals[0] = fromStart[n - 1]
    up_decay_matrix(gamma, decay, n)
    up_scale_rows(q, stride, fromStart, decayedQ, n, K)
    up_scale_rows(k, stride, fromStart, decayedK, n, K)
    up_scale_rows(k, stride, toEnd, tailedK, n, K)

    serialGemm(
      transB: true, m: n, n: n, k: K, alpha: form.scale, a: q, lda: stride, b: k, ldb: stride, c: scores, ldc: n)
    up_multiply(scores, decay, scores, n * n)
    serialGemm(transB: true, m: n, n: n, k: K, a: k, lda: stride, b: k, ldb: stride, c: gram, ldc: n)
    up_delta_coupling(gram, decay, beta, coupling, n)

    up_copy_block(head.v + low * form.valueStride, form.valueStride, errors, V, n, V)
    serialGemm(m: n, n: V, k: K, alpha: -1, a: decayedK, lda: K, b: state, ldb: V, beta: 1, c: errors, ldc: V)
    up_scale_rows(errors, V, beta, values, n, V)
    solve(values, n)
  }

  // MARK: Triangular solves

  private static let block = 16

  /// x [n, V] <- (I + M)^-1 x.
  private func solve(_ x: UnsafeMutablePointer<Float>, _ n: Int) {
    let V = form.valueDim
    for low in stride(from: 0, to: n, by: Self.block) {
      let count = min(Self.block, n - low)
      let rows = x + low * V
      if low > 0 {
        serialGemm(
          m: count, n: V, k: low, alpha: -1, a: coupling + low * n, lda: n, b: x, ldb: V, beta: 1, c: rows, ldc: V)
      }
      up_unit_lower_solve(coupling + low * n + low, n, rows, count, V)
    }
  }

  /// x [n, V] <- (I + M)^-T x.
  func solveTransposed(_ x: UnsafeMutablePointer<Float>, _ n: Int) {
    let V = form.valueDim
    for low in stride(from: (n - 1) / Self.block * Self.block, through: 0, by: -Self.block) {
      let high = min(low + Self.block, n)
      let rows = x + low * V
      if high < n {
        serialGemm(
          transA: true, m: high - low, n: V, k: n - high, alpha: -1, a: coupling + high * n + low, lda: n,
          b: x + high * V, ldb: V, beta: 1, c: rows, ldc: V)
      }
      up_unit_lower_solve_transposed(coupling + low * n + low, n, rows, high - low, V)
    }
  }
}

/// Gradients inside a chunk.
private struct BackwardSpace {
  private let storage: Tensor
  let dGamma, dots: UnsafeMutablePointer<Float>  // [n]
  let dPairs: UnsafeMutablePointer<Float>  // of P, then of M [n, n]
  let dValues: UnsafeMutablePointer<Float>  // of V', then of diag(beta) E [n, V]
  let dErrors: UnsafeMutablePointer<Float>  // of E [n, V]
  let dRow: UnsafeMutablePointer<Float>  // [n, K]

  init(_ form: GatedDeltaChunks) {
    let (chunk, K, V) = (form.chunk, form.keyDim, form.valueDim)
    storage = Tensor([2 * chunk + chunk * chunk + chunk * (2 * V + K)])
    dGamma = storage.pointer
    dots = dGamma + chunk
    dPairs = dots + chunk
    dValues = dPairs + chunk * chunk
    dErrors = dValues + chunk * V
    dRow = dErrors + chunk * V
  }
}
