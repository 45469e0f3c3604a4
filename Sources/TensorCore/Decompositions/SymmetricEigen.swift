import COpenBLAS
import Groundwork

extension LAPACK {
  /// The `count` largest eigenpairs by tridiagonal form (dsytrd), divide and conquer (dstedc) and our own
  /// product with the reflectors. dsyevd does the same but multiplies all n vectors, with OpenBLAS's kernels:
  /// 1.3 to 1.6 times the time at n = 2048.
  static func divideAndConquer(_ matrix: Matrix, count: Int) throws -> Eigen {
    var work = matrix.values
    let (values, vectors) = try divideAndConquer(&work, order: matrix.rows, count: count)
    let ascending = Matrix(rows: count, columns: matrix.rows, values: vectors)
    return Eigen(values: values.reversed(), vectors: ascending.selecting(rows: (0..<count).reversed()))
  }

  /// The same of a symmetric matrix in either precision, [order, order]; its numbers are used up.
  /// - Returns: ascending eigenvalues, and the vectors as rows [count, order] in their order
  static func divideAndConquer<Number: LAPACKNumber>(
    _ matrix: inout [Number], order n: Int, count: Int
  ) throws -> (values: [Number], vectors: [Number]) {
    var values = [Number](repeating: 0, count: n)
    var beside = [Number](repeating: 0, count: max(1, n - 1))
    var factors = [Number](repeating: 0, count: max(1, n - 1))
    try check(
      Number.sytrd(Int32(n), &matrix, diagonal: &values, beside: &beside, factors: &factors), Number.letter + "sytrd",
      n,
      n)
    var vectors = [Number](repeating: 0, count: n * n)
    try check(
      Number.stedc(Int32(n), diagonal: &values, beside: &beside, vectors: &vectors), Number.letter + "stedc", n, n)
    // Column-major columns are our rows.
    vectors.withUnsafeMutableBufferPointer { vectors in
      matrix.withUnsafeBufferPointer { reflectors in
        applyReflectors(reflectors.baseAddress!, factors, n, to: vectors.baseAddress! + (n - count) * n, rows: count)
      }
    }
    return (values.suffix(count), Array(vectors[(n - count) * n..<n * n]))
  }

  /// Multiplies row vectors z [rows, n] by Q^T, Q = H_0 ... H_(n-2) of sytrd's lower form: H_i = I - tau_i v v^T,
  /// v zero up to i, 1 at i + 1, and then column i of `reflectors` (column-major).
  ///
  /// Blocks of reflectors from the last to the first, each as I - V T V^T (compact WY, Schreiber and
  /// Van Loan 1989): z <- z - ((z V) T^T) V^T.
  private static func applyReflectors<Number: LAPACKNumber>(
    _ reflectors: UnsafePointer<Number>, _ factors: [Number], _ n: Int, to z: UnsafeMutablePointer<Number>, rows: Int
  ) {
    let block = 192
    var v = [Number](repeating: 0, count: block * n)
    var t = [Number](repeating: 0, count: block * block)
    var projected = [Number](repeating: 0, count: rows * block)
    var scaled = projected
    for first in stride(from: 0, to: n - 1, by: block).reversed() {
      let size = min(block, n - 1 - first)
      let width = n - 1 - first
      let corner = reflectors + first * n + first + 1
      for i in 0..<size {
        for j in 0..<i { v[i * width + j] = 0 }
        v[i * width + i] = 1
        for j in i + 1..<max(width, i + 1) { v[i * width + j] = corner[i * n + j] }
      }
      factors.withUnsafeBufferPointer { factors in
        Number.larft(
          width: Int32(width), size: Int32(size), corner, leading: Int32(n), factors: factors.baseAddress! + first,
          triangle: &t)
      }
      let target = z + first + 1
      Number.gemm(
        transA: false, transB: true, m: rows, n: size, k: width, alpha: 1, a: target, lda: n, b: v, ldb: width, beta: 0,
        c: &projected,
        ldc: size)
      // T's column-major numbers are T^T in rows; its strictly lower part is not set by larft.
      for i in 0..<size { for j in i + 1..<max(size, i + 1) { t[i * size + j] = 0 } }
      Number.gemm(
        transA: false, transB: false, m: rows, n: size, k: size, alpha: 1, a: projected, lda: size, b: t, ldb: size,
        beta: 0,
        c: &scaled, ldc: size)
      Number.gemm(
        transA: false, transB: false, m: rows, n: width, k: size, alpha: -1, a: scaled, lda: size, b: v, ldb: width,
        beta: 1,
        c: target, ldc: n)
    }
  }
}
