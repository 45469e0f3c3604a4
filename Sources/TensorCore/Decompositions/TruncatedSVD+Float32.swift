extension TruncatedSVD {
  /// `byGram` with every product and decomposition in float32; sums of squares, and the proof that the product is good
  /// enough, in float64.
  /// - Returns: nil without that proof, or where the decomposition fails in float32
  static func byGramFloat32(_ matrix: Matrix, rank: Int) -> TruncatedSVD? {
    let tall = matrix.rows >= matrix.columns
    let (m, n) = tall ? (matrix.rows, matrix.columns) : (matrix.columns, matrix.rows)
    if rank == 0 || rank == n { return nil }
    let floats = matrix.floats()
    var gram = [Float](repeating: 0, count: n * n)
    upperGram(floats, rows: matrix.rows, columns: matrix.columns, ofColumns: tall, beta: 0, into: &gram)
    // Row-major upper is column-major lower, which the decomposition reads and overwrites.
    var work = gram
    guard let (values, ascending) = try? LAPACK.divideAndConquer(&work, order: n, count: rank) else { return nil }
    work = []
    let widest = Double(values.last!)
    if !(Double(values.first!) > smallestEnergy * widest) { return nil }
    let vectors = unitRows(Matrix(descending: ascending, rows: rank, columns: n))
    let scaled = scaledRows(vectors, floats, tall: tall, m: m, n: n)
    let (other, lengths) = normalisedRows(scaled)
    let energy = matrix.squaredNorm
    guard
      let bound = LowRankBound(
        matrix, transposed: !tall, gram: consume gram, vectors: vectors, scaled: scaled,
        energies: lengths.map { $0 * $0 },
        total: energy), bound.excess <= tolerance
    else { return nil }
    return TruncatedSVD(
      left: tall ? other.transposed : vectors.transposed, singularValues: lengths, right: tall ? vectors : other,
      energy: energy)
  }

  /// Smallest kept eigenvalue of the Gram matrix over the largest one: below, float32 does not tell directions apart.
  private static let smallestEnergy = 1e-4

  private static func unitRows(_ matrix: Matrix) -> Matrix {
    matrix.scalingRows(by: matrix.squaredRowNorms.map { 1 / $0.squareRoot() })
  }

  /// The other side's vectors times their singular values, [rank, m].
  private static func scaledRows(_ vectors: Matrix, _ floats: [Float], tall: Bool, m: Int, n: Int) -> Matrix {
    let narrow = vectors.floats()
    var product = [Float](repeating: 0, count: vectors.rows * m)
    narrow.withUnsafeBufferPointer { v in
      floats.withUnsafeBufferPointer { a in
        gemm(
          transB: tall, m: vectors.rows, n: m, k: n, a: v.baseAddress!, lda: n, b: a.baseAddress!, ldb: tall ? n : m,
          c: &product, ldc: m)
      }
    }
    return Matrix(rows: vectors.rows, columns: m, values: product.map { Double($0) })
  }
}

extension Matrix {
  /// Rows of float32 numbers, the last one first.
  fileprivate init(descending floats: [Float], rows: Int, columns: Int) {
    self.init(
      rows: rows, columns: columns,
      values: [Double](unsafeUninitializedCapacity: rows * columns) { buffer, used in
        for i in 0..<rows {
          for j in 0..<columns { buffer[i * columns + j] = Double(floats[(rows - 1 - i) * columns + j]) }
        }
        used = rows * columns
      })
  }

  fileprivate var squaredRowNorms: [Double] {
    values.withUnsafeBufferPointer { values in
      (0..<rows).map { row in (row * columns..<(row + 1) * columns).reduce(0) { $0 + values[$1] * values[$1] } }
    }
  }
}
