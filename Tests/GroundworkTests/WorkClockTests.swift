import Foundation
import Groundwork
import TestKit
import XCTest

/// `workSeconds`, beside the clocks of the machine and of the thread.
final class WorkClockTests: XCTestCase {
  func testWaitingForAProcessorDoesNotCount() throws {
    try XCTSkipUnless(
      FileManager.default.fileExists(atPath: "/proc/thread-self/schedstat"),
      "skipped: this kernel does not say who waits")
    var (wall, worked, busy) = (0.0, 0.0, 0.0)
    inACrowd {
      let start = (wall: monotonicSeconds(), worked: workSeconds(), busy: processorSeconds())
      work(seconds: 0.4)
      (wall, worked) = (monotonicSeconds() - start.wall, workSeconds() - start.worked)
      busy = processorSeconds() - start.busy
    }
    XCTAssertGreaterThan(wall - busy, 0.2, "there was a crowd")
    XCTAssertEqual(worked, busy, accuracy: 0.1 * (wall - busy) + 0.01, "wall clock \(wall)")
  }

  func testSleepCounts() {
    let start = workSeconds()
    usleep(50_000)
    XCTAssertGreaterThanOrEqual(workSeconds() - start, 0.0499)
  }

  /// A process that is stopped for a while works nothing meanwhile.
  func testStopsAreNoWork() throws {
    let start = (wall: monotonicSeconds(), worked: workSeconds())
    let other = Process()
    other.executableURL = URL(fileURLWithPath: "/bin/sh")
    other.arguments = ["-c", "kill -STOP \(getpid()); sleep 4; kill -CONT \(getpid())"]
    try other.run()
    other.waitUntilExit()
    Thread.sleep(forTimeInterval: 1)
    let (wall, worked) = (monotonicSeconds() - start.wall, workSeconds() - start.worked)
    XCTAssertGreaterThan(wall, 5)
    XCTAssertLessThan(worked, wall - 3)
    XCTAssertGreaterThanOrEqual(worked, 0.9)
  }
}
