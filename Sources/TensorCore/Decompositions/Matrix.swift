/// A row-major float64 matrix: what decompositions work on. Training never sees one.
public struct Matrix: Sendable, Equatable {
  /// Number of rows.
  public let rows: Int
  /// Number of columns, and of numbers between the starts of two rows.
  public let columns: Int
  /// [rows * columns]
  public var values: [Double]

  /// `values` row after row; as many as rows * columns.
  public init(rows: Int, columns: Int, values: [Double]) {
    precondition(values.count == rows * columns, "\(values.count) values for a \(rows) x \(columns) matrix")
    self.rows = rows
    self.columns = columns
    self.values = values
  }

  /// rows x columns zeros.
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

  /// The element in that row and column, from 0.
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

  /// Rounds to float32, row after row.
  func floats() -> [Float] {
    [Float](unsafeUninitializedCapacity: values.count) { buffer, used in
      values.withUnsafeBufferPointer { for i in 0..<$0.count { buffer[i] = Float($0[i]) } }
      used = values.count
    }
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

  /// [columns, rows]
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

  /// Element by element.
  func subtracting(_ other: Matrix) -> Matrix {
    precondition(rows == other.rows && columns == other.columns)
    var result = self
    result.values.withUnsafeMutableBufferPointer { values in
      other.values.withUnsafeBufferPointer { for i in 0..<values.count { values[i] -= $0[i] } }
    }
    return result
  }

  /// Sum of squares.
  public var squaredNorm: Double { values.withUnsafeBufferPointer { $0.reduce(0) { $0 + $1 * $1 } } }
}
