import CKernels

/// C[m, n] = A[m, k] op(B) + beta C on the calling thread, op(B) [k, n], like `serialGemm`, but the bits of a row of C
/// depend on its row of A and on B alone: not on m, nor on where the row stands. So a token's expert output is the same
/// whatever other tokens the expert gets, and whether one rank or many share the experts (FarSkip-Collective compares runs of
/// both). BLAS libraries do not promise this: their edge kernels sum in other orders.
public func rowwiseGemm(
  transB: Bool, m: Int, n: Int, k: Int, a: UnsafePointer<Float>, lda: Int, b: UnsafePointer<Float>, ldb: Int,
  beta: Float = 0, c: UnsafeMutablePointer<Float>, ldc: Int
) {
  if m == 0 || n == 0 { return }
  if hasOwnKernel {
    up_sgemm_rows(transB, m, n, k, a, lda, b, ldb, beta, c, ldc)
  } else {
    portableRowwiseGemm(
      transB: transB, m: m, n: n, k: k, a: a, lda: lda, b: b, ldb: ldb, beta: beta, c: c, ldc: ldc)
  }
}

/// `rowwiseGemm` where our AVX-512 kernel does not run.
func portableRowwiseGemm(
  transB: Bool, m: Int, n: Int, k: Int, a: UnsafePointer<Float>, lda: Int, b: UnsafePointer<Float>, ldb: Int,
  beta: Float, c: UnsafeMutablePointer<Float>, ldc: Int
) {
  let panels = Tensor([up_gemm_panel_floats(n, k)])
  up_sgemm_rows_portable(transB, m, n, k, a, lda, b, ldb, beta, c, ldc, panels.pointer)
}
