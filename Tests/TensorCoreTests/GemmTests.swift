import CKernels
import TestKit
import XCTest

@testable import TensorCore

/// Matrix products of both back ends, and split over threads, against float64.
final class GemmTests: XCTestCase {
  private typealias Product = (
    Bool, Bool, Int, Int, Int, Float, UnsafePointer<Float>, Int, UnsafePointer<Float>, Int, Float,
    UnsafeMutablePointer<Float>, Int
  ) -> Void

  /// C[m, n] = alpha op(A) op(B) + beta C with rows `padding` floats longer than their contents.
  private struct Case: CustomStringConvertible {
    var m, n, k: Int
    var transA = false
    var transB = false
    var alpha: Float = 1
    var beta: Float = 0
    var padding = 0

    var description: String {
      "\(m) x \(n) x \(k)\(transA ? " A^T" : "")\(transB ? " B^T" : "") alpha \(alpha) beta \(beta) padding \(padding)"
    }

    /// Largest error in units of the float32 rounding of the sum, and whether padding was left alone.
    func worst(_ product: Product) -> (error: Double, intact: Bool) {
      let lda = (transA ? m : k) + padding
      let ldb = (transB ? k : n) + padding
      let ldc = n + padding
      let a = randomFloats((transA ? k : m) * lda, "a")
      let b = randomFloats((transB ? n : k) * ldb, "b")
      let before = randomFloats(m * ldc, "c")
      var c = before
      // beta 0 must not read C.
      if beta == 0 { for i in 0..<m { for j in 0..<n { c[i * ldc + j] = .nan } } }
      product(transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, &c, ldc)
      var worst = 0.0
      var intact = true
      for i in 0..<m {
        for j in 0..<n {
          var sum = 0.0
          var size = 0.0
          for p in 0..<k {
            let term = Double(a[transA ? p * lda + i : i * lda + p]) * Double(b[transB ? j * ldb + p : p * ldb + j])
            sum += term
            size += abs(term)
          }
          let expected = Double(alpha) * sum + (beta == 0 ? 0 : Double(beta) * Double(before[i * ldc + j]))
          let found = Double(c[i * ldc + j])
          if !found.isFinite { return (.infinity, intact) }
          worst = max(worst, abs(found - expected) / (abs(Double(alpha)) * size + abs(expected) + 1e-6) / 6e-8)
        }
        for j in n..<ldc where c[i * ldc + j] != before[i * ldc + j] { intact = false }
      }
      return (worst, intact)
    }
  }

  private func check(_ cases: [Case], _ backEnd: String, _ product: Product) {
    for `case` in cases {
      let (error, intact) = `case`.worst(product)
      // Rounding grows like the square root of the sum's length; a wrong term is millions.
      XCTAssertLessThan(error, 16, "\(backEnd): \(`case`)")
      XCTAssert(intact, "\(backEnd): \(`case`) wrote beside C")
    }
  }

  private var small: [Case] {
    var cases: [Case] = []
    for (m, n, k) in [
      (1, 1, 1), (1, 33, 7), (3, 5, 2), (14, 32, 16), (15, 33, 17), (25, 17, 40), (29, 65, 3), (31, 1, 50),
    ] {
      for (transA, transB) in [(false, false), (false, true), (true, false), (true, true)] {
        cases.append(Case(m: m, n: n, k: k, transA: transA, transB: transB))
        cases.append(Case(m: m, n: n, k: k, transA: transA, transB: transB, alpha: -0.5, beta: 1, padding: 3))
        cases.append(Case(m: m, n: n, k: k, transA: transA, transB: transB, alpha: 2, beta: 0.25, padding: 1))
      }
    }
    return cases
  }

  /// Beyond one block of the sum (384) and of the columns (512).
  private var blocked: [Case] {
    [
      Case(m: 30, n: 40, k: 401), Case(m: 30, n: 530, k: 20, padding: 2), Case(m: 17, n: 520, k: 390, transB: true),
      Case(m: 40, n: 515, k: 385, transA: true, alpha: 0.5, beta: 1), Case(m: 5, n: 37, k: 800, transB: true, beta: 1),
    ]
  }

  func testOurKernelMatchesTheDefinition() throws {
    try XCTSkipUnless(up_sgemm_available(), "skipped: no AVX-512")
    check(small + blocked, "up_sgemm") { up_sgemm($0, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) }
  }

  func testOpenBLASMatchesTheDefinition() {
    _ = Threads.count  // pins OpenBLAS to one thread
    check(small + blocked, "OpenBLAS") {
      openBLASGemm(
        transA: $0, transB: $1, m: $2, n: $3, k: $4, alpha: $5, a: $6, lda: $7, b: $8, ldb: $9, beta: $10, c: $11,
        ldc: $12)
    }
  }

  /// Split by rows and by columns, with ends that are no multiples of the pieces.
  func testSplitProductsMatchTheDefinition() {
    let cases = [
      Case(m: 131, n: 70, k: 60), Case(m: 70, n: 131, k: 60, transB: true, padding: 5),
      Case(m: 97, n: 83, k: 50, transA: true, alpha: 2, beta: 1),
      Case(m: 33, n: 300, k: 40, transA: true, transB: true),
      Case(m: 1030, n: 20, k: 30, transB: true),
    ]
    let before = Threads.count
    defer { Threads.set(before) }
    for threads in [1, 2, 3] {
      Threads.set(threads)
      check(cases, "gemm on \(threads) threads") {
        gemm(
          transA: $0, transB: $1, m: $2, n: $3, k: $4, alpha: $5, a: $6, lda: $7, b: $8, ldb: $9, beta: $10, c: $11,
          ldc: $12)
      }
    }
  }

  func testEmptyProductsOnlyScale() {
    var c: [Float] = [5, 6]
    gemm(m: 0, n: 2, k: 3, a: [0], lda: 3, b: [0], ldb: 2, c: &c, ldc: 2)
    gemm(m: 1, n: 0, k: 3, a: [0], lda: 3, b: [0], ldb: 1, c: &c, ldc: 2)
    XCTAssertEqual(c, [5, 6])
    gemm(m: 1, n: 2, k: 0, a: [0], lda: 1, b: [0], ldb: 2, beta: 1, c: &c, ldc: 2)
    XCTAssertEqual(c, [5, 6])
    gemm(m: 1, n: 2, k: 0, a: [0], lda: 1, b: [0], ldb: 2, c: &c, ldc: 2)
    XCTAssertEqual(c, [0, 0])
  }

  /// NaN and infinity are not hidden by the packing's zeros.
  func testNonFiniteValuesShow() {
    var a = randomFloats(30 * 20, "a")
    a[7 * 20 + 3] = .nan
    let b = randomFloats(20 * 40, "b")
    var c = [Float](repeating: 0, count: 30 * 40)
    gemm(m: 30, n: 40, k: 20, a: a, lda: 20, b: b, ldb: 40, c: &c, ldc: 40)
    for i in 0..<30 { XCTAssertEqual(c[i * 40..<i * 40 + 40].filter(\.isNaN).count, i == 7 ? 40 : 0) }
  }

  func testTheSameProductTwiceHasTheSameBits() {
    let a = randomTensor([150, 70], "a")
    let b = randomTensor([90, 70], "b")
    XCTAssertEqual(a.matrixProduct(b, transposed: true).toArray(), a.matrixProduct(b, transposed: true).toArray())
  }
}
