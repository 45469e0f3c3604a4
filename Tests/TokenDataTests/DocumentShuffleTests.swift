import Foundation
import Groundwork
import TestKit
import TokenData
import XCTest

/// Shuffled documents are all there, each once, in an order that depends on the seed alone.
final class DocumentShuffleTests: XCTestCase {
  private var folder = URL(fileURLWithPath: "/")

  override func setUpWithError() throws { folder = try temporaryFolder() }
  override func tearDown() { try? FileManager.default.removeItem(at: folder) }

  private func shuffled(_ documents: [[Int32]], seed: UInt64) throws -> [[Int32]] {
    let shuffle = try DocumentShuffle(seed: seed, folder: folder)
    for document in documents { try shuffle.add(document, answers: [document.count / 2..<document.count]) }
    XCTAssertEqual(try FileManager.default.contentsOfDirectory(atPath: folder.path), [])
    var out: [[Int32]] = []
    try shuffle.forEach { ids, answers in
      XCTAssertEqual(answers, [ids.count / 2..<ids.count])
      out.append(ids)
    }
    return out
  }

  func testDocumentsComeOnceInTheSeedsOrder() throws {
    let documents = (0..<5000).map { index in (0..<1 + index % 60).map { Int32(index + $0) } }
    let one = try shuffled(documents, seed: 1)
    XCTAssertEqual(one, try shuffled(documents, seed: 1))
    XCTAssertNotEqual(one, try shuffled(documents, seed: 2))
    XCTAssertNotEqual(one, documents)
    XCTAssertEqual(one.sorted { $0[0] < $1[0] }, documents)
    // The first thousand are spread over all five thousand places.
    let places = one.indices.filter { one[$0][0] < 1000 }
    XCTAssertEqual(places.filter { $0 < 2500 }.count, 500, accuracy: 80)
  }
}
