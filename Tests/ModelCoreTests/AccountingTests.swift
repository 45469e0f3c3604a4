import ModelCore
import Published
import XCTest

final class AccountingTests: XCTestCase {
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
      ("nano-smol-135m", 20, 4, 50), ("nano-smol-360m", 36, 4, 50), ("nano-qwen-0.5b", 8, 4, 37.5),
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
      ("nano-qwen", 128), ("nano-smol-135m", 48), ("nano-smol-360m", 80), ("nano-qwen-0.5b", 32),
    ] { XCTAssertEqual(try ModelConfig.preset(preset).kvNumbersPerToken(layer: 0), numbers, preset) }
  }

  func testPartsAddUp() throws {
    let config = try ModelConfig.preset("nano-8b")
    let layers = (0..<config.layerCount).reduce(0) { $0 + config.parameterCount(layer: $1) }
    XCTAssertEqual(config.parameterCount, config.embeddingParameterCount + layers + config.hiddenSize)
    XCTAssertEqual(
      config.parameterCount(layer: 0),
      config.mixerParameterCount(layer: 0) + 3 * config.hiddenSize * config.intermediateSize + 2 * config.hiddenSize)
    // Two operations per weight and token, when attention itself costs next to nothing.
    let weights = Double(
      config.parameterCount - config.embeddingParameterCount + config.vocabularySize * config.hiddenSize)
    XCTAssertEqual(config.forwardFLOPsPerToken(context: 1) / (2 * weights), 1, accuracy: 0.01)
  }

  /// Of 8 tokens with windows of 3 each sees 1, 2, 3, 3, ..., with chunks of 3 it sees 1, 2, 3, 1, 2, 3, 1, 2.
  func testWindowsAndChunksSeeFewerPositions() throws {
    let plain = ModelConfig(
      hiddenSize: 24, layerCount: 2, attentionHeads: 6, keyValueHeads: 3, headDim: 4, intermediateSize: 36,
      vocabularySize: 41, tieWordEmbeddings: true, maxPosition: 256)
    let one = plain.forwardFLOPsPerToken(context: 1)
    let position = (plain.forwardFLOPsPerToken(context: 3) - one) / 1
    func work(_ change: (inout ModelConfig) -> Void) -> Double {
      var config = plain
      change(&config)
      return (config.forwardFLOPsPerToken(context: 8) - one) / position
    }
    XCTAssertEqual(work { _ in }, 36.0 / 8 - 1, accuracy: 1e-12)
    XCTAssertEqual(work { $0.attention.windows = .init(layers: [0, 1], size: 3) }, 21.0 / 8 - 1, accuracy: 1e-12)
    XCTAssertEqual(work { $0.attention.chunks = .init(layers: [0, 1], size: 3) }, 15.0 / 8 - 1, accuracy: 1e-12)
  }
}
