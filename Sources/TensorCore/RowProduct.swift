import CKernels

/// C[m, n] = A[m, k] op(B) + beta C on the calling thread, op(B) [k, n], like `serialGemm`, but the bits of a row of C
/// depend on its row of A and on B alone: not on m, nor on where the row stands. So a token's expert output is the same
/// whatever other tokens the expert gets, on one rank or on many (FarSkip brief 1.10, item 6). BLAS libraries do not
/// promise this: their edge kernels sum in other orders.
public func rowwiseGemm(
  transB: Bool, m: Int, n: Int, k: Int, a: UnsafePointer<Float>, lda: Int, b: UnsafePointer<Float>, ldb: Int,
  beta: Float = 0, c: UnsafeMutablePointer<Float>, ldc: Int
) {
  if m == 0 || n == 0 { return }
  if hasOwnKernel {
    up_sgemm_rows(transB, m, n, k, a, lda, b, ldb, beta, c, ldc)
  } else {
    portableRowwiseGemm(transB, m, n, k, a, lda, b, ldb, beta, c, ldc)
  }
}

/// `rowwiseGemm` where the processor has no AVX-512.
func portableRowwiseGemm(
  _ transB: Bool, _ m: Int, _ n: Int, _ k: Int, _ a: UnsafePointer<Float>, _ lda: Int, _ b: UnsafePointer<Float>,
  _ ldb: Int, _ beta: Float, _ c: UnsafeMutablePointer<Float>, _ ldc: Int
) {
  let panel = Tensor([k, Int(up_gemm_panel_cols)])
  up_sgemm_rows_portable(transB, m, n, k, a, lda, b, ldb, beta, c, ldc, panel.pointer)
}
