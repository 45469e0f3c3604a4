import Foundation
import Groundwork
import TestKit
import XCTest

@testable import Export

/// What tokenizers become beside an exported model.
final class ExportedTokenizerTests: XCTestCase {
  private var folder = URL(fileURLWithPath: "/")

  override func setUpWithError() throws { folder = try temporaryFolder() }
  override func tearDown() { try? FileManager.default.removeItem(at: folder) }

  /// Pieces in our own format, which no other program reads, are written as the Hub's.
  func testPiecesBecomeATokenizerOfTheHub() throws {
    let model = try goldenModel("llama", in: folder)
    try writeFile(
      #"""
      {"type": "llama2c", "pieces": ["<unk>", "<s>", "</s>", "\u2581", "a", "b", "ab"],
       "scores": [0, 0, 0, -2, -3, -4, -1]}
      """#, to: model.appendingPathComponent("tokenizer.json"))
    for format in [ExportFormat.transformers, .mlx] {
      let place = folder.appendingPathComponent("pieces-\(format.rawValue)")
      let report = try exportModel(from: model, to: place, as: format)
      XCTAssertEqual(report.notes.count, 1, "\(report.notes)")
      let json = try JSONValue(contentsOf: place.appendingPathComponent("tokenizer.json"))
      XCTAssertEqual(json["added_tokens"]?.array?.count, 3)
      XCTAssertEqual(json["model"]?["merges"]?.array?.compactMap(\.string), ["a b"])
      let settings = try JSONValue(contentsOf: place.appendingPathComponent("tokenizer_config.json"))
      XCTAssertEqual(settings["bos_token"]?.string, "<s>")
    }
  }
}
