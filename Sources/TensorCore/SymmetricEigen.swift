import COpenBLAS
import Groundwork

extension LAPACK {
  /// The `count` largest eigenpairs by tridiagonal form (dsytrd), divide and conquer (dstedc) and our own
  /// product with the reflectors. dsyevd does the same but multiplies all n vectors, with OpenBLAS's kernels:
  /// 1.3 to 1.6 times the time at n = 2048.
  static func divideAndConquer(_ matrix: Matrix, count: Int) throws -> Eigen {
    let n = matrix.rows
    var reflectors = matrix.values
    var values = [Double](repeating: 0, count: n)
    var beside = [Double](repeating: 0, count: max(1, n - 1))
    var factors = [Double](repeating: 0, count: max(1, n - 1))
    let lower = CChar(UInt8(ascii: "L"))
    try check(
      LAPACKE_dsytrd(LAPACK_COL_MAJOR, lower, Int32(n), &reflectors, Int32(n), &values, &beside, &factors), "dsytrd", n,
      n)
    var vectors = [Double](repeating: 0, count: n * n)
    try check(
      LAPACKE_dstedc(LAPACK_COL_MAJOR, CChar(UInt8(ascii: "I")), Int32(n), &values, &beside, &vectors, Int32(n)),
      "dstedc", n, n)
    // Column-major columns are our rows.
    vectors.withUnsafeMutableBufferPointer { vectors in
      reflectors.withUnsafeBufferPointer { reflectors in
        applyReflectors(reflectors.baseAddress!, factors, n, to: vectors.baseAddress! + (n - count) * n, rows: count)
      }
    }
    let all = Matrix(rows: n, columns: n, values: vectors)
    return Eigen(values: values.suffix(count).reversed(), vectors: all.selecting(rows: (n - count..<n).reversed()))
  }

  /// Multiplies row vectors z [rows, n] by Q^T, Q = H_0 ... H_(n-2) of dsytrd's lower form: H_i = I - tau_i v v^T,
  /// v zero up to i, 1 at i + 1, and then column i of `reflectors` (column-major).
  ///
  /// Blocks of reflectors from the last to the first, each as I - V T V^T (compact WY, Schreiber and
  /// Van Loan 1989): z <- z - ((z V) T^T) V^T.
  private static func applyReflectors(
    _ reflectors: UnsafePointer<Double>, _ factors: [Double], _ n: Int, to z: UnsafeMutablePointer<Double>, rows: Int
  ) {
    let block = 192
    var v = [Double](repeating: 0, count: block * n)
    var t = [Double](repeating: 0, count: block * block)
    var projected = [Double](repeating: 0, count: rows * block)
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
        _ = LAPACKE_dlarft(
          LAPACK_COL_MAJOR, CChar(UInt8(ascii: "F")), CChar(UInt8(ascii: "C")), Int32(width), Int32(size), corner,
          Int32(n),
          factors.baseAddress! + first, &t, Int32(size))
      }
      let target = z + first + 1
      serialGemm(
        transB: true, m: rows, n: size, k: width, a: target, lda: n, b: v, ldb: width, c: &projected, ldc: size)
      // T's column-major numbers are T^T in rows; its strictly lower part is not set by dlarft.
      for i in 0..<size { for j in i + 1..<max(size, i + 1) { t[i * size + j] = 0 } }
      serialGemm(m: rows, n: size, k: size, a: projected, lda: size, b: t, ldb: size, c: &scaled, ldc: size)
      serialGemm(
        m: rows, n: width, k: size, alpha: -1, a: scaled, lda: size, b: v, ldb: width, beta: 1, c: target, ldc: n)
    }
  }
}
