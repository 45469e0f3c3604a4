import Foundation
import Groundwork
import ModelCore
import Published
import TestKit
import XCTest

@testable import Recipes

/// A run that was killed after its training reads what it measured from its files: all digits must be there.
final class ReadAgainTests: XCTestCase {
  private var folder = URL(fileURLWithPath: "/")

  override func setUpWithError() throws { folder = try temporaryFolder() }
  override func tearDown() { try? FileManager.default.removeItem(at: folder) }

  func testAHeldOutCurve() throws {
    let file = folder.appendingPathComponent("heldout.csv")
    let curve = try HeldOutCurve(file)
    try curve.append(0, 10 / 3)
    try curve.append(4096, 3.2228983480017632)
    XCTAssertEqual(try HeldOutCurve(file).rows, curve.rows)
    XCTAssertEqual(curve.rows, [[0, 10 / 3], [4096, 3.2228983480017632]])
  }

  func testAValidation() throws {
    let stopping = EarlyStopping(metric: .loss, every: 1)
    let history = try ValidationHistory(folder, stopping)
    let model = try LanguageModel(.preset("nano-1b"), seed: 1)
    try history.append(0, 10 / 3, model)
    try history.append(1, 2 / 3, model)
    XCTAssertEqual(try ValidationHistory(folder, stopping).rows.map(\.value), [10 / 3, 2 / 3])
  }
}
