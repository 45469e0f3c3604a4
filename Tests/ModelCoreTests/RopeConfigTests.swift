import Groundwork
import ModelCore
import TestKit
import XCTest

/// The frequencies that a rope of a configuration turns by.
final class RopeConfigTests: XCTestCase {
  func testRopeFollowsTheReferenceVectors() throws {
    let vectors = try JSONValue(contentsOf: sharedFolder("vectors/yarn.json")).object ?? [:]
    XCTAssertFalse(vectors.isEmpty)
    for (name, vector) in vectors {
      let rope = RopeConfig(
        theta: try XCTUnwrap(vector["base"]?.double),
        scaling: .yarn(
          .init(
            factor: try XCTUnwrap(vector["factor"]?.double), originalMaxPosition: try XCTUnwrap(vector["orig"]?.int))))
      let expected = try XCTUnwrap(vector["inv_freq"]?.array).compactMap(\.double)
      let frequencies = rope.inverseFrequencies(dim: try XCTUnwrap(vector["dim"]?.int))
      XCTAssertEqual(frequencies.count, expected.count, name)
      for (ours, theirs) in zip(frequencies, expected) {
        XCTAssertEqual(ours, theirs, accuracy: 1e-12 + 1e-9 * theirs, name)
      }
      XCTAssertEqual(rope.magnitude, try XCTUnwrap(vector["cos_sin_scale"]?.double), accuracy: 1e-9, name)
    }
  }

  /// The ramp's ends that X-EcoMLA's settings give (pairs untouched, pairs fully divided).
  func testYarnRampsOfTheOfficialSettings() {
    func ramp(_ dim: Int, _ original: Int) -> [Double] {
      let rule = RopeConfig.Yarn(factor: 32, originalMaxPosition: original)
      let (low, high) = RopeConfig(theta: 500_000, scaling: .yarn(rule)).yarnRamp(width: dim, rule: rule)
      return [low, high]
    }
    XCTAssertEqual(ramp(32, 8192), [4, 9])
    XCTAssertEqual(ramp(32, 4096), [3, 8])
    XCTAssertEqual(ramp(64, 8192), [9, 18])
    XCTAssertEqual(ramp(64, 4096), [7, 16])
  }

  func testAlignedRopeKeepsTheWiderHeadsFrequencies() {
    let whole = RopeConfig(theta: 10_000).inverseFrequencies(dim: 16)
    let kept = RopeConfig(theta: 10_000, frequencyDim: 16).inverseFrequencies(dim: 8)
    XCTAssertEqual(kept, Array(whole.prefix(4)))
  }
}
