import Foundation
import Groundwork
import TestKit
import XCTest

@testable import TokenData

/// Files of frames give back what was put in, and say so when they are damaged.
final class FrameFileTests: XCTestCase {
  private var folder = URL(fileURLWithPath: "/")
  private var file: URL { folder.appendingPathComponent("frames.zst") }
  private let frames = [Data("one".utf8), Data(), Data((0..<5000).map { UInt8($0 % 251) }), Data("four".utf8)]

  override func setUpWithError() throws {
    folder = try temporaryFolder()
    let writer = try FrameFileWriter(file)
    for frame in frames { try frame.withUnsafeBytes { try writer.append($0) } }
    XCTAssertFalse(FileManager.default.fileExists(atPath: file.path), "it appears when it is whole")
    try writer.commit()
  }
  override func tearDown() { try? FileManager.default.removeItem(at: folder) }

  private func read(_ file: FrameFile, _ number: Int, _ count: Int) throws -> Data {
    var data = Data(count: count)
    try data.withUnsafeMutableBytes { try file.read(number, into: $0) }
    return data
  }

  func testFramesComeBack() throws {
    let opened = try FrameFile(file)
    XCTAssertEqual(opened.frameCount, 4)
    for number in [2, 0, 3, 1, 2] { XCTAssertEqual(try read(opened, number, frames[number].count), frames[number]) }
    XCTAssertThrowsError(try read(opened, 0, 4)) { XCTAssert("\($0)".contains("holds 3 bytes instead of 4"), "\($0)") }
    XCTAssertThrowsError(try read(opened, 4, 4)) { XCTAssert("\($0)".contains("there are only 4"), "\($0)") }
    XCTAssertThrowsError(try FrameFile(folder)) { XCTAssert("\($0)".contains("is not a regular file"), "\($0)") }
    XCTAssertThrowsError(try FrameFile(folder.appendingPathComponent("none"))) {
      XCTAssert("\($0)".contains("no such file"), "\($0)")
    }
  }

  /// No flipped byte gives other content.
  func testDamageIsFound() throws {
    let original = try readFile(file)
    for index in original.indices {
      var damaged = original
      damaged[index] ^= 0x10
      try damaged.write(to: file)
      guard let opened = try? FrameFile(file) else { continue }
      for number in frames.indices {
        if let data = try? read(opened, number, frames[number].count) {
          XCTAssertEqual(data, frames[number], "byte \(index)")
        }
      }
    }
    try original.prefix(original.count - 7).write(to: file)
    XCTAssertThrowsError(try FrameFile(file)) { XCTAssert("\($0)".contains("damaged"), "\($0)") }
  }
}
