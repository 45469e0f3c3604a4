import Foundation
import Groundwork
import ModelCore
import TestKit
import XCTest

@testable import Upcycling

/// Losses of converted babyllama_tok361 before any training against values measured independently: first 128
/// windows of 256 tokens of hf_validation_prefix.txt, ids = 1 followed by the characters of " " + text.
final class BabyllamaTests: XCTestCase {
  private static func load() throws -> (model: LanguageModel, windows: [[Int32]]) {
    let checkpoints = try sharedFolder("data/checkpoints/babyllama")
    let file = try Llama2CFile(checkpoints.appendingPathComponent("babyllama_tok361.bin"))
    let model = try LanguageModel(file.config, weights: file)
    let pieces = try JSONValue(contentsOf: checkpoints.appendingPathComponent("tok361.json"))["pieces"]?.array ?? []
    var ids: [Character: Int32] = [:]
    for (id, piece) in pieces.enumerated() {
      let text = piece.string ?? ""
      if id > 258, text.count == 1 { ids[text == "\u{2581}" ? " " : Character(text)] = Int32(id) }
    }
    let text = String(decoding: try readFile(sharedFolder("data/tinystories/hf_validation_prefix.txt")), as: UTF8.self)
    var tokens: [Int32] = [1]
    for character in (" " + text).unicodeScalars.prefix(40_000) {
      if let id = ids[Character(character)] {
        tokens.append(id)
      } else {
        tokens += Array(String(character).utf8).map { Int32($0) + 3 }
      }
    }
    return (model, (0..<128).map { Array(tokens[$0 * 256..<($0 + 1) * 256]) })
  }

  func testStartingLossesMatchTheIndependentMeasurement() throws {
    let (base, windows) = try Self.load()
    var paper = LatentConversion(kvRank: 60, queryRank: .fixed(96), nopeHeadDim: 8, ropeHeadDim: 8)
    let paperFit = try StartingFit(convert(base: base, paper).model, base: base, windows: windows)
    XCTAssertEqual(paperFit.baseLoss, 0.6775, accuracy: 0.0005)
    XCTAssertEqual(paperFit.loss, 4.193, accuracy: 0.0015)
    var aligned = LatentConversion(kvRank: 60, queryRank: .fixed(128), nopeHeadDim: 8, ropeHeadDim: 8, rope: .aligned)
    let alignedFit = try StartingFit(convert(base: base, aligned).model, base: base, windows: windows)
    XCTAssertEqual(alignedFit.loss, 2.286, accuracy: 0.0015)

    // Both options help at every rank, at equal query rank.
    let covariances = inputCovariances(of: base, layers: [0, 1, 2, 3, 4], windows: Array(windows.suffix(32)))
    let few = Array(windows.prefix(12))
    for rank in [60, 24, 12, 4] {
      paper.kvRank = rank
      aligned.kvRank = rank
      paper.queryRank = .fixed(96)
      aligned.queryRank = .fixed(96)
      var both = aligned
      both.weighting = .covariance
      let fits = try [
        StartingFit(convert(base: base, paper).model, base: base, windows: few),
        StartingFit(convert(base: base, aligned).model, base: base, windows: few),
        StartingFit(convert(base: base, both, covariances: covariances).model, base: base, windows: few),
      ]
      print(
        "babyllama r_kv \(rank): loss", fits.map { String(format: "%.3f", $0.loss) }, "KL",
        fits.map { String(format: "%.3f", $0.divergence) })
      XCTAssertLessThan(fits[1].loss, fits[0].loss)
      XCTAssertLessThan(fits[2].loss, fits[1].loss)
    }
  }
}
