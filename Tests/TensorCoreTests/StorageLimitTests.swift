import Synchronization
import TensorCore
import XCTest

/// The pool's limit: told once, at the allocation that passes it, and not before.
final class StorageLimitTests: XCTestCase {
  override func tearDown() { StoragePool.setLimit(nil) }

  func testOverflowIsRecordedAndTold() {
    let told = Mutex<[StorageOverflow]>([])
    let before = StoragePool.liveBytes
    StoragePool.setLimit(before + (1 << 20)) { overflow in told.withLock { $0.append(overflow) } }
    let small = Tensor([1 << 16])
    XCTAssertNil(StoragePool.overflow)
    let large = Tensor([1 << 18])
    XCTAssertEqual(StoragePool.overflow?.requested, 1 << 20)
    XCTAssertEqual(StoragePool.overflow?.live, before + (1 << 18))
    XCTAssertEqual(StoragePool.overflow?.limit, before + (1 << 20))
    _ = Tensor([1 << 18])
    XCTAssertEqual(told.withLock { $0.count }, 1, "once")
    withExtendedLifetime((small, large)) {}
    StoragePool.setLimit(1 << 40)
    XCTAssertNil(StoragePool.overflow, "a new limit starts anew")
  }

  /// Unused buffers are given back before they pass the limit.
  func testUnusedBuffersGiveWay() {
    StoragePool.trim()
    let before = StoragePool.liveBytes
    StoragePool.setLimit(before + (3 << 20))
    for size in [1 << 17, 1 << 18, 1 << 19] { _ = Tensor([size]) }
    let allocations = StoragePool.systemAllocations
    _ = Tensor([1 << 17])
    XCTAssertEqual(StoragePool.systemAllocations, allocations + 1, "the small buffer went when the large ones came")
    XCTAssertNil(StoragePool.overflow)
  }
}
