import ModelCore
import Published
import Upcycling
import XCTest

/// The width of the query latent: by parity, as printed, and what is asked for.
final class QueryRankTests: XCTestCase {
  func testQueryRankByParity() throws {
    let base = try ModelConfig.preset("llama-3.2-1b")
    func rank(_ text: String, _ kv: Int, dim: Int = 32, granule: Int = 1) throws -> QueryRank.Resolved {
      try QueryRank(text).resolve(base: base, kvRank: kv, nopeHeadDim: dim, ropeHeadDim: dim, granule: granule)
    }
    XCTAssertEqual(try [512, 256, 128, 64, 48].map { try rank("auto", $0).rank }, [880, 1200, 1360, 1440, 1460])
    XCTAssertEqual(try rank("auto", 48, granule: 8).rank, 1456)
    XCTAssertEqual(try [512, 256, 128, 64, 48].map { try rank("paper", $0).rank }, [864, 1184, 1344, 1424, 1440])
    XCTAssertEqual(try [512, 256, 128].map { try rank("paper", $0, dim: 64).rank }, [480, 736, 864])
    XCTAssertEqual(try rank("7", 48).rank, 7)
    XCTAssertThrowsError(try rank("paper", 100)) {
      XCTAssertTrue("\($0)".contains("prints no query rank for this model"), "\($0)")
    }
    XCTAssertThrowsError(try rank("auto", 48, granule: 4096)) {
      XCTAssertTrue("\($0)".contains("or `granule`"), "\($0)")
    }
    for bad in ["0", "some"] {
      XCTAssertThrowsError(try QueryRank(bad)) { XCTAssertTrue("\($0)".contains("bad value \"\(bad)\""), "\($0)") }
    }
  }

  func testQueryRankIsClampedToTheMatrix() throws {
    let smol = try ModelConfig.preset("smollm-1.7b")
    let resolved = try QueryRank.auto.resolve(base: smol, kvRank: 480, nopeHeadDim: 32, ropeHeadDim: 32)
    XCTAssertEqual([resolved.rank, resolved.clampedFrom], [2048, 2456])
  }

  /// Parity means what it says: q, k, v weights of base and latent model differ by less than one rank's worth.
  func testParityKeepsTheParameters() throws {
    var checked = 0
    for preset in ModelConfig.presetNames {
      let base = try ModelConfig.preset(preset)
      guard !base.attention.qkvBias, !base.attention.qkNorm, base.latent == nil, base.experts == nil else { continue }
      let dim = base.headDim / 2
      let kv = max(1, base.maxKVRank / 8)
      let exact = base.parityQueryRank(kvRank: kv, nopeHeadDim: dim, ropeHeadDim: dim)
      let rank = try QueryRank.auto.resolve(base: base, kvRank: kv, nopeHeadDim: dim, ropeHeadDim: dim)
      guard rank.clampedFrom == nil else { continue }
      let latent = LatentConfig(
        qRank: rank.rank, kvRank: kv, nopeHeadDim: dim, ropeHeadDim: dim, valueHeadDim: base.headDim,
        upProjectionHeads: base.attentionHeads)
      let config = try base.withLatentAttention(latent)
      let spare = base.mixerParameterCount(layer: 0) - config.mixerParameterCount(layer: 0)
      let perRank = base.hiddenSize + base.attentionHeads * 2 * dim
      XCTAssertTrue((0..<perRank).contains(spare), "\(preset): \(spare) parameters apart (parity \(exact))")
      checked += 1
    }
    XCTAssertGreaterThan(checked, 3)
  }
}
