import COpenBLAS
import Glibc
import Groundwork

/// How far a rank-r product S V^T can be from the best one, proven from what was computed: the check behind
/// `TruncatedSVD.Method.gramFloat32`.
///
/// Legend: A [m, n], G = A^T A with eigenvalues l_1 >= l_2 >= ...; V [n, r] nearly orthonormal columns, t_i = |s_i|^2 of
/// S ~ A V [m, r], T = diag(t), R = G V - V T. The best product of rank r has error e_opt^2 = |A|^2 - (l_1 + ... + l_r).
///
/// If no direction orthogonal to V has more than c of the energy, x^T G x <= c |x|^2, then in a basis that begins with V
/// G = [H E^T; E C] with C <= c, and for every u > c (Schur complement of u - C)
///
///     G <= [H + E^T (u - C)^-1 E, 0; 0, u],   l_1 + ... + l_r <= tr H + |E|^2 / (u - c) + sum_i max(0, u - h_i).
///
/// H's eigenvalues h_i differ from the t_i by |R| at most, |E| <= |R|. The first term is the energy that V keeps, so the
/// others bound e^2 - e_opt^2. That c holds is shown by a Cholesky factor of c - G + V T V^T, which on those directions is
/// c - G. The norms of R and of all rounding (of S, V's inner products, the float32 matrix under the Cholesky factor) are
/// estimated from float64 products with `probes` normal vectors and taken `slack` times as large: each is larger still
/// with a probability below 1e-9 (a chi-square of 32 degrees below 4).
struct LowRankBound {
  /// Bound of |A - S V^T| / |A| - e_opt / |A|.
  let excess: Double

  private static let probes = 32
  private static let slack = 8.0.squareRoot()

  /// - Parameters:
  ///   - matrix: A, or A^T when `transposed`
  ///   - gram: G in float32, its upper triangle
  ///   - vectors: V^T [r, n], rows of length one
  ///   - scaled: S^T [r, m]
  ///   - energies: t
  /// - Returns: nil where there is no proof: the Cholesky factor does not exist
  init?(
    _ matrix: Matrix, transposed: Bool, gram: consuming [Float], vectors: Matrix, scaled: Matrix, energies: [Double],
    total: Double
  ) {
    let (rank, n) = (vectors.rows, vectors.columns)
    func norm(_ matrix: Matrix) -> Double { Self.slack * (matrix.squaredNorm / Double(Self.probes)).squareRoot() }
    func normals(_ rows: Int, _ name: String) -> Matrix {
      let stream = RandomStream(seed: 0, name)
      return Matrix(
        rows: rows, columns: Self.probes, values: (0..<rows * Self.probes).map { stream.normal(at: UInt64($0)) })
    }
    func timesA(_ x: Matrix) -> Matrix { matrix.product(x, transposingSelf: transposed) }
    func timesG(_ ax: Matrix) -> Matrix { matrix.product(ax, transposingSelf: !transposed) }
    func timesV(_ x: Matrix) -> Matrix { vectors.product(x, transposingSelf: true) }

    // R, S - A V and V^T V - 1.
    let inner = normals(rank, "bound: within")
    let mixed = timesV(inner)
    let image = timesA(mixed)
    let residual = norm(timesG(image).subtracting(timesV(inner.scalingRows(by: energies))))
    let rounding = norm(scaled.product(inner, transposingSelf: true).subtracting(image))
    let defect = norm(vectors.product(mixed).subtracting(inner))
    guard defect < 0.01, let largest = energies.max(), let smallest = energies.min(), smallest > 0 else { return nil }

    // V T V^T - G from float32 products, and how far from it.
    let surplus = Self.surplus(consume gram, vectors: vectors, energies: energies)
    let outer = normals(n, "bound: everywhere")
    let exact = timesV(vectors.product(outer).scalingRows(by: energies)).subtracting(timesG(timesA(outer)))
    let error = norm(surplus.product(outer).subtracting(exact))
    let shift = smallest + 2 * error
    guard Self.isPositiveDefinite(consume surplus, shift: shift) else { return nil }
    let ceiling = shift + error

    let spread = 1.01 * residual + defect * defect * largest
    let best = (0..<120).map { step -> Double in
      let above = largest * exp2(-Double(step) / 3)
      let level = ceiling + above + spread
      return 1.01 * residual * residual / above + energies.reduce(0) { $0 + max(0, level - $1) }
    }.min()!
    let second = rounding + largest.squareRoot() * defect
    let gap = (best + 1.01 * second * second) / total
    let lost = max(0, 1 - scaled.squaredNorm / total)
    let uncertainty = 3 * rounding * (scaled.squaredNorm).squareRoot() / total
    let least = lost - uncertainty
    excess = least > gap ? least.squareRoot() - (least - gap).squareRoot() : (lost + uncertainty).squareRoot()
  }

  /// V T V^T - G, both triangles, from float32 products.
  private static func surplus(_ gram: consuming [Float], vectors: Matrix, energies: [Double]) -> Matrix {
    let n = vectors.columns
    let roots = vectors.scalingRows(by: energies.map { $0.squareRoot() }).floats()
    upperGram(roots, rows: vectors.rows, columns: n, ofColumns: true, beta: -1, into: &gram)
    var result = gram.withUnsafeBufferPointer { Matrix($0.baseAddress!, rows: n, columns: n) }
    result.mirrorUpperTriangle()
    return result
  }

  private static func isPositiveDefinite(_ matrix: consuming Matrix, shift: Double) -> Bool {
    let n = matrix.rows
    for i in 0..<n { matrix.values[i * n + i] += shift }
    return LAPACKE_dpotrf(LAPACK_COL_MAJOR, CChar(UInt8(ascii: "L")), Int32(n), &matrix.values, Int32(n)) == 0
  }
}
