import Groundwork
import TestKit
import XCTest

@testable import TensorCore

final class LowRankBoundTests: XCTestCase {
  private let flat = SVDComparison.matrix(rows: 160, columns: 128, .flat)

  private func lost(_ matrix: Matrix, _ svd: TruncatedSVD) -> Double {
    (matrix.subtracting(svd.product()).squaredNorm / matrix.squaredNorm).squareRoot()
  }

  /// Orthogonal factors around chosen singular values.
  private func matrix(_ values: [Double]) throws -> Matrix {
    let svd = try TruncatedSVD(flat, rank: values.count, method: .gesdd)
    return svd.left.scalingColumns(by: values).product(svd.right)
  }

  private func bound(_ matrix: Matrix, vectors: Matrix) -> LowRankBound? {
    let scaled = vectors.product(matrix, transposingOther: true)
    var gram = [Float](repeating: 0, count: matrix.columns * matrix.columns)
    upperGram(
      matrix.floats(), rows: matrix.rows, columns: matrix.columns, ofColumns: true, beta: 0, into: &gram)
    let energies = (0..<scaled.rows).map { row in
      (0..<scaled.columns).reduce(0) { $0 + scaled[row, $1] * scaled[row, $1] }
    }
    return LowRankBound(
      matrix, transposed: false, gram: gram, vectors: vectors, scaled: scaled, energies: energies,
      total: matrix.squaredNorm)
  }

  func testFloat32IsAsGoodAsExactOnFlatSpectraOfBothOrientations() throws {
    for matrix in [flat, flat.transposed, SVDComparison.matrix(rows: 256, columns: 200, .decaying)] {
      for rank in [3, 60, 100] {
        let svd = try XCTUnwrap(TruncatedSVD.byGramFloat32(matrix, rank: rank), "no proof at rank \(rank)")
        let best = lost(matrix, try TruncatedSVD(matrix, rank: rank, method: .gesdd))
        XCTAssertLessThan(abs(lost(matrix, svd) - best), 1e-7)
        XCTAssertEqual(svd.energy, matrix.squaredNorm)
      }
    }
  }

  /// 1 + 4n + n^2 numbers are no float32 from 4,096 on, and rounded down they are too few.
  func testLargeMatricesGetTheWorkspaceTheyNeed() {
    let n = 4096
    var (diagonal, beside) = ((0..<n).map { Float(n - $0) }, [Float](repeating: 0, count: n))
    var vectors = [Float](repeating: 0, count: n * n)
    XCTAssertEqual(Float.stedc(Int32(n), diagonal: &diagonal, beside: &beside, vectors: &vectors), 0)
    XCTAssertEqual(diagonal.first, 1)
    XCTAssertEqual(vectors[n - 1], 1)
    XCTAssertGreaterThanOrEqual(LAPACK.workspace(Float(16_793_601)), 16_793_601)
  }

  func testSteepSpectraAndFullRankAreFactorisedExactly() throws {
    let steep = try matrix((0..<128).map { exp(-Double($0) / 6) })
    for (matrix, rank) in [(steep, 100), (flat, 128)] {
      XCTAssertNil(TruncatedSVD.byGramFloat32(matrix, rank: rank))
      let svd = try TruncatedSVD(matrix, rank: rank, method: .gramFloat32)
      XCTAssertEqual(svd.singularValues, try TruncatedSVD(matrix, rank: rank, method: .gram).singularValues)
    }
  }

  /// A kept direction turned towards one that is left out, by angles from rounding's size up to wholly wrong.
  func testTheBoundCoversWhatWrongDirectionsLose() throws {
    let matrix = try matrix((0..<128).map { 2 - Double($0) / 80 })
    let rank = 40
    let exact = try TruncatedSVD(matrix, rank: 128, method: .gesdd)
    let best = lost(matrix, exact.truncated(to: rank))
    for (kept, other) in [(0, 100), (20, 60), (39, 40), (39, 127)] {
      for angle in [0, 1e-4, 1e-2, 0.3, Double.pi / 2] {
        var vectors = exact.right.prefix(rows: rank)
        for j in 0..<vectors.columns {
          vectors[kept, j] = cos(angle) * exact.right[kept, j] + sin(angle) * exact.right[other, j]
        }
        let product = matrix.product(vectors, transposingOther: true).product(vectors)
        let excess = (product.subtracting(matrix).squaredNorm / matrix.squaredNorm).squareRoot() - best
        guard let bound = bound(matrix, vectors: vectors) else {
          XCTAssertGreaterThan(excess, 1e-6, "no proof of a good product: \(kept) \(other) \(angle)")
          continue
        }
        XCTAssertGreaterThanOrEqual(bound.excess, excess - 1e-12, "\(kept) \(other) \(angle)")
        if angle == 0 { XCTAssertLessThan(bound.excess, TruncatedSVD.tolerance) }
      }
    }
  }

  func testOnlyLargeMatricesOfManyTripletsAreFactorisedInFloat32() {
    let method = TruncatedSVD.fittingMethod
    XCTAssertEqual(method(2048, 2048, 1424), .gramFloat32)
    XCTAssertEqual(method(1024, 2048, 64), .gram)
    XCTAssertEqual(method(2048, 2048, 2048), .gram)
    XCTAssertEqual(method(1000, 4096, 500), .gram)
  }
}
