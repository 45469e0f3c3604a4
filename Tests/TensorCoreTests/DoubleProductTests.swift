import CKernels
import Groundwork
import XCTest

@testable import TensorCore

final class DoubleProductTests: XCTestCase {
  private func random(_ count: Int, seed: UInt64) -> [Double] {
    let stream = RandomStream(seed: seed, "double product")
    return (0..<count).map { stream.normal(at: UInt64($0)) }
  }

  /// Sizes around the register tile, the lanes and the blocks; padded rows; every transposition; NaN in a C
  /// that must not be read.
  func testEveryFormMatchesTheDefinition() {
    let stream = RandomStream(seed: 5, "shapes")
    let edges = [1, 2, 7, 8, 9, 13, 14, 15, 16, 17, 31, 33, 64, 191, 192, 193]
    for trial in 0..<120 {
      let at = UInt64(trial * 4)
      let m = edges[stream.below(edges.count, at: at)]
      let n = trial % 20 == 0 ? 530 : edges[stream.below(edges.count, at: at + 1)]
      let k = edges[stream.below(edges.count, at: at + 2)]
      let (transA, transB) = (trial & 1 == 1, trial & 2 == 2)
      let beta = [0, 1, 0.25][trial % 3]
      let alpha = trial % 5 == 0 ? -0.5 : 1
      let lda = (transA ? m : k) + trial % 3
      let ldb = (transB ? k : n) + trial % 2
      let ldc = n + trial % 4
      let a = random(lda * (transA ? k : m), seed: 1)
      let b = random(ldb * (transB ? n : k), seed: 2)
      let before = random(ldc * m, seed: 3)
      var c = before
      if beta == 0 { for i in 0..<m { for j in 0..<n { c[i * ldc + j] = .nan } } }
      serialGemm(
        transA: transA, transB: transB, m: m, n: n, k: k, alpha: alpha, a: a, lda: lda, b: b, ldb: ldb, beta: beta,
        c: &c, ldc: ldc)
      var worst = 0.0
      for i in 0..<m {
        for j in 0..<ldc where i < m - 1 || j < n {
          var expected = before[i * ldc + j]
          if j < n {
            var sum = 0.0
            for p in 0..<k {
              sum += (transA ? a[p * lda + i] : a[i * lda + p]) * (transB ? b[j * ldb + p] : b[p * ldb + j])
            }
            expected = alpha * sum + (beta == 0 ? 0 : beta * expected)
          }
          let error = abs(c[i * ldc + j] - expected)
          worst = error.isNaN ? .infinity : max(worst, error)
        }
      }
      XCTAssertLessThan(worst, 1e-12, "\(m) x \(n) x \(k), transposed \(transA) \(transB), beta \(beta)")
    }
  }

  /// More than one block of reflectors, with a remainder, and fewer vectors than there are.
  func testLargestEigenpairsOfALargerMatrix() throws {
    let n = 403
    let matrix = Matrix(rows: n, columns: n, values: random(n * n, seed: 4)).gram()
    for count in [n, 300, 100] {
      let eigen = try LAPACK.symmetricEigen(matrix, top: count)
      XCTAssertEqual(eigen.vectors.rows, count)
      XCTAssertEqual(eigen.values, eigen.values.sorted(by: >))
      let applied = eigen.vectors.product(matrix)
      let expected = eigen.vectors.scalingRows(by: eigen.values)
      let products = eigen.vectors.product(eigen.vectors, transposingOther: true)
      for i in stride(from: 0, to: count, by: 7) {
        for j in 0..<n { XCTAssertEqual(applied[i, j], expected[i, j], accuracy: 1e-11 * eigen.values[0]) }
        for j in 0..<count { XCTAssertEqual(products[i, j], i == j ? 1 : 0, accuracy: 1e-12) }
      }
    }
  }
}
