import Groundwork

/// The leading singular triplets of W [m, n]:  W ~ left diag(singularValues) right.
public struct TruncatedSVD: Sendable {
  /// [m, r], orthonormal columns.
  public var left: Matrix
  /// r, descending.
  public var singularValues: [Double]
  /// [r, n], orthonormal rows.
  public var right: Matrix
  /// Sum of all squared singular values, ||W||_F^2, kept ones or not.
  public var energy: Double

  /// r, the triplets kept.
  public var rank: Int { singularValues.count }

  /// How to find them. `gram` is exact (the error against gesdd stays near 1e-12, for float32 weights below their own
  /// rounding), `gramFloat32` as good as exact and the fastest where matrices are large; the others stand for comparison
  /// (`xecomla compare-svd`).
  public enum Method: String, CaseIterable, Sendable {
    /// Eigenpairs of the smaller of W W^T and W^T W in float64.
    case gram
    /// The same in float32, kept when its product is proven to be within `tolerance` of the best (`LowRankBound`), and
    /// `gram` otherwise: where singular values fall steeply, and at full rank.
    case gramFloat32 = "gram-float32"
    /// LAPACK's dgesdd on W.
    case gesdd
    /// LAPACK's sgesdd on W, the official code's precision.
    case gesddFloat32 = "gesdd-float32"
    /// Randomised subspace iteration (Halko, Martinsson, Tropp 2011) with `subspacePasses` passes.
    case subspace
  }

  /// Takes the factors as they are.
  public init(left: Matrix, singularValues: [Double], right: Matrix, energy: Double) {
    self.left = left
    self.singularValues = singularValues
    self.right = right
    self.energy = energy
  }

  /// What |W - product|_F / |W|_F may have above the best product of the rank, with `Method.gramFloat32`.
  public static let tolerance = 1e-5

  /// What a matrix is factorised by: `gramFloat32` from 1,024 rows and columns on, where more than a fifth of all triplets
  /// are wanted. Smaller ones take a fraction of a second, and few triplets of a large one no longer in float64.
  static func fittingMethod(rows: Int, columns: Int, rank: Int) -> Method {
    let side = min(rows, columns)
    return side >= 1024 && 5 * rank > side && rank < side ? .gramFloat32 : .gram
  }

  /// - Parameters:
  ///   - rank: at most min(m, n) triplets
  ///   - method: nil: what fits the shape
  public init(_ matrix: Matrix, rank: Int, method: Method? = nil) throws {
    let rank = min(rank, matrix.rows, matrix.columns)
    switch method ?? Self.fittingMethod(rows: matrix.rows, columns: matrix.columns, rank: rank) {
    case .gram: self = try Self.byGram(matrix, rank: rank)
    case .gramFloat32: self = try Self.byGramFloat32(matrix, rank: rank) ?? Self.byGram(matrix, rank: rank)
    case .gesdd: self.init(try LAPACK.gesdd(matrix), rank: rank)
    case .gesddFloat32: self.init(try LAPACK.gesddFloat32(matrix), rank: rank)
    case .subspace: self = try Self.bySubspace(matrix, rank: rank)
    }
  }

  private init(_ full: LAPACK.SVD, rank: Int) {
    self.init(
      left: full.left.prefix(columns: rank), singularValues: Array(full.singularValues.prefix(rank)),
      right: full.right.prefix(rows: rank), energy: full.singularValues.reduce(0) { $0 + $1 * $1 })
  }

  /// The first `rank` of these.
  public func truncated(to rank: Int) -> TruncatedSVD {
    if rank >= self.rank { return self }
    return TruncatedSVD(
      left: left.prefix(columns: rank), singularValues: Array(singularValues.prefix(rank)),
      right: right.prefix(rows: rank), energy: energy)
  }

  /// left diag(singularValues) right.
  public func product() -> Matrix { left.scalingColumns(by: singularValues).product(right) }

  // MARK: By the smaller Gram matrix

  /// With m >= n: W^T W = V diag(s^2) V^T, then the columns of W V are s_i u_i. The product is W V_r V_r^T, an
  /// orthogonal projection whatever the error of the small eigenvalues, so it is as exact as the subspace.
  private static func byGram(_ matrix: Matrix, rank: Int) throws -> TruncatedSVD {
    let tall = matrix.rows >= matrix.columns
    let eigen = try LAPACK.symmetricEigen(matrix.gram(ofColumns: tall), top: rank)
    // Rows: s_i times the other side's singular vectors.
    let scaled = tall ? eigen.vectors.product(matrix, transposingOther: true) : eigen.vectors.product(matrix)
    let (other, values) = normalisedRows(scaled)
    return TruncatedSVD(
      left: tall ? other.transposed : eigen.vectors.transposed, singularValues: values,
      right: tall ? eigen.vectors : other, energy: matrix.squaredNorm)
  }

  /// Below this share of the largest one a singular value is lost in the Gram matrix's rounding
  /// (eps s_1^2 against s_i^2), and the vector that belongs to it is completed instead.
  static let smallest = 1e-7

  /// Rows divided by their lengths; rows too short to have a direction become some unit vector orthogonal to
  /// all others, with value zero where they were zero, so that no direction of a factor is dead.
  static func normalisedRows(_ scaled: Matrix) -> (Matrix, [Double]) {
    let (count, width) = (scaled.rows, scaled.columns)
    var rows = scaled
    var lengths = (0..<count).map { row in
      var sum = 0.0
      scaled.values.withUnsafeBufferPointer { values in
        for j in row * width..<(row + 1) * width { sum += values[j] * values[j] }
      }
      return sum.squareRoot()
    }
    let threshold = smallest * (lengths.max() ?? 0)
    rows = rows.scalingRows(by: lengths.map { $0 > threshold ? 1 / $0 : 0 })
    let stream = RandomStream(seed: 0, "orthonormal completion")
    for row in 0..<count where lengths[row] <= threshold {
      lengths[row] = 0
      complete(&rows, row: row, filled: { $0 < row || lengths[$0] > 0 }, stream: stream)
    }
    return (rows, lengths)
  }

  private static func complete(_ rows: inout Matrix, row: Int, filled: (Int) -> Bool, stream: RandomStream) {
    let width = rows.columns
    for attempt in 0..<8 {
      var vector = (0..<width).map { stream.normal(at: UInt64((row * 8 + attempt) * width + $0)) }
      for _ in 0..<2 {
        for other in 0..<rows.rows where other != row && filled(other) {
          var dot = 0.0
          for j in 0..<width { dot += vector[j] * rows.values[other * width + j] }
          for j in 0..<width { vector[j] -= dot * rows.values[other * width + j] }
        }
      }
      let length = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
      if length < 1e-6 { continue }
      for j in 0..<width { rows.values[row * width + j] = vector[j] / length }
      return
    }
  }

  // MARK: By subspace iteration

  /// p of `Method.subspace`.
  public static let subspacePasses = 8

  /// Q spans (W W^T)^p W X for a random X of a few more columns than `rank`, re-orthonormalised in every
  /// pass; then the exact SVD of the small Q^T W. Converges like (s_{r+8} / s_r)^(2p+1): fast on steep
  /// spectra, slowly on flat ones.
  private static func bySubspace(_ matrix: Matrix, rank: Int) throws -> TruncatedSVD {
    let width = min(rank + 8, matrix.rows, matrix.columns)
    let stream = RandomStream(seed: 0, "subspace iteration")
    let start = Matrix(
      rows: matrix.columns, columns: width,
      values: (0..<matrix.columns * width).map { stream.normal(at: UInt64($0)) })
    var basis = try orthonormalColumns(matrix.product(start))
    for _ in 0..<subspacePasses {
      basis = try orthonormalColumns(matrix.product(matrix.product(basis, transposingSelf: true)))
    }
    let small = try byGram(basis.product(matrix, transposingSelf: true), rank: rank)
    return TruncatedSVD(
      left: basis.product(small.left), singularValues: small.singularValues, right: small.right,
      energy: matrix.squaredNorm)
  }

  private static func orthonormalColumns(_ matrix: Matrix) throws -> Matrix {
    var basis = matrix
    // Twice through the Gram matrix: orthonormal to rounding.
    for _ in 0..<2 {
      let eigen = try LAPACK.symmetricEigen(basis.gram(ofColumns: true))
      let floor = 1e-14 * (eigen.values.first ?? 0)
      basis = basis.product(
        eigen.vectors.scalingRows(by: eigen.values.map { $0 > floor ? 1 / $0.squareRoot() : 0 }), transposingOther: true
      )
    }
    return basis
  }
}
