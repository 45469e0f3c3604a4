import ModelCore
import Published
import XCTest

final class Mamba2AccountingTests: XCTestCase {
  func testMixersHaveThePublishedParameters() throws {
    for (preset, parameters, state, convolution) in [
      ("llama-3.2-1b", 14.763, 131_072, 12_288), ("llama-3.2-3b", 34.705, 393_216, 20_480),
      ("llama-3.1-8b", 58.886, 524_288, 24_576),
    ] {
      let config = try ModelConfig.preset(preset).withMamba2()
      XCTAssertEqual(Double(config.mixerParameterCount(layer: 0)) / 1e6, parameters, accuracy: 0.0005, preset)
      let mamba = try XCTUnwrap(config.mamba)
      XCTAssertEqual([mamba.recurrentNumbers, 4 * mamba.convWidth], [state, convolution], preset)
    }
  }

  /// Parameters in billions and KV percent of the published hybrids, from the shapes (n_kv heads up).
  func testPublishedHybridsHaveThePublishedTotals() throws {
    for (preset, count, kv, q, dim, parameters, percent) in [
      ("llama-3.2-1b", 8, 128, 1344, 32, 1.2671, 7.8125), ("llama-3.2-1b", 6, 128, 1344, 32, 1.2764, 5.859375),
      ("llama-3.2-1b", 4, 128, 1344, 32, 1.2857, 3.90625), ("llama-3.2-3b", 14, 128, 1536, 64, 3.2692, 4.6875),
      ("llama-3.2-3b", 8, 128, 1536, 64, 3.3595, 2.6786), ("llama-3.2-3b", 6, 128, 1536, 64, 3.3896, 2.0089),
      ("llama-3.1-8b", 16, 160, 2048, 64, 8.1857, 5.46875), ("llama-3.1-8b", 8, 160, 2048, 64, 8.3791, 2.734375),
    ] {
      let base = try ModelConfig.preset(preset)
      let config = try base.withLatentAttention(
        LatentConfig(
          qRank: q, kvRank: kv, nopeHeadDim: dim, ropeHeadDim: dim, valueHeadDim: base.headDim,
          upProjectionHeads: base.keyValueHeads), layers: Array(0..<count)
      ).withMamba2(layers: Array(count..<base.layerCount))
      let name = "\(preset) \(count)"
      XCTAssertEqual(Double(config.parameterCount) / 1e9, parameters, accuracy: 0.00005, name)
      XCTAssertEqual(config.kvPercent, percent, accuracy: 0.00005, name)
    }
  }
}
