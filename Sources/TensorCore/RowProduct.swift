import CKernels

/// C[m, n] = A[m, k] op(B) + beta C on the calling thread, op(B) [k, n], like `serialGemm`, but the bits of a row of C
/// depend on its row of A and on B alone: not on m, nor on where the row stands. So a token's expert output is the same
/// whatever other tokens the expert gets, on one rank or on many (FarSkip brief 1.10, item 6).
///
/// Our kernel sums in one order whatever the size. OpenBLAS does not (its edge kernels differ), so without our kernel
/// it is given blocks of one height, the last one filled up with zeros.
public func rowwiseGemm(
  transB: Bool, m: Int, n: Int, k: Int, a: UnsafePointer<Float>, lda: Int, b: UnsafePointer<Float>, ldb: Int,
  beta: Float = 0, c: UnsafeMutablePointer<Float>, ldc: Int
) {
  if m == 0 || n == 0 { return }
  if hasOwnKernel {
    up_sgemm_rows(transB, m, n, k, a, lda, b, ldb, beta, c, ldc)
  } else {
    blockwiseGemm(transB, m, n, k, a, lda, b, ldb, beta, c, ldc)
  }
}

/// Rows of every product that OpenBLAS gets.
private let blockRows = 32

/// `rowwiseGemm` by OpenBLAS.
func blockwiseGemm(
  _ transB: Bool, _ m: Int, _ n: Int, _ k: Int, _ a: UnsafePointer<Float>, _ lda: Int, _ b: UnsafePointer<Float>,
  _ ldb: Int, _ beta: Float, _ c: UnsafeMutablePointer<Float>, _ ldc: Int
) {
  let whole = m / blockRows * blockRows
  for row in stride(from: 0, to: whole, by: blockRows) {
    openBLASGemm(false, transB, blockRows, n, k, 1, a + row * lda, lda, b, ldb, beta, c + row * ldc, ldc)
  }
  let rest = m - whole
  if rest == 0 { return }
  let (from, to) = (Tensor.zeros([blockRows, k]), Tensor.zeros([blockRows, n]))
  up_copy_block(a + whole * lda, lda, from.pointer, k, rest, k)
  if beta != 0 { up_copy_block(c + whole * ldc, ldc, to.pointer, n, rest, n) }
  openBLASGemm(false, transB, blockRows, n, k, 1, from.pointer, k, b, ldb, beta, to.pointer, n)
  up_copy_block(to.pointer, n, c + whole * ldc, ldc, rest, n)
}
