import TensorCore
import TestKit
import XCTest

final class TensorTests: XCTestCase {
  func testShapesAndRowsFollowTheirSizes() {
    let x = Tensor([2, 3, 4], values: (0..<24).map(Float.init))
    XCTAssertEqual([x.count, x.rank, x.width, x.rowCount], [24, 3, 4, 6])
    XCTAssertEqual(x.rows(1..<2).toArray(), (12..<24).map(Float.init))
    XCTAssertEqual(x.rows(1..<2).shape, [1, 3, 4])
    XCTAssertEqual(x.rows(1..<2).rows(0..<1).reshaped([3, 4]).rows(2..<3).toArray(), [20, 21, 22, 23])
    XCTAssertEqual(x.rows(2..<2).count, 0)
    XCTAssertEqual(x.reshaped([4, 6]).rowCount, 4)
    let scalar = Tensor([], values: [3])
    XCTAssertEqual([scalar.count, scalar.rank, scalar.width, scalar.rowCount], [1, 0, 1, 1])
    let empty = Tensor([0, 5])
    XCTAssertEqual([empty.count, empty.rowCount], [0, 0])
  }

  func testViewsShareAndCopiesDoNot() {
    var x = Tensor.zeros([2, 2])
    let row = x.rows(1..<2)
    let copy = x.copy()
    row.fill(7)
    XCTAssertEqual(x.toArray(), [0, 0, 7, 7])
    XCTAssertEqual(copy.toArray(), [0, 0, 0, 0])
    XCTAssertFalse(x.isUnique())
    var alone = copy
    XCTAssertFalse(alone.isUnique())
    alone = Tensor([1])
    XCTAssertTrue(alone.isUnique())
  }

  func testNonFiniteValuesAreFoundAnywhere() {
    for bad in [Float.nan, .infinity, -.infinity] {
      for position in [0, 17, 99] {
        let x = randomTensor([100])
        XCTAssertFalse(x.hasNonFinite)
        x.pointer[position] = bad
        XCTAssertTrue(x.hasNonFinite, "\(bad) at \(position)")
      }
    }
    XCTAssertFalse(Tensor([2], values: [.greatestFiniteMagnitude, .leastNonzeroMagnitude]).hasNonFinite)
  }

  func testMatrixProductsMatchSmallCases() {
    let a = Tensor([2, 3], values: [1, 2, 3, 4, 5, 6])
    let b = Tensor([3, 2], values: [1, 0, 0, 1, 1, 1])
    XCTAssertEqual(a.matrixProduct(b).toArray(), [4, 5, 10, 11])
    XCTAssertEqual(a.matrixProduct(a, transposed: true).toArray(), [14, 32, 32, 77])
  }

  // MARK: Storage

  func testBuffersAreAlignedTo64Bytes() {
    for count in [1, 15, 1000, 1 << 20] {
      XCTAssertEqual(UInt(bitPattern: Tensor([count]).pointer) % 64, 0)
    }
  }

  func testBuffersAreReused() {
    func use() {
      for count in [1000, 5000, 100_000] { Tensor([count]).fill(1) }
    }
    use()
    let before = StoragePool.systemAllocations
    for _ in 0..<5 { use() }
    XCTAssertEqual(StoragePool.systemAllocations, before)
    // A little larger: the same size class.
    _ = Tensor([1001])
    XCTAssertEqual(StoragePool.systemAllocations, before)
  }

  func testTwoLiveBuffersNeverShare() {
    let tensors = (0..<20).map { index in
      let x = Tensor([777])
      x.fill(Float(index))
      return x
    }
    for (index, x) in tensors.enumerated() { XCTAssertEqual(Set(x.toArray()), [Float(index)]) }
  }

  func testCountersFollowLiveAndPeakBytes() {
    StoragePool.trim()
    let before = StoragePool.liveBytes
    StoragePool.resetPeak()
    do {
      let x = Tensor([1 << 16])
      x.fill(0)
      XCTAssertEqual(StoragePool.liveBytes - before, 4 << 16)
    }
    XCTAssertEqual(StoragePool.liveBytes, before)
    XCTAssertEqual(StoragePool.peakBytes - before, 4 << 16)
    // At most an eighth is wasted.
    for count in [17, 100, 1025, 70_000, 123_457] {
      let x = Tensor([count])
      XCTAssertLessThanOrEqual(Double(StoragePool.liveBytes - before), max(Double(count) * 4 * 1.13, 256))
      x.fill(0)
    }
  }
}
