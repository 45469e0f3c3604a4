import ModelCore
import Published
import XCTest

/// What the papers print about shapes, held against the shapes.
final class PublishedFactTests: XCTestCase {
  /// Rows that their shape does not give: the print is wrong, or wrong for the shape that the text states.
  private static let differing: Set<String> = [
    "llama-3.2-1b 48 6.25", "llama-3.2-1b 512 78.1", "llama-3.2-3b 816 43", "llama-3.2-3b 816 42.91",
    "llama-3.2-1b 512 10.420", "llama-3.2-3b 128 3.21", "llama-3.1-8b 128 8.03",
  ]

  func testEveryRowOfXEcoMLAIsReproducedOrHasARemark() throws {
    XCTAssertEqual(PublishedFact.xecomla.count { $0.quantity == .kvPercent }, 26)
    XCTAssertEqual(PublishedFact.xecomla.count { $0.quantity == .parityQueryRank }, 11 + 1)
    XCTAssertEqual(PublishedFact.xecomla.count { $0.quantity == .billionParameters }, 14 + 10)
    var differing = 0
    for fact in PublishedFact.xecomla {
      let key = "\(fact.preset) \(fact.latent.map { String($0.kvRank) } ?? "base") \(fact.published ?? "")"
      let computed = try fact.computed()
      if try fact.agrees() {
        XCTAssertFalse(fact.note?.contains("the paper errs") ?? false, "\(key) agrees after all: \(computed)")
      } else {
        differing += 1
        XCTAssertNotNil(fact.note, "\(key) has no remark: \(computed)")
        XCTAssertTrue(Self.differing.contains(key), "\(key) should agree: \(computed)")
      }
    }
    XCTAssertEqual(differing, Self.differing.count)
  }

  func testRowsAboutOneShape() throws {
    let base = try ModelConfig.preset("llama-3.2-1b")
    XCTAssertEqual(try PublishedFact.matching(base).map(\.published), ["1.2358", "10.486"])
    let latent = LatentConfig(
      qRank: 1440, kvRank: 48, nopeHeadDim: 32, ropeHeadDim: 32, valueHeadDim: 64, upProjectionHeads: 32)
    let facts = try PublishedFact.matching(base.withLatentAttention(latent))
    XCTAssertEqual(facts.map(\.published), ["7.81", "6.25", "1460", "1.23", "10.404"])
    XCTAssertEqual(try facts.map { try $0.agrees() }, [true, false, true, true, true])
    XCTAssertTrue(try PublishedFact.matching(ModelConfig.preset("nano-1b")).isEmpty)
  }

  /// The seven released totals and every percentage that HyLo prints; the one wrong number is flagged.
  func testEveryPublishedNumberOfHyLo() throws {
    XCTAssertEqual(PublishedFact.hylo.count { $0.quantity == .parameters }, 7)
    XCTAssertEqual(PublishedFact.hylo.count { $0.quantity == .kvPercent }, 12)
    for fact in PublishedFact.hylo {
      let isWrong = fact.note?.contains("the paper errs") ?? false
      let computed = try fact.computed()
      XCTAssertEqual(try fact.agrees(), !isWrong, "\(fact.preset) \(fact.quantity.rawValue): \(computed)")
      XCTAssertEqual(isWrong, fact.quantity == .thousandConvolutionParameters)
    }
    let config = try ModelConfig.preset("hylo-qwen-7mla21gdn")
    XCTAssertEqual(try PublishedFact.matching(config).map(\.published), ["2284173820", "2.3", "3.906", "96.1"])
    var other = config
    other.mixers[0] = .latentAttention
    XCTAssertTrue(try PublishedFact.matching(other).isEmpty)
  }
}
