import COpenBLAS

/// float32 and float64, with the routines that LAPACK has for both: by its names without the letter for the type.
/// Matrices are column-major, n of n x n with leading dimension n.
protocol LAPACKNumber: BinaryFloatingPoint, Sendable {
  static var letter: String { get }
  /// The lower triangle of `a` becomes Householder reflectors and a tridiagonal matrix.
  static func sytrd(
    _ n: Int32, _ a: UnsafeMutablePointer<Self>, diagonal: UnsafeMutablePointer<Self>,
    beside: UnsafeMutablePointer<Self>, factors: UnsafeMutablePointer<Self>
  ) -> Int32
  /// All eigenpairs of a tridiagonal matrix by divide and conquer: ascending into `diagonal`, the vectors into `vectors`.
  static func stedc(
    _ n: Int32, diagonal: UnsafeMutablePointer<Self>, beside: UnsafeMutablePointer<Self>,
    vectors: UnsafeMutablePointer<Self>
  ) -> Int32
  /// The triangle of the compact form of `size` reflectors of `width` numbers.
  static func larft(
    width: Int32, size: Int32, _ reflectors: UnsafePointer<Self>, leading: Int32, factors: UnsafePointer<Self>,
    triangle: UnsafeMutablePointer<Self>
  )
  /// `serialGemm`.
  static func gemm(
    transA: Bool, transB: Bool, m: Int, n: Int, k: Int, alpha: Self, a: UnsafePointer<Self>, lda: Int,
    b: UnsafePointer<Self>,
    ldb: Int, beta: Self, c: UnsafeMutablePointer<Self>, ldc: Int)
}

private let lower = CChar(UInt8(ascii: "L"))
private let identity = CChar(UInt8(ascii: "I"))
private let forward = CChar(UInt8(ascii: "F"))
private let columns = CChar(UInt8(ascii: "C"))

extension Double: LAPACKNumber {
  static var letter: String { "d" }

  static func sytrd(
    _ n: Int32, _ a: UnsafeMutablePointer<Double>, diagonal: UnsafeMutablePointer<Double>,
    beside: UnsafeMutablePointer<Double>, factors: UnsafeMutablePointer<Double>
  ) -> Int32 { LAPACKE_dsytrd(LAPACK_COL_MAJOR, lower, n, a, n, diagonal, beside, factors) }

  static func stedc(
    _ n: Int32, diagonal: UnsafeMutablePointer<Double>, beside: UnsafeMutablePointer<Double>,
    vectors: UnsafeMutablePointer<Double>
  ) -> Int32 { LAPACKE_dstedc(LAPACK_COL_MAJOR, identity, n, diagonal, beside, vectors, n) }

  static func larft(
    width: Int32, size: Int32, _ reflectors: UnsafePointer<Double>, leading: Int32, factors: UnsafePointer<Double>,
    triangle: UnsafeMutablePointer<Double>
  ) {
    _ = LAPACKE_dlarft(
      LAPACK_COL_MAJOR, forward, columns, width, size, reflectors, leading, factors, triangle, size)
  }

  static func gemm(
    transA: Bool, transB: Bool, m: Int, n: Int, k: Int, alpha: Double, a: UnsafePointer<Double>, lda: Int,
    b: UnsafePointer<Double>,
    ldb: Int, beta: Double, c: UnsafeMutablePointer<Double>, ldc: Int
  ) {
    serialGemm(
      transA: transA, transB: transB, m: m, n: n, k: k, alpha: alpha, a: a, lda: lda, b: b, ldb: ldb, beta: beta, c: c,
      ldc: ldc)
  }
}

extension Float: LAPACKNumber {
  static var letter: String { "s" }

  static func sytrd(
    _ n: Int32, _ a: UnsafeMutablePointer<Float>, diagonal: UnsafeMutablePointer<Float>,
    beside: UnsafeMutablePointer<Float>, factors: UnsafeMutablePointer<Float>
  ) -> Int32 { LAPACKE_ssytrd(LAPACK_COL_MAJOR, lower, n, a, n, diagonal, beside, factors) }

  static func stedc(
    _ n: Int32, diagonal: UnsafeMutablePointer<Float>, beside: UnsafeMutablePointer<Float>,
    vectors: UnsafeMutablePointer<Float>
  ) -> Int32 {
    // LAPACKE_sstedc asks for the size in float32, which from n = 4,096 on rounds down what is needed.
    let size = Int(n)
    var (work, integers) = (
      [Float](repeating: 0, count: 1 + 4 * size + size * size), [Int32](repeating: 0, count: 3 + 5 * size)
    )
    return LAPACKE_sstedc_work(
      LAPACK_COL_MAJOR, identity, n, diagonal, beside, vectors, n, &work, Int32(work.count), &integers,
      Int32(integers.count))
  }

  static func larft(
    width: Int32, size: Int32, _ reflectors: UnsafePointer<Float>, leading: Int32, factors: UnsafePointer<Float>,
    triangle: UnsafeMutablePointer<Float>
  ) {
    _ = LAPACKE_slarft(
      LAPACK_COL_MAJOR, forward, columns, width, size, reflectors, leading, factors, triangle, size)
  }

  static func gemm(
    transA: Bool, transB: Bool, m: Int, n: Int, k: Int, alpha: Float, a: UnsafePointer<Float>, lda: Int,
    b: UnsafePointer<Float>,
    ldb: Int, beta: Float, c: UnsafeMutablePointer<Float>, ldc: Int
  ) {
    serialGemm(
      transA: transA, transB: transB, m: m, n: n, k: k, alpha: alpha, a: a, lda: lda, b: b, ldb: ldb, beta: beta, c: c,
      ldc: ldc)
  }
}
