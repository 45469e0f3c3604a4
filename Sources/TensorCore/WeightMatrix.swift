import CKernels
import Synchronization

/// Weights [outputs, inputs] as they lie in memory, read only: float32, the 16-bit numbers of a file, which the
/// kernels convert as they read them, or 8-bit whole numbers with a scale for every row. What products of inference work on.
///
/// Converting is exact, so a 16-bit matrix stands for the float32 matrix of its values.
public struct WeightMatrix: @unchecked Sendable {
  // @unchecked: nothing writes the numbers while products read them.

  /// How a number is stored.
  public enum Element: Sendable {
    case float32, bfloat16, float16
    /// -127...127, times the scale of the row.
    case int8

    /// Bytes of a number.
    public var size: Int {
      switch self {
      case .float32: 4
      case .bfloat16, .float16: 2
      case .int8: 1
      }
    }

    fileprivate var kernel: up_element {
      switch self {
      case .float32: up_float32
      case .bfloat16: up_bfloat16
      case .float16: up_float16
      case .int8: up_int8
      }
    }
  }

  /// How every number is stored.
  public let element: Element
  /// Rows, [outputs, inputs], one after another.
  public let outputs: Int
  /// Numbers of a row.
  public let inputs: Int
  private let start: UnsafeRawPointer
  /// Of int8, [outputs].
  private let scales: UnsafePointer<Float>?
  /// Whatever the memory belongs to (a mapped file), kept as long as the matrix.
  private let owner: AnyObject

  /// - Parameters:
  ///   - start: outputs * inputs numbers, at least at an even address
  ///   - owner: keeps the memory where it is
  public init(_ element: Element, at start: UnsafeRawPointer, outputs: Int, inputs: Int, owner: AnyObject) {
    precondition(Int(bitPattern: start) % element.size == 0, "weights at an odd address")
    self.element = element
    self.start = start
    scales = nil
    self.outputs = outputs
    self.inputs = inputs
    self.owner = owner
  }

  /// The numbers of a tensor as [product of outer axes, width]; shares its buffer.
  public init(_ tensor: Tensor) {
    self.init(
      .float32, at: tensor.pointer, outputs: tensor.rowCount, inputs: tensor.width, owner: tensor.storage)
  }

  /// The nearest matrix in 8 bits: a row's largest magnitude becomes 127. Rows that hold NaN or infinity are NaN.
  public init(quantizing matrix: WeightMatrix) {
    let numbers = Quantized(outputs: matrix.outputs, inputs: matrix.inputs)
    Threads.parallelRows(matrix.outputs, grain: max(1, (1 << 16) / max(1, matrix.inputs))) { rows in
      matrix.withFloats(rows) {
        up_quantize_rows(
          $0, rows.count, matrix.inputs, numbers.values + rows.lowerBound * matrix.inputs,
          numbers.scales.pointer + rows.lowerBound)
      }
    }
    (element, outputs, inputs) = (.int8, matrix.outputs, matrix.inputs)
    (start, scales, owner) = (UnsafeRawPointer(numbers.values), UnsafePointer(numbers.scales.pointer), numbers)
  }

  /// Bytes of all numbers and scales.
  public var bytes: Int { outputs * inputs * element.size + (scales == nil ? 0 : 4 * outputs) }

  /// The numbers as they lie in memory, without scales.
  public func withBytes<T>(_ body: (UnsafeRawBufferPointer) throws -> T) rethrows -> T {
    try withExtendedLifetime(owner) {
      try body(UnsafeRawBufferPointer(start: start, count: outputs * inputs * element.size))
    }
  }

  private func row(_ output: Int) -> UnsafeRawPointer { start + output * inputs * element.size }

  /// Writes `rows` as float32, [rows.count, inputs].
  public func widen(_ rows: Range<Int>, into values: UnsafeMutablePointer<Float>) {
    up_widen(element.kernel, row(rows.lowerBound), values, rows.count * inputs)
    if let scales {
      for (place, row) in rows.enumerated() { up_scale(scales[row], values + place * inputs, inputs) }
    }
  }

  /// All numbers as float32, [outputs, inputs].
  public func widened() -> Tensor {
    let values = Tensor([outputs, inputs])
    Threads.parallelRows(outputs, grain: max(1, (1 << 16) / max(1, inputs))) {
      widen($0, into: values.pointer + $0.lowerBound * inputs)
    }
    return values
  }

  /// Whether a number is NaN or infinite.
  public var hasNonFinite: Bool {
    if let scales { return up_count_nonfinite(scales, outputs) > 0 }
    let found = Atomic(false)
    Threads.parallelRows(outputs, grain: max(1, (1 << 18) / max(1, inputs))) { rows in
      if up_count_nonfinite_weights(element.kernel, row(rows.lowerBound), rows.count * inputs) > 0 {
        found.store(true, ordering: .relaxed)
      }
    }
    return found.load(ordering: .relaxed)
  }

  // MARK: Products

  /// y [rows, outputs] = x [rows, inputs] W^T on the calling thread; `lda` and `ldc` are the distances between rows of
  /// x and y. Of float32 weights it is `serialGemm`; of narrower ones see `product`.
  public func serialProduct(
    rows: Int, _ x: UnsafePointer<Float>, lda: Int, into y: UnsafeMutablePointer<Float>, ldc: Int
  ) {
    if element == .float32 {
      serialGemm(
        transB: true, m: rows, n: outputs, k: inputs, a: x, lda: lda, b: start.assumingMemoryBound(to: Float.self),
        ldb: inputs, c: y, ldc: ldc)
    } else if rows <= fewRows {
      fewRowProduct(0..<outputs, rows: rows, x, lda: lda, into: y, ldc: ldc)
    } else {
      for block in blocks(threads: 1) { storedProduct(block, rows: rows, x, lda: lda, into: y, ldc: ldc) }
    }
  }

  /// y [rows, all outputs] = x [rows, inputs] W^T for matrices whose outputs stand side by side, over all threads.
  ///
  /// Up to `fewRows` rows (decoding) every number of y is a dot product whose bits depend on nothing but its row of x
  /// and its row of W: not on how many rows there are, on the threads, nor on whether the weights are stored in 16 bits
  /// or as their float32 values. Memory is read once. With more rows, narrower weights are converted part by part, in
  /// the cache: where the product packs them, or for `serialGemm`. Their sums have float32's bits wherever those of the
  /// parts are summed as those of the whole, its rounding otherwise.
  public static func product(
    _ matrices: [WeightMatrix], rows: Int, _ x: UnsafePointer<Float>, lda: Int, into y: UnsafeMutablePointer<Float>,
    ldc: Int
  ) {
    precondition(matrices.allSatisfy { $0.inputs == matrices[0].inputs }, "matrices of different widths")
    if rows == 0 || matrices.isEmpty { return }
    if rows <= fewRows {
      fewRowProduct(matrices, rows: rows, x, lda: lda, into: y, ldc: ldc)
      return
    }
    var column = 0
    for matrix in matrices {
      let target = y + column
      if matrix.element == .float32 {
        gemm(
          transB: true, m: rows, n: matrix.outputs, k: matrix.inputs, a: x, lda: lda,
          b: matrix.start.assumingMemoryBound(to: Float.self), ldb: matrix.inputs, c: target, ldc: ldc)
      } else {
        let blocks = matrix.blocks(threads: Threads.count)
        Threads.parallel(blocks.count) {
          matrix.storedProduct(blocks[$0], rows: rows, x, lda: lda, into: target, ldc: ldc)
        }
      }
      column += matrix.outputs
    }
  }

  /// `product` where the bits of a row of y depend on its row of x and on the weights alone (`rowwiseGemm`), as many rows
  /// as there are and in 16 bits as in float32; the rows are dealt to the threads.
  public static func rowwiseProduct(
    _ matrices: [WeightMatrix], rows: Int, _ x: UnsafePointer<Float>, lda: Int, into y: UnsafeMutablePointer<Float>,
    ldc: Int
  ) {
    Threads.parallelRows(rows, grain: 64) { some in
      var target = y + some.lowerBound * ldc
      for matrix in matrices {
        let blocks = matrix.element == .float32 ? [0..<matrix.outputs] : matrix.blocks(threads: 1)
        for block in blocks {
          if matrix.element != .float32 && hasOwnKernel {
            matrix.storedProduct(
              block, rows: some.count, x + some.lowerBound * lda, lda: lda, into: target, ldc: ldc)
            continue
          }
          matrix.withFloats(block) {
            rowwiseGemm(
              transB: true, m: some.count, n: block.count, k: matrix.inputs, a: x + some.lowerBound * lda, lda: lda,
              b: $0, ldb: matrix.inputs, c: target + block.lowerBound, ldc: ldc)
          }
        }
        target += matrix.outputs
      }
    }
  }

  // MARK: Few rows

  /// Up to this many rows a product is made of dot products that read the weights once, and packs nothing.
  public static let fewRows = 24
  private var fewRows: Int { Self.fewRows }

  /// Less to read than this is not worth another thread's start.
  private static let forkedBytes = 1 << 17
  /// Large matrices are cut into more pieces than threads, so that one that is held up does not hold up the others.
  private static let pieceBytes = 1 << 21

  private static func fewRowProduct(
    _ matrices: [WeightMatrix], rows: Int, _ x: UnsafePointer<Float>, lda: Int, into y: UnsafeMutablePointer<Float>,
    ldc: Int
  ) {
    let outputs = matrices.reduce(0) { $0 + $1.outputs }
    let bytes = matrices.reduce(0) { $0 + $1.bytes }
    let units = (outputs + 15) / 16
    let pieces = min(units, bytes < forkedBytes ? 1 : max(Threads.count, min(8 * Threads.count, bytes / pieceBytes)))
    Threads.parallel(pieces) { piece in
      // Outputs low ..< high of all; they may lie in several matrices.
      let (low, high) = (16 * (units * piece / pieces), min(outputs, 16 * (units * (piece + 1) / pieces)))
      var first = 0
      for matrix in matrices {
        let own = max(low, first) - first..<max(max(low, first), min(high, first + matrix.outputs)) - first
        if !own.isEmpty { matrix.fewRowProduct(own, rows: rows, x, lda: lda, into: y + first, ldc: ldc) }
        first += matrix.outputs
      }
    }
  }

  private func fewRowProduct(
    _ range: Range<Int>, rows: Int, _ x: UnsafePointer<Float>, lda: Int, into y: UnsafeMutablePointer<Float>, ldc: Int
  ) {
    up_few_rows(
      element.kernel, rows, range.count, inputs, x, lda, row(range.lowerBound), inputs, y + range.lowerBound, ldc)
    multiplyByScales(range, rows: rows, y, ldc: ldc)
  }

  /// Of numbers in 8 bits: what their sums lack.
  private func multiplyByScales(_ range: Range<Int>, rows: Int, _ y: UnsafeMutablePointer<Float>, ldc: Int) {
    guard let scales else { return }
    for row in 0..<rows {
      let results = y + row * ldc + range.lowerBound
      up_multiply(results, scales + range.lowerBound, results, range.count)
    }
  }

  // MARK: Many rows

  /// Parts of the outputs, even, several per thread: as many as our product packs at a time, or as many as fill about half
  /// a megabyte in float32, so that they stay in the cache between conversion and product.
  private func blocks(threads: Int) -> [Range<Int>] {
    let units = (outputs + 15) / 16
    let most = hasOwnKernel ? 32 : max(3, (1 << 17) / (16 * max(1, inputs)))
    let count = max(1, min(units / 3, max((units + most - 1) / most, threads == 1 ? 1 : 4 * threads)))
    return (0..<count).map { 16 * (units * $0 / count)..<min(outputs, 16 * (units * ($0 + 1) / count)) }
  }

  private func storedProduct(
    _ range: Range<Int>, rows: Int, _ x: UnsafePointer<Float>, lda: Int, into y: UnsafeMutablePointer<Float>, ldc: Int
  ) {
    if hasOwnKernel {
      up_sgemm_stored(
        element.kernel, rows, range.count, inputs, x, lda, row(range.lowerBound), inputs, y + range.lowerBound, ldc)
      return multiplyByScales(range, rows: rows, y, ldc: ldc)
    }
    withFloats(range) {
      serialGemm(
        transB: true, m: rows, n: range.count, k: inputs, a: x, lda: lda, b: $0, ldb: inputs, c: y + range.lowerBound,
        ldc: ldc)
    }
  }

  /// Calls `body` with these rows in float32, [range.count, inputs]: where they lie, or converted.
  private func withFloats(_ range: Range<Int>, _ body: (UnsafePointer<Float>) -> Void) {
    if element == .float32 { return body(row(range.lowerBound).assumingMemoryBound(to: Float.self)) }
    let values = Tensor([range.count, inputs])
    widen(range, into: values.pointer)
    body(values.pointer)
  }
}

/// Memory of a matrix in 8 bits.
private final class Quantized: @unchecked Sendable {
  // @unchecked: written once, by disjoint rows, before it is read.
  let values: UnsafeMutablePointer<Int8>
  let scales: Tensor
  private let numbers: Tensor

  init(outputs: Int, inputs: Int) {
    numbers = Tensor([(outputs * inputs + 3) / 4])
    scales = Tensor([outputs])
    values = UnsafeMutableRawPointer(numbers.pointer).bindMemory(to: Int8.self, capacity: outputs * inputs)
  }
}
