import Groundwork
import TestKit
import XCTest

@testable import TensorCore

final class LinearAlgebraTests: XCTestCase {
  private func random(_ rows: Int, _ columns: Int, seed: UInt64 = 3) -> Matrix {
    let stream = RandomStream(seed: seed, "\(rows)x\(columns)")
    return Matrix(rows: rows, columns: columns, values: (0..<rows * columns).map { stream.normal(at: UInt64($0)) })
  }

  private func distance(_ a: Matrix, _ b: Matrix) -> Double {
    precondition(a.rows == b.rows && a.columns == b.columns)
    let difference = zip(a.values, b.values).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    return (difference / max(b.squaredNorm, 1e-300)).squareRoot()
  }

  private func identity(_ n: Int) -> Matrix {
    var result = Matrix.zeros(n, n)
    for i in 0..<n { result[i, i] = 1 }
    return result
  }

  func testProductsAndGramMatchTheDefinition() {
    for (m, n, k) in [(1, 1, 1), (3, 5, 7), (130, 17, 65)] {
      let a = random(m, k)
      let b = random(k, n)
      var naive = Matrix.zeros(m, n)
      for i in 0..<m { for j in 0..<n { for l in 0..<k { naive[i, j] += a[i, l] * b[l, j] } } }
      XCTAssertLessThan(distance(a.product(b), naive), 1e-13)
      XCTAssertLessThan(distance(a.transposed.product(b, transposingSelf: true), naive), 1e-13)
      XCTAssertLessThan(distance(a.product(b.transposed, transposingOther: true), naive), 1e-13)
      XCTAssertLessThan(distance(a.gram(), a.product(a.transposed)), 1e-13)
      XCTAssertLessThan(distance(a.gram(ofColumns: true), a.transposed.product(a)), 1e-13)
    }
  }

  func testEigenpairsOfBothRoutinesAgree() throws {
    let matrix = random(40, 60).gram()
    let all = try LAPACK.symmetricEigen(matrix)
    XCTAssertEqual(all.values, all.values.sorted(by: >))
    let rebuilt = all.vectors.product(all.vectors.scalingRows(by: all.values), transposingSelf: true)
    XCTAssertLessThan(distance(rebuilt, matrix), 1e-12)
    let few = try LAPACK.symmetricEigen(matrix, top: 5)
    XCTAssertEqual(few.vectors.rows, 5)
    for i in 0..<5 { XCTAssertEqual(few.values[i], all.values[i], accuracy: 1e-9 * all.values[0]) }
    XCTAssertThrowsError(try LAPACK.symmetricEigen(Matrix(rows: 1, columns: 1, values: [.nan])))
  }

  func testGramMatchesGesddAtEveryRankAndShape() throws {
    for (rows, columns) in [(48, 20), (20, 48), (32, 32), (1, 9), (9, 1)] {
      let matrix = random(rows, columns)
      let limit = min(rows, columns)
      for rank in Set([1, limit / 2, limit]).filter({ $0 > 0 }) {
        let exact = try TruncatedSVD(matrix, rank: rank, method: .gesdd)
        for method in TruncatedSVD.Method.allCases where method != .gesdd {
          let svd = try TruncatedSVD(matrix, rank: rank, method: method)
          let tolerance =
            switch method {
            case .gram: 1e-10
            case .gramFloat32: 1e-3
            case .gesddFloat32: 1e-4
            default: 0.3
            }
          XCTAssertLessThan(
            distance(svd.product(), exact.product()), tolerance, "\(method) \(rows)x\(columns) rank \(rank)")
          if method == .gram {
            for (a, b) in zip(svd.singularValues, exact.singularValues) { XCTAssertEqual(a, b, accuracy: 1e-10) }
            XCTAssertEqual(svd.energy, exact.energy, accuracy: 1e-9 * exact.energy)
          }
        }
      }
    }
  }

  /// Full-scale condition of the conversion: 1e-5 of gesdd on float32 weights with a trained-looking spectrum.
  func testGramIsExactOnADecayingSpectrum() throws {
    let rows = try SVDComparison.run(rows: 192, columns: 256, rank: 40, spectrum: .decaying)
    XCTAssertLessThan(try XCTUnwrap(rows.first { $0.method == "gram" }).error, 1e-10)
  }

  func testFactorsStayOrthonormalWhenTheMatrixIsRankDeficient() throws {
    let deficient = random(30, 4).product(random(4, 24))
    for matrix in [deficient, deficient.transposed, Matrix.zeros(6, 5)] {
      let svd = try TruncatedSVD(matrix, rank: 12)
      let rank = min(12, matrix.rows, matrix.columns)
      XCTAssertLessThan(distance(svd.left.gram(ofColumns: true), identity(rank)), 1e-7)
      XCTAssertLessThan(distance(svd.right.gram(), identity(rank)), 1e-7)
      if matrix.squaredNorm > 0 { XCTAssertLessThan(distance(svd.product(), matrix), 1e-7) }
      XCTAssertFalse(svd.singularValues.contains { $0.isNaN })
    }
  }

  func testTruncationKeepsTheLeadingTriplets() throws {
    let svd = try TruncatedSVD(random(20, 12), rank: 12)
    let cut = svd.truncated(to: 3)
    XCTAssertEqual(cut.singularValues, Array(svd.singularValues.prefix(3)))
    XCTAssertLessThan(distance(cut.product(), try TruncatedSVD(random(20, 12), rank: 3).product()), 1e-10)
  }
}
