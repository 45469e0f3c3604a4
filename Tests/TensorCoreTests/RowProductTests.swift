import TestKit
import XCTest

@testable import TensorCore

/// Products whose rows do not depend on each other, by the kernel of this processor and by the one of every processor.
final class RowProductTests: XCTestCase {
  private typealias Product = (
    Bool, Int, Int, Int, UnsafePointer<Float>, Int, UnsafePointer<Float>, Int, Float, UnsafeMutablePointer<Float>, Int
  ) -> Void

  private func products() -> [(String, Product)] {
    [
      (
        "rowwise",
        { rowwiseGemm(transB: $0, m: $1, n: $2, k: $3, a: $4, lda: $5, b: $6, ldb: $7, beta: $8, c: $9, ldc: $10) }
      ),
      (
        "portable",
        {
          portableRowwiseGemm(
            transB: $0, m: $1, n: $2, k: $3, a: $4, lda: $5, b: $6, ldb: $7, beta: $8, c: $9, ldc: $10)
        }
      ),
    ]
  }

  private func run(
    _ product: Product, _ transB: Bool, _ a: [Float], rows: Range<Int>, n: Int, k: Int, _ b: [Float], beta: Float,
    _ before: [Float]
  ) -> [Float] {
    var c = Array(before[rows.lowerBound * n..<rows.upperBound * n])
    a.withUnsafeBufferPointer { a in
      product(transB, rows.count, n, k, a.baseAddress! + rows.lowerBound * k, k, b, transB ? k : n, beta, &c, n)
    }
    return c
  }

  /// Any rows alone give the bits that they give among the others.
  func testRowsAreIndependent() {
    for (name, product) in products() {
      for (m, n, k) in [(97, 40, 33), (130, 16, 128), (64, 192, 400), (61, 5, 7)] {
        let (a, b, before) = (randomFloats(m * k, "a"), randomFloats(n * k, "b"), randomFloats(m * n, "c"))
        for transB in [false, true] {
          for beta: Float in [0, 1] {
            let whole = run(product, transB, a, rows: 0..<m, n: n, k: k, b, beta: beta, before)
            for rows in [0..<1, 5..<6, m - 1..<m, 3..<20, 0..<25, 10..<60, 1..<m] {
              XCTAssertEqual(
                run(product, transB, a, rows: rows, n: n, k: k, b, beta: beta, before),
                Array(whole[rows.lowerBound * n..<rows.upperBound * n]), "\(name) \(m) x \(n) x \(k), rows \(rows)")
            }
          }
        }
      }
    }
  }

  func testRowProductsMatchTheDefinition() {
    let (m, n, k) = (45, 19, 23)
    let (a, b, before) = (randomFloats(m * k, "a"), randomFloats(n * k, "b"), randomFloats(m * n, "c"))
    for (name, product) in products() {
      for transB in [false, true] {
        let found = run(product, transB, a, rows: 0..<m, n: n, k: k, b, beta: 1, before)
        var expected = before
        for i in 0..<m {
          for j in 0..<n {
            expected[i * n + j] += Float(
              (0..<k).reduce(0.0) { $0 + Double(a[i * k + $1]) * Double(b[transB ? j * k + $1 : $1 * n + j]) })
          }
        }
        assertClose(found, expected, name, tolerance: 1e-5)
      }
    }
  }

  /// Rows of A are read where they lie, or copied where 4 KiB from row to row would put them into few sets of the cache.
  func testTheDistanceBetweenRowsChangesNoBit() {
    let (m, n, k) = (30, 50, 70)
    let (a, b) = (randomFloats(m * k, "a"), randomFloats(n * k, "b"))
    var results: [[Float]] = []
    for lda in [k, 1024, 1031, 2048] {
      var apart = [Float](repeating: .nan, count: m * lda)
      for row in 0..<m { apart.replaceSubrange(row * lda..<row * lda + k, with: a[row * k..<(row + 1) * k]) }
      var c = [Float](repeating: .nan, count: m * n)
      gemm(transB: true, m: m, n: n, k: k, a: apart, lda: lda, b: b, ldb: k, c: &c, ldc: n)
      results.append(c)
    }
    for (place, value) in results[0].enumerated() {
      let (row, column) = place.quotientAndRemainder(dividingBy: n)
      let exact = (0..<k).reduce(0.0) { $0 + Double(a[row * k + $1]) * Double(b[column * k + $1]) }
      XCTAssertEqual(Double(value), exact, accuracy: 1e-4)
    }
    for other in results.dropFirst() { XCTAssertEqual(other, results[0]) }
  }

  /// Weights in 16 bits give the bits of their float32 values, matrices side by side those of each alone.
  func testWeightsOfAnyTypeGiveTheSameRows() {
    let (rows, k) = (70, 40)
    let x = randomFloats(rows * k, "x")
    let halves = [33, 5].map { n in randomFloats(n * k, "w\(n)").map { UInt16($0.bitPattern >> 16) } }
    let matrices = zip(halves, [33, 5]).map { numbers, n in
      let tensor = Tensor([n, k], values: numbers.map { Float(bitPattern: UInt32($0) << 16) })
      let stored = Tensor([(n * k + 1) / 2])
      UnsafeMutableRawPointer(stored.pointer).copyMemory(from: numbers, byteCount: 2 * n * k)
      return (
        wide: WeightMatrix(tensor),
        narrow: WeightMatrix(
          .bfloat16, at: UnsafeRawPointer(stored.pointer), outputs: n, inputs: k, owner: stored.storage)
      )
    }
    func product(_ some: [WeightMatrix]) -> [Float] {
      let y = Tensor([rows, 38])
      WeightMatrix.rowwiseProduct(some, rows: rows, x, lda: k, into: y.pointer, ldc: 38)
      return y.toArray()
    }
    XCTAssertEqual(product(matrices.map(\.wide)), product(matrices.map(\.narrow)))
    var expected = [Float](repeating: 0, count: rows * 38)
    for (column, matrix) in zip([0, 33], matrices) {
      let values = matrix.wide.widened()
      expected.withUnsafeMutableBufferPointer {
        rowwiseGemm(
          transB: true, m: rows, n: matrix.wide.outputs, k: k, a: x, lda: k, b: values.pointer, ldb: k,
          c: $0.baseAddress! + column, ldc: 38)
      }
    }
    XCTAssertEqual(product(matrices.map(\.wide)), expected)
  }

  /// What `gemm` does not promise, or the test above shows nothing: few rows are summed in another order.
  func testTheOrdinaryProductDependsOnTheNumberOfRows() throws {
    guard hasOwnKernel else { throw XCTSkip("another product") }
    let (m, n, k) = (64, 48, 130)
    let (a, b) = (randomFloats(m * k, "a"), randomFloats(n * k, "b"))
    func product(_ rows: Int) -> [Float] {
      var c = [Float](repeating: 0, count: rows * n)
      serialGemm(transB: true, m: rows, n: n, k: k, a: a, lda: k, b: b, ldb: k, c: &c, ldc: n)
      return c
    }
    XCTAssertNotEqual(product(1), Array(product(m)[..<n]))
  }
}
