import XCTest

@testable import Recipes

/// Curves made short for records and pictures.
final class LossSeriesTests: XCTestCase {
  /// However many steps there were, and with the last of them.
  func testMeansOfNeighboursKeepToTheirNumberAndEndWhereTheCurveDoes() {
    for count in [1, 59, 60, 61, 119, 120, 121, 1000] {
      let points = (1...count).map { [Double($0), Double($0)] }
      let means = meansOfNeighbours(points, most: 60)
      XCTAssertLessThanOrEqual(means.count, 60, "\(count)")
      XCTAssertEqual(means.last?.first, Double(count))
      if count <= 60 { XCTAssertEqual(means, points) }
    }
    XCTAssertEqual(meansOfNeighbours([[1, 1], [2, 3], [3, 5]], most: 2), [[2, 2], [3, 5]])
    XCTAssertTrue(meansOfNeighbours([], most: 60).isEmpty)
  }
}
