import CKernels
import COpenBLAS

private let hasOwnDoubleKernel = up_dgemm_available()

/// C[m, n] = alpha op(A) op(B) + beta C in float64 on the calling thread: our AVX-512 kernel where the
/// processor has it (about twice OpenBLAS's AVX2 kernels), OpenBLAS elsewhere.
func serialGemm(
  transA: Bool = false, transB: Bool = false, m: Int, n: Int, k: Int, alpha: Double = 1,
  a: UnsafePointer<Double>, lda: Int, b: UnsafePointer<Double>, ldb: Int, beta: Double = 0,
  c: UnsafeMutablePointer<Double>, ldc: Int
) {
  if m == 0 || n == 0 { return }
  if hasOwnDoubleKernel {
    up_dgemm(transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
    return
  }
  cblas_dgemm(
    CblasRowMajor, transA ? CblasTrans : CblasNoTrans, transB ? CblasTrans : CblasNoTrans, blasint(m), blasint(n),
    blasint(k), alpha, a, blasint(lda), b, blasint(ldb), beta, c, blasint(ldc))
}

extension Matrix {
  /// op(self) op(other), rows split over the threads.
  public func product(_ other: Matrix, transposingSelf: Bool = false, transposingOther: Bool = false) -> Matrix {
    let m = transposingSelf ? columns : rows
    let k = transposingSelf ? rows : columns
    let n = transposingOther ? other.rows : other.columns
    precondition(k == (transposingOther ? other.columns : other.rows), "inner widths of a product differ")
    let (lda, ldb) = (columns, other.columns)
    return Matrix(
      rows: m, columns: n,
      values: [Double](unsafeUninitializedCapacity: m * n) { c, used in
        used = m * n
        if m == 0 || n == 0 { return }
        let c = c.baseAddress!
        if k == 0 { return c.initialize(repeating: 0, count: m * n) }
        values.withUnsafeBufferPointer { a in
          other.values.withUnsafeBufferPointer { b in
            Threads.parallelRows(m, grain: 64) { range in
              serialGemm(
                transA: transposingSelf, transB: transposingOther, m: range.count, n: n, k: k,
                a: a.baseAddress! + (transposingSelf ? range.lowerBound : range.lowerBound * lda), lda: lda,
                b: b.baseAddress!, ldb: ldb, c: c + range.lowerBound * n, ldc: n)
            }
          }
        }
      })
  }

  /// self self^T (or self^T self), both triangles; only the upper one is multiplied out.
  public func gram(ofColumns: Bool = false) -> Matrix {
    let n = ofColumns ? columns : rows
    var result = Matrix.zeros(n, n)
    upperGram(values, rows: rows, columns: columns, ofColumns: ofColumns, beta: 0, into: &result.values)
    result.mirrorUpperTriangle()
    return result
  }

  /// Copies the upper triangle of a square matrix into the lower one, in squares that stay in cache.
  mutating func mirrorUpperTriangle() {
    let (n, tile) = (rows, 32)
    values.withUnsafeMutableBufferPointer { values in
      for top in stride(from: 0, to: n, by: tile) {
        for left in stride(from: 0, through: top, by: tile) {
          for i in top..<min(top + tile, n) {
            for j in left..<max(left, min(left + tile, i)) { values[i * n + j] = values[j * n + i] }
          }
        }
      }
    }
  }
}

/// A A^T (or A^T A) + beta C into the upper triangle of C, of A [rows, columns], in either precision; below the diagonal
/// some numbers change too.
func upperGram<Number: LAPACKNumber>(
  _ matrix: [Number], rows: Int, columns: Int, ofColumns: Bool, beta: Number, into result: inout [Number]
) {
  let n = ofColumns ? columns : rows
  let k = ofColumns ? rows : columns
  if n == 0 || k == 0 { return }
  let stripe = 256
  matrix.withUnsafeBufferPointer { a in
    result.withUnsafeMutableBufferPointer { c in
      let (a, c) = (a.baseAddress!, c.baseAddress!)
      Threads.parallel((n + stripe - 1) / stripe) { index in
        let low = index * stripe
        let start = ofColumns ? a + low : a + low * columns
        Number.gemm(
          transA: ofColumns, transB: !ofColumns, m: min(stripe, n - low), n: n - low, k: k, alpha: 1, a: start,
          lda: columns, b: start, ldb: columns, beta: beta, c: c + low * n + low, ldc: n)
      }
    }
  }
}
