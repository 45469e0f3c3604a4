import Groundwork
import Upcycling
import XCTest

@testable import Recipes

/// Runs on disk are told apart by what is said of a replacement: another spelling would refuse to go on with them.
final class MixerReplacementTests: XCTestCase {
  func testNamesAreThoseOfTheCommands() {
    let replacements: [any MixerReplacement] = [
      LatentConversion(kvRank: 4, nopeHeadDim: 4, ropeHeadDim: 4), MambaConversion(), DeltaConversion(),
      JetConversion(), LightningConversion(),
    ]
    XCTAssertEqual(replacements.map { $0.name }, ["mla", "mamba2", "gdn", "jet", "lightning"])
  }

  func testIdentitiesAreSpelledAsInRunsOnDisk() throws {
    let delta = DeltaConversion(seed: 3)
    XCTAssertEqual(try delta.identity, "{\"gatedDeltaNet\":{\"_0\":\(try jsonText(delta))}}")
    let mamba = MambaConversion(start: .random)
    XCTAssertEqual(try mamba.identity, #"{"mamba2":{"_0":{"layers":"all","seed":0,"start":"random"}}}"#)
    let latent = LatentConversion(kvRank: 4, nopeHeadDim: 4, ropeHeadDim: 4)
    XCTAssertEqual(try latent.identity, "{\"latentAttention\":{\"_0\":\(try jsonText(latent))}}")
  }

  func testASeedReplacesASeed() {
    XCTAssertEqual(MambaConversion(seed: 1).seeded(7), MambaConversion(seed: 7))
  }
}
