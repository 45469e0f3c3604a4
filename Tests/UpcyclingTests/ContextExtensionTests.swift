import Groundwork
import ModelCore
import Published
import Upcycling
import XCTest

/// A stage's positions: the paper's defaults, where YaRN goes, and what it leaves alone.
final class ContextExtensionTests: XCTestCase {
  private func base() throws -> ModelConfig {
    var config = try ModelConfig.preset("llama-3.2-1b")
    config.maxPosition = 2048
    return config
  }

  private func hybrid(rope: RopeConfig? = nil, attention: Bool = false) throws -> ModelConfig {
    let latent = LatentConfig(
      qRank: 1344, kvRank: 128, nopeHeadDim: 32, ropeHeadDim: 32, valueHeadDim: 64, upProjectionHeads: 8, rope: rope)
    let linear = [0, 2, 3, 4, 6, 7, 8, 9, 11, 12, 13, 15]
    let config = try base().withLatentAttention(latent, layers: [1, 5, 10, 14])
    return attention ? config : try config.withMamba2(layers: linear)
  }

  /// The paper's stages: 8K is factor 4 of 2,048, 64K factor 32; Llama's own scaling goes (HyLo).
  func testThePapersStagesHaveThePapersFactors() throws {
    for (context, factor, magnitude) in [(8192, 4.0, 1.138629436), (65_536, 32.0, 1.34657359)] {
      let stage = try ContextExtension(of: hybrid(), context: context)
      XCTAssertEqual(stage.factor, factor)
      XCTAssertEqual(stage.originalContext, 2048)
      let config = stage.applied(to: try hybrid())
      XCTAssertEqual(config.maxPosition, context)
      XCTAssertEqual(config.latentRope.scaling, .yarn(.init(factor: factor, originalMaxPosition: 2048)))
      XCTAssertEqual(config.latentRope.magnitude, magnitude, accuracy: 1e-8)
      XCTAssertEqual(config.latentRope.theta, 500_000)
      XCTAssertEqual(try ModelConfig(json: config.json, file: "written"), config, "config.json says it")
    }
  }

  /// A later stage stretches the same original context again.
  func testStagesFollowEachOther() throws {
    let first = try ContextExtension(of: hybrid(), context: 8192).applied(to: hybrid())
    let second = try ContextExtension(of: first, context: 65_536)
    XCTAssertEqual(second.originalContext, 2048)
    XCTAssertEqual(second.factor, 32)
    XCTAssertEqual(second.applied(to: first), try ContextExtension(of: hybrid(), context: 65_536).applied(to: hybrid()))
  }

  func testAFactorOfOneLeavesTheRopeAlone() throws {
    let off = try ContextExtension(of: hybrid(), context: 8192, yarn: 1).applied(to: hybrid())
    XCTAssertEqual(off.latentRope, try hybrid().latentRope, "Llama's own scaling")
    guard case .llama3 = off.latentRope.scaling else { return XCTFail("\(off.latentRope.scaling)") }
    let stretched = try ContextExtension(of: hybrid(), context: 8192).applied(to: hybrid())
    XCTAssertEqual(
      try ContextExtension(of: stretched, context: 8192, yarn: 1).applied(to: stretched).latentRope.scaling, .none,
      "YaRN is switched off")
    guard case .yarn(var rule) = stretched.latentRope.scaling else { return XCTFail("no YaRN") }
    rule.betaFast = 24
    var tuned = stretched
    tuned.rope.scaling = .yarn(rule)
    tuned.maxPosition = 4096
    for context in [8192, 5000, 4096, 100] {
      let shorter = try ContextExtension(of: tuned, context: context)
      XCTAssertEqual(shorter.factor, 4, "a context that asks for less keeps the stretch that weights learned")
      XCTAssertEqual(shorter.applied(to: tuned).latentRope, tuned.latentRope)
    }
    guard
      case .yarn(let further) = try ContextExtension(of: tuned, context: 65_536).applied(to: tuned).latentRope.scaling
    else { return XCTFail("no YaRN") }
    XCTAssertEqual([further.factor, further.betaFast], [32, 24], "a further stretch keeps the ramp")
    XCTAssertEqual(try ContextExtension(of: tuned, context: 4096, originalContext: 2048).factor, 4)
    XCTAssertEqual(try ContextExtension(of: hybrid(), context: 1024).factor, 1, "shorter than the original")
    XCTAssertEqual(try ContextExtension(of: hybrid(), context: 65_536, originalContext: 32_768).factor, 2)
  }

  /// A slice with its own frequencies keeps them; layers of plain attention keep Llama's scaling.
  func testOnlyLatentLayersAreStretched() throws {
    let own = RopeConfig(theta: 7000, frequencyDim: 64)
    let sliced = try ContextExtension(of: hybrid(rope: own), context: 4096).applied(to: hybrid(rope: own))
    XCTAssertEqual(sliced.latent?.rope?.frequencyDim, 64)
    XCTAssertEqual(sliced.latent?.rope?.theta, 7000)
    XCTAssertEqual(sliced.latent?.rope?.scaling, .yarn(.init(factor: 2, originalMaxPosition: 2048)))
    let mixed = try ContextExtension(of: hybrid(attention: true), context: 4096).applied(to: hybrid(attention: true))
    XCTAssertEqual(mixed.rope, try base().rope)
    XCTAssertEqual(mixed.latentRope.scaling, .yarn(.init(factor: 2, originalMaxPosition: 2048)))
    XCTAssertEqual(try ModelConfig(json: mixed.json, file: "written"), mixed)
  }

  func testImpossibleExtensionsAreRefused() throws {
    let linear = try base().withMamba2()
    XCTAssertEqual(try ContextExtension(of: linear, context: 8192).factor, 1)
    XCTAssertEqual(try ContextExtension(of: linear, context: 8192).applied(to: linear).maxPosition, 8192)
    XCTAssertThrowsError(try ContextExtension(of: linear, context: 8192, yarn: 4)) {
      XCTAssert("\($0)".contains("latent attention, which this model does not have"), "\($0)")
    }
    for (context, yarn, original) in [
      (1, nil, nil), (-8, nil, nil), (8192, 0.5, nil), (8192, .nan, nil), (8192, nil, 0),
    ] as [(Int, Double?, Int?)] {
      XCTAssertThrowsError(try ContextExtension(of: hybrid(), context: context, yarn: yarn, originalContext: original))
      {
        XCTAssertEqual(($0 as? UpcycleError)?.exitCode, 2)
      }
    }
  }
}
