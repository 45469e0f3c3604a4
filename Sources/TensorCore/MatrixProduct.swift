import CKernels
import COpenBLAS
import Glibc

/// C[m, n] = alpha op(A) op(B) + beta C, row-major, with leading dimensions (elements between rows).
///
/// op(X) is X, or its transpose where the flag is set: op(A) is [m, k], op(B) is [k, n]. C overlaps neither. The larger of m and n is split over the threads, each piece one
/// single-threaded BLAS call (measured 1.2-1.4x OpenBLAS's own threads at this project's sizes).
/// `beta == 0` never reads C.
public func gemm(
  transA: Bool = false, transB: Bool = false, m: Int, n: Int, k: Int, alpha: Float = 1,
  a: UnsafePointer<Float>, lda: Int, b: UnsafePointer<Float>, ldb: Int, beta: Float = 0,
  c: UnsafeMutablePointer<Float>, ldc: Int
) {
  if m == 0 || n == 0 { return }
  let threads = Threads.count
  let work = 2 * m * n * k
  if threads == 1 || work < 1 << 19 {
    serialGemm(
      transA: transA, transB: transB, m: m, n: n, k: k, alpha: alpha, a: a, lda: lda, b: b, ldb: ldb, beta: beta, c: c,
      ldc: ldc)
    return
  }
  // Pieces are multiples of 16 rows (or columns), so that micro-kernel edges fall at the end only.
  if m >= n {
    let pieces = min(threads * (m >= 512 * threads ? 2 : 1), (m + 15) / 16)
    Threads.parallel(pieces) { piece in
      let low = min(m, ((m + 15) / 16 * piece / pieces) * 16)
      let high = min(m, ((m + 15) / 16 * (piece + 1) / pieces) * 16)
      serialGemm(
        transA: transA, transB: transB, m: high - low, n: n, k: k, alpha: alpha, a: transA ? a + low : a + low * lda,
        lda: lda, b: b, ldb: ldb, beta: beta, c: c + low * ldc, ldc: ldc)
    }
  } else {
    let pieces = min(threads, (n + 15) / 16)
    Threads.parallel(pieces) { piece in
      let low = min(n, ((n + 15) / 16 * piece / pieces) * 16)
      let high = min(n, ((n + 15) / 16 * (piece + 1) / pieces) * 16)
      serialGemm(
        transA: transA, transB: transB, m: m, n: high - low, k: k, alpha: alpha, a: a, lda: lda,
        b: transB ? b + low * ldb : b + low, ldb: ldb, beta: beta, c: c + low, ldc: ldc)
    }
  }
}

/// Our AVX-512 kernel where the processor has it (1.8-2x OpenBLAS's AVX2 kernels at this project's sizes) and UPCYCLE_ISA
/// lets it be used; OpenBLAS elsewhere. UPCYCLE_BLAS=openblas forces the latter, for comparison.
let hasOwnKernel: Bool = {
  if let choice = getenv("UPCYCLE_BLAS"), String(cString: choice) == "openblas" { return false }
  return up_sgemm_available()
}()

/// `gemm` on the calling thread alone; for use inside `Threads.parallel`.
public func serialGemm(
  transA: Bool = false, transB: Bool = false, m: Int, n: Int, k: Int, alpha: Float = 1,
  a: UnsafePointer<Float>, lda: Int, b: UnsafePointer<Float>, ldb: Int, beta: Float = 0,
  c: UnsafeMutablePointer<Float>, ldc: Int
) {
  if m == 0 || n == 0 { return }
  if hasOwnKernel {
    up_sgemm(transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
  } else {
    openBLASGemm(
      transA: transA, transB: transB, m: m, n: n, k: k, alpha: alpha, a: a, lda: lda, b: b, ldb: ldb, beta: beta, c: c,
      ldc: ldc)
  }
}

/// `serialGemm` by OpenBLAS.
func openBLASGemm(
  transA: Bool, transB: Bool, m: Int, n: Int, k: Int, alpha: Float, a: UnsafePointer<Float>, lda: Int,
  b: UnsafePointer<Float>, ldb: Int, beta: Float, c: UnsafeMutablePointer<Float>, ldc: Int
) {
  cblas_sgemm(
    CblasRowMajor, transA ? CblasTrans : CblasNoTrans, transB ? CblasTrans : CblasNoTrans, blasint(m),
    blasint(n), blasint(k), alpha, a, blasint(lda), b, blasint(ldb), beta, c, blasint(ldc))
}

extension Tensor {
  /// This [m, k] times `other` [k, n] (or [n, k] when `transposed`).
  public func matrixProduct(_ other: Tensor, transposed: Bool = false) -> Tensor {
    let n = transposed ? other.shape[0] : other.shape[1]
    let result = Tensor([rowCount, n])
    gemm(
      transB: transposed, m: rowCount, n: n, k: width, a: pointer, lda: width, b: other.pointer,
      ldb: other.width, c: result.pointer, ldc: n)
    return result
  }
}
