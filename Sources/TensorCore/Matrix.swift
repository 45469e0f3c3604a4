import COpenBLAS

/// A row-major float64 matrix: what decompositions work on. Training never sees one.
public struct Matrix: Sendable, Equatable {
  public let rows: Int
  public let columns: Int
  /// [rows * columns]
  public var values: [Double]

  public init(rows: Int, columns: Int, values: [Double]) {
    precondition(values.count == rows * columns, "\(values.count) values for a \(rows) x \(columns) matrix")
    self.rows = rows
    self.columns = columns
    self.values = values
  }

  public static func zeros(_ rows: Int, _ columns: Int) -> Matrix {
    Matrix(rows: rows, columns: columns, values: [Double](repeating: 0, count: rows * columns))
  }

  /// Widens float32 values.
  public init(_ floats: UnsafePointer<Float>, rows: Int, columns: Int) {
    let count = rows * columns
    self.init(
      rows: rows, columns: columns,
      values: [Double](unsafeUninitializedCapacity: count) { buffer, used in
        for i in 0..<count { buffer[i] = Double(floats[i]) }
        used = count
      })
  }

  /// A tensor as [product of outer axes, width].
  public init(_ tensor: Tensor) { self.init(tensor.pointer, rows: tensor.rowCount, columns: tensor.width) }

  public subscript(row: Int, column: Int) -> Double {
    get { values[row * columns + column] }
    set { values[row * columns + column] = newValue }
  }

  /// Rounds to float32, [rows, columns].
  public func tensor() -> Tensor {
    let result = Tensor([rows, columns])
    let out = result.pointer
    values.withUnsafeBufferPointer { for i in 0..<$0.count { out[i] = Float($0[i]) } }
    return result
  }

  /// The rows of `indices`, in that order, repeats allowed.
  public func selecting(rows indices: [Int]) -> Matrix {
    let width = columns
    let source = values
    return Matrix(
      rows: indices.count, columns: width,
      values: [Double](unsafeUninitializedCapacity: indices.count * width) { buffer, used in
        source.withUnsafeBufferPointer { source in
          for (target, row) in indices.enumerated() where width > 0 {
            (buffer.baseAddress! + target * width).initialize(from: source.baseAddress! + row * width, count: width)
          }
        }
        used = indices.count * width
      })
  }

  /// The first `count` columns.
  public func prefix(columns count: Int) -> Matrix {
    if count == columns { return self }
    var result: [Double] = []
    result.reserveCapacity(rows * count)
    for row in 0..<rows { result += values[row * columns..<row * columns + count] }
    return Matrix(rows: rows, columns: count, values: result)
  }

  /// The first `count` rows.
  public func prefix(rows count: Int) -> Matrix {
    count == rows ? self : Matrix(rows: count, columns: columns, values: Array(values[..<(count * columns)]))
  }

  /// This matrix above `other`.
  public func stacked(on other: Matrix) -> Matrix {
    precondition(columns == other.columns)
    return Matrix(rows: rows + other.rows, columns: columns, values: values + other.values)
  }

  public var transposed: Matrix {
    var result = Matrix.zeros(columns, rows)
    for i in 0..<rows { for j in 0..<columns { result.values[j * rows + i] = values[i * columns + j] } }
    return result
  }

  /// Row i times `factors[i]`.
  public func scalingRows(by factors: [Double]) -> Matrix {
    precondition(factors.count == rows)
    var result = self
    result.values.withUnsafeMutableBufferPointer { values in
      for i in 0..<rows { for j in 0..<columns { values[i * columns + j] *= factors[i] } }
    }
    return result
  }

  /// Column j times `factors[j]`.
  public func scalingColumns(by factors: [Double]) -> Matrix {
    precondition(factors.count == columns)
    var result = self
    result.values.withUnsafeMutableBufferPointer { values in
      for i in 0..<rows { for j in 0..<columns { values[i * columns + j] *= factors[j] } }
    }
    return result
  }

  /// op(self) op(other) in float64, rows split over the threads.
  public func product(_ other: Matrix, transposingSelf: Bool = false, transposingOther: Bool = false) -> Matrix {
    let m = transposingSelf ? columns : rows
    let k = transposingSelf ? rows : columns
    let n = transposingOther ? other.rows : other.columns
    precondition(k == (transposingOther ? other.columns : other.rows), "inner widths of a product differ")
    let (lda, ldb) = (columns, other.columns)
    return Matrix(
      rows: m, columns: n,
      values: [Double](unsafeUninitializedCapacity: m * n) { c, used in
        used = m * n
        if m == 0 || n == 0 { return }
        let c = c.baseAddress!
        if k == 0 { return c.initialize(repeating: 0, count: m * n) }
        values.withUnsafeBufferPointer { a in
          other.values.withUnsafeBufferPointer { b in
            Threads.parallelRows(m, grain: 64) { range in
              cblas_dgemm(
                CblasRowMajor, transposingSelf ? CblasTrans : CblasNoTrans, transposingOther ? CblasTrans : CblasNoTrans,
                blasint(range.count), blasint(n), blasint(k), 1,
                a.baseAddress! + (transposingSelf ? range.lowerBound : range.lowerBound * lda), blasint(lda),
                b.baseAddress!, blasint(ldb), 0, c + range.lowerBound * n, blasint(n))
            }
          }
        }
      })
  }

  /// self self^T (or self^T self), both triangles.
  public func gram(ofColumns: Bool = false) -> Matrix {
    let n = ofColumns ? columns : rows
    let k = ofColumns ? rows : columns
    var result = Matrix.zeros(n, n)
    if n == 0 || k == 0 { return result }
    values.withUnsafeBufferPointer { a in
      result.values.withUnsafeMutableBufferPointer { c in
        cblas_dsyrk(
          CblasRowMajor, CblasUpper, ofColumns ? CblasTrans : CblasNoTrans, blasint(n), blasint(k), 1, a.baseAddress!,
          blasint(columns), 0, c.baseAddress!, blasint(n))
        for i in 0..<n { for j in 0..<i { c[i * n + j] = c[j * n + i] } }
      }
    }
    return result
  }

  /// Sum of squares.
  public var squaredNorm: Double { values.withUnsafeBufferPointer { $0.reduce(0) { $0 + $1 * $1 } } }
}
