import Groundwork

/// Time and exactness of the ways to a rank-r product, against dgesdd (`xecomla compare-svd`).
public struct SVDComparison: Codable, Sendable {
  /// Shape of the matrix.
  public var rows: Int
  /// Shape of the matrix.
  public var columns: Int
  /// Singular triplets kept.
  public var rank: Int
  /// A `Spectrum` by name.
  public var spectrum: String
  /// A `TruncatedSVD.Method` by name.
  public var method: String
  /// Wall time of the decomposition and its product, once.
  public var seconds: Double
  /// |P - P_gesdd|_F / |P_gesdd|_F of the rank-r products: where the r-th singular value and the next are close, products
  /// that are as good may still be far apart.
  public var error: Double
  /// (|W - P|_F - |W - P_gesdd|_F) / |W|_F: how much worse than the best product of the rank.
  public var excess: Double

  /// Spectra of the test matrices.
  public enum Spectrum: String, CaseIterable, Sendable {
    /// Independent normal entries: no gap anywhere, the hardest for iterations.
    case flat
    /// Singular values i^(-1/2): what trained projections look like.
    case decaying
  }

  /// A random matrix as float32 weights would hold it.
  public static func matrix(rows: Int, columns: Int, _ spectrum: Spectrum) -> Matrix {
    func normal(_ rows: Int, _ columns: Int, _ name: String) -> Matrix {
      let stream = RandomStream(seed: 1, name)
      return Matrix(
        rows: rows, columns: columns, values: (0..<rows * columns).map { Double(Float(stream.normal(at: UInt64($0)))) })
    }
    if spectrum == .flat { return normal(rows, columns, "flat") }
    let inner = min(rows, columns)
    let scaled = normal(rows, inner, "left").scalingColumns(by: (1...inner).map { 1 / Double($0).squareRoot() })
    let product = scaled.product(normal(inner, columns, "right"))
    return Matrix(rows: rows, columns: columns, values: product.values.map { Double(Float($0)) })
  }

  /// Every method once on one matrix; the last one is dgesdd itself.
  public static func run(rows: Int, columns: Int, rank: Int, spectrum: Spectrum) throws -> [SVDComparison] {
    let matrix = matrix(rows: rows, columns: columns, spectrum)
    func timed(_ method: TruncatedSVD.Method) throws -> (Matrix, Double) {
      let began = monotonicSeconds()
      let svd = try TruncatedSVD(matrix, rank: rank, method: method)
      return (svd.product(), monotonicSeconds() - began)
    }
    let (exact, exactSeconds) = try timed(.gesdd)
    let norm = exact.squaredNorm
    func lost(_ product: Matrix) -> Double {
      (product.subtracting(matrix).squaredNorm / matrix.squaredNorm).squareRoot()
    }
    let least = lost(exact)
    func row(_ method: TruncatedSVD.Method, _ product: Matrix, _ seconds: Double) -> SVDComparison {
      return SVDComparison(
        rows: rows, columns: columns, rank: rank, spectrum: spectrum.rawValue, method: method.rawValue,
        seconds: seconds, error: (product.subtracting(exact).squaredNorm / norm).squareRoot(),
        excess: lost(product) - least)
    }
    return try TruncatedSVD.Method.allCases.filter { $0 != .gesdd }.map { method in
      let (product, seconds) = try timed(method)
      return row(method, product, seconds)
    } + [row(.gesdd, exact, exactSeconds)]
  }
}
