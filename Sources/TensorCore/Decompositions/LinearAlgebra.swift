import COpenBLAS
import Groundwork

/// LAPACK's decompositions, by their names, each on the calling thread (BLAS is pinned to one; run several
/// inside `Threads.parallel`). A decomposition that does not converge, or non-finite input, is an error.
public enum LAPACK {
  /// Eigenvalues, largest first, and their orthonormal eigenvectors as rows.
  public struct Eigen: Sendable {
    /// Descending.
    public var values: [Double]
    /// [count, n]; row i belongs to value i.
    public var vectors: Matrix
  }

  /// All eigenpairs of a symmetric matrix, or its `top` largest (divide and conquer; dsyevr, relatively
  /// robust representations, when only a small part is wanted: it wins below about a fifth, see
  /// `TruncatedSVD.Method`).
  public static func symmetricEigen(_ matrix: Matrix, top: Int? = nil) throws -> Eigen {
    precondition(matrix.rows == matrix.columns, "eigenpairs of a matrix that is not square")
    let n = matrix.rows
    let count = min(top ?? n, n)
    if n == 0 || count == 0 { return Eigen(values: [], vectors: .zeros(0, n)) }
    return 5 * count > n ? try divideAndConquer(matrix, count: count) : try robust(matrix, count: count)
  }

  static func robust(_ matrix: Matrix, count: Int) throws -> Eigen {
    let n = matrix.rows
    var work = matrix.values
    var values = [Double](repeating: 0, count: n)
    var vectors = [Double](repeating: 0, count: n * count)
    var support = [Int32](repeating: 0, count: 2 * n)
    var found: Int32 = 0
    let info = LAPACKE_dsyevr(
      LAPACK_COL_MAJOR, CChar(UInt8(ascii: "V")), CChar(UInt8(ascii: "I")), CChar(UInt8(ascii: "L")), Int32(n),
      &work, Int32(n), 0, 0, Int32(n - count + 1), Int32(n), 0, &found, &values, &vectors, Int32(n),
      &support)
    try check(info, "dsyevr", n, n)
    guard Int(found) == count else {
      throw UpcycleError("dsyevr found \(found) of \(count) eigenvalues of a \(n) x \(n) matrix")
    }
    let ascending = Matrix(rows: count, columns: n, values: vectors)
    return Eigen(values: values.prefix(count).reversed(), vectors: ascending.selecting(rows: (0..<count).reversed()))
  }

  /// A = left diag(singularValues) right, thin.
  public struct SVD: Sendable {
    /// [m, k], orthonormal columns, k = min(m, n).
    public var left: Matrix
    /// k, descending.
    public var singularValues: [Double]
    /// [k, n], orthonormal rows.
    public var right: Matrix
  }

  /// dgesdd.
  public static func gesdd(_ matrix: Matrix) throws -> SVD {
    let (m, n) = (matrix.rows, matrix.columns)
    let k = min(m, n)
    if k == 0 { return SVD(left: .zeros(m, 0), singularValues: [], right: .zeros(0, n)) }
    // Row-major A is column-major A^T = V S U^T: the left vectors LAPACK returns are our right ones.
    var a = matrix.values
    var values = [Double](repeating: 0, count: k)
    var v = [Double](repeating: 0, count: n * k)
    var u = [Double](repeating: 0, count: k * m)
    let info = LAPACKE_dgesdd(
      LAPACK_COL_MAJOR, CChar(UInt8(ascii: "S")), Int32(n), Int32(m), &a, Int32(n), &values, &v, Int32(n), &u, Int32(k))
    try check(info, "dgesdd", m, n)
    return SVD(
      left: Matrix(rows: m, columns: k, values: u), singularValues: values,
      right: Matrix(rows: k, columns: n, values: v))
  }

  /// sgesdd, as the official conversion uses; widened for comparison.
  public static func gesddFloat32(_ matrix: Matrix) throws -> SVD {
    let (m, n) = (matrix.rows, matrix.columns)
    let k = min(m, n)
    if k == 0 { return SVD(left: .zeros(m, 0), singularValues: [], right: .zeros(0, n)) }
    var a = matrix.values.map { Float($0) }
    var values = [Float](repeating: 0, count: k)
    var v = [Float](repeating: 0, count: n * k)
    var u = [Float](repeating: 0, count: k * m)
    var integers = [Int32](repeating: 0, count: 8 * k)
    func decompose(_ work: inout [Float], _ size: Int32) -> Int32 {
      LAPACKE_sgesdd_work(
        LAPACK_COL_MAJOR, CChar(UInt8(ascii: "S")), Int32(n), Int32(m), &a, Int32(n), &values, &v, Int32(n), &u,
        Int32(k), &work, size, &integers)
    }
    var answer: [Float] = [0]
    try check(decompose(&answer, -1), "sgesdd", m, n)
    var work = [Float](repeating: 0, count: workspace(answer[0]))
    try check(a.allSatisfy(\.isFinite) ? decompose(&work, Int32(work.count)) : -1, "sgesdd", m, n)
    return SVD(
      left: Matrix(rows: m, columns: k, values: u.map { Double($0) }), singularValues: values.map { Double($0) },
      right: Matrix(rows: k, columns: n, values: v.map { Double($0) }))
  }

  /// The numbers that a routine asks for in float32, which loses the last digits beyond 2^24: LAPACKE's own calls then
  /// give too few.
  static func workspace(_ asked: Float) -> Int { Int(asked.nextUp.rounded(.up)) }

  static func check(_ info: Int32, _ routine: String, _ m: Int, _ n: Int) throws {
    if info == 0 { return }
    let reason = info < 0 ? "holds NaN or infinity" : "did not converge"
    throw UpcycleError("the decomposition of a \(m) x \(n) matrix \(reason)", at: routine, found: "info \(info)")
  }
}
