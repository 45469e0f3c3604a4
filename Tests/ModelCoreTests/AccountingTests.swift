import ModelCore
import XCTest

final class AccountingTests: XCTestCase {
  /// Rows where the print is wrong, or wrong for the shape that the text states.
  private static let wrong: Set<String> = [
    "llama-3.2-1b 48 6.25", "llama-3.2-1b 512 78.1", "llama-3.2-3b 816 43", "llama-3.2-3b 816 42.91",
    "llama-3.2-1b 512 10.420",
    "llama-3.2-3b 128 3.21", "llama-3.1-8b 128 8.03",
  ]

  func testEveryPublishedRowIsReproducedOrFlagged() throws {
    XCTAssertEqual(PublishedFact.xecomla.count, 26 + 7 + 24 + 14)
    var flagged = 0
    for fact in PublishedFact.xecomla {
      let key = "\(fact.preset) \(fact.latent.map { String($0.kvRank) } ?? "base") \(fact.published ?? "")"
      let computed = try fact.computed()
      if try fact.agrees() {
        XCTAssertFalse(fact.note?.hasPrefix("wrong") ?? false, "\(key) agrees after all: \(computed)")
      } else {
        flagged += 1
        XCTAssertTrue(fact.note?.hasPrefix("wrong") ?? false, "\(key) is not flagged: \(computed)")
        XCTAssertTrue(Self.wrong.contains(key), "\(key) should agree: \(computed)")
      }
    }
    XCTAssertEqual(flagged, Self.wrong.count)
  }

  func testRowsAboutOneShapeAreFound() throws {
    let base = try ModelConfig.preset("llama-3.2-1b")
    XCTAssertEqual(try PublishedFact.matching(base).map(\.published), ["1.2358", "10.486"])
    let latent = LatentConfig(
      qRank: 1440, kvRank: 48, nopeHeadDim: 32, ropeHeadDim: 32, valueHeadDim: 64, upProjectionHeads: 32)
    let facts = try PublishedFact.matching(base.withLatentAttention(latent))
    XCTAssertEqual(facts.map(\.published), ["7.81", "6.25", "1460", "10.404", "1.23"])
    XCTAssertEqual(try facts.map { try $0.agrees() }, [true, false, true, true, true])
    XCTAssertTrue(try PublishedFact.matching(ModelConfig.preset("nano-1b")).isEmpty)
  }

  private func percent(_ preset: String, _ kv: Int, _ rope: Int, layers: [Int]? = nil) throws -> Double {
    let base = try ModelConfig.preset(preset)
    let latent = LatentConfig(
      qRank: nil, kvRank: kv, nopeHeadDim: rope, ropeHeadDim: rope, valueHeadDim: base.headDim,
      upProjectionHeads: base.attentionHeads)
    return try base.withLatentAttention(latent, layers: layers).kvPercent
  }

  /// (r_kv + d_r) / (2 n_kv d_h), exact in binary.
  func testKVPercentagesAreExact() throws {
    let half = [1, 3, 5, 7, 8, 10, 12, 14]
    for (preset, kv, rope, expected) in [
      ("llama-3.2-1b", 512, 32, 53.125), ("llama-3.2-1b", 256, 32, 28.125), ("llama-3.2-1b", 128, 32, 15.625),
      ("llama-3.2-1b", 64, 32, 9.375), ("llama-3.2-1b", 48, 32, 7.8125), ("llama-3.2-1b", 512, 64, 56.25),
      ("llama-3.2-1b", 256, 64, 31.25), ("llama-3.2-1b", 128, 64, 18.75), ("llama-3.2-3b", 816, 64, 42.96875),
      ("llama-3.2-3b", 816, 32, 41.40625), ("llama-3.2-3b", 448, 64, 25), ("llama-3.2-3b", 128, 64, 9.375),
      ("llama-3.2-3b", 96, 64, 7.8125), ("llama-3.1-8b", 128, 64, 9.375), ("llama-3.1-8b", 160, 64, 10.9375),
      ("llama-3.1-8b", 256, 64, 15.625), ("smollm-135m", 160, 32, 50), ("smollm-135m", 16, 32, 12.5),
      ("smollm-360m", 288, 32, 50), ("smollm-360m", 48, 32, 12.5), ("smollm-1.7b", 480, 32, 12.5),
      ("smollm-1.7b", 2016, 32, 50),
      // The ladder's stand-ins have the same shares to the digit.
      ("nano-1b", 64, 4, 53.125), ("nano-1b", 32, 4, 28.125), ("nano-1b", 16, 4, 15.625), ("nano-1b", 8, 4, 9.375),
      ("nano-1b", 6, 4, 7.8125), ("nano-3b", 51, 4, 42.96875), ("nano-3b", 28, 4, 25), ("nano-3b", 8, 4, 9.375),
      ("nano-3b", 6, 4, 7.8125), ("nano-8b", 32, 8, 15.625), ("nano-8b", 20, 8, 10.9375), ("nano-8b", 16, 8, 9.375),
      ("nano-smol", 24, 8, 12.5), ("nano-smol", 120, 8, 50), ("nano-qwen", 16, 4, 15.625),
    ] { XCTAssertEqual(try percent(preset, kv, rope), expected, "\(preset) \(kv)+\(rope)") }
    XCTAssertEqual(try percent("llama-3.2-1b", 512, 32, layers: half), 76.5625)
    XCTAssertEqual(try percent("llama-3.2-1b", 512, 64, layers: half), 78.125)
    XCTAssertEqual(try ModelConfig.preset("llama-3.2-1b").kvPercent, 100)
  }

  func testBaseNumbersPerTokenAndLayerAreThePublishedOnes() throws {
    for (preset, numbers) in [
      ("llama-3.2-1b", 1024), ("llama-3.2-3b", 2048), ("llama-3.1-8b", 2048), ("smollm-135m", 384),
      ("smollm-360m", 640),
      ("smollm-1.7b", 4096), ("nano-1b", 128), ("nano-3b", 128), ("nano-8b", 256), ("nano-smol", 256),
      ("nano-qwen", 128),
    ] { XCTAssertEqual(try ModelConfig.preset(preset).kvNumbersPerToken(layer: 0), numbers, preset) }
  }

  func testTheQueryRankComesFromParity() throws {
    let base = try ModelConfig.preset("llama-3.2-1b")
    func rank(_ text: String, _ kv: Int, dim: Int = 32, granule: Int = 1) throws -> QueryRank.Resolved {
      try QueryRank(text).resolve(base: base, kvRank: kv, nopeHeadDim: dim, ropeHeadDim: dim, granule: granule)
    }
    XCTAssertEqual(try [512, 256, 128, 64, 48].map { try rank("auto", $0).rank }, [880, 1200, 1360, 1440, 1460])
    XCTAssertEqual(try rank("auto", 48, granule: 8).rank, 1456)
    XCTAssertEqual(try [512, 256, 128, 64, 48].map { try rank("paper", $0).rank }, [864, 1184, 1344, 1424, 1440])
    XCTAssertEqual(try [512, 256, 128].map { try rank("paper", $0, dim: 64).rank }, [480, 736, 864])
    XCTAssertEqual(try rank("7", 48).rank, 7)
    XCTAssertThrowsError(try rank("paper", 100))
    XCTAssertThrowsError(try QueryRank("0"))
    XCTAssertThrowsError(try QueryRank("some"))
  }

  func testQueryRankIsClampedToTheMatrix() throws {
    let smol = try ModelConfig.preset("smollm-1.7b")
    let resolved = try QueryRank.auto.resolve(base: smol, kvRank: 480, nopeHeadDim: 32, ropeHeadDim: 32)
    XCTAssertEqual([resolved.rank, resolved.clampedFrom], [2048, 2456])
  }

  /// Parity means what it says: q, k, v weights of base and latent model differ by less than one rank's worth.
  func testParityKeepsTheParameters() throws {
    for preset in ModelConfig.presetNames {
      let base = try ModelConfig.preset(preset)
      guard !base.qkvBias, !base.qkNorm, base.architecture != .hybrid, base.experts == nil else { continue }
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
    }
  }

  func testPartsAddUp() throws {
    let config = try ModelConfig.preset("nano-8b")
    let layers = (0..<config.layerCount).reduce(0) { $0 + config.parameterCount(layer: $1) }
    XCTAssertEqual(config.parameterCount, config.embeddingParameterCount + layers + config.hiddenSize)
    XCTAssertEqual(
      config.parameterCount(layer: 0),
      config.mixerParameterCount(layer: 0) + config.feedForwardParameterCount + 2 * config.hiddenSize)
    // Six operations per weight and token, when attention itself costs next to nothing.
    let weights = Double(
      config.parameterCount - config.embeddingParameterCount + config.vocabularySize * config.hiddenSize)
    XCTAssertEqual(config.trainingFLOPsPerToken(context: 1) / (6 * weights), 1, accuracy: 0.01)
  }
}
