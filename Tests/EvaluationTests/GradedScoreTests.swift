import Foundation
import Worlds
import XCTest

@testable import Evaluation

/// The probability of the right choice, by hand.
final class GradedScoreTests: XCTestCase {
  private func item(
    _ logLikelihoods: [Double], answer: Int? = 0, characters: [Int]? = [4, 4], bytes: [Int]? = [4, 4],
    metric: TaskItem.Metric = .accuracy
  ) -> ItemResult {
    ItemResult(
      task: "goals", id: "a", logLikelihoods: logLikelihoods, endingBytes: bytes, endingCharacters: characters,
      answer: answer, isCorrect: true, isCorrectNormalised: true, metric: metric, chance: 0.5)
  }

  func testItIsTheProbabilityOfTheRightChoice() throws {
    // 1 to 3, and at half the temperature 1 to 9.
    let scores: [Double] = [-1, log(3) - 1]
    XCTAssertEqual(try XCTUnwrap(item(scores).gradedScore()), 0.25, accuracy: 1e-12)
    XCTAssertEqual(try XCTUnwrap(item(scores, answer: 1).gradedScore()), 0.75, accuracy: 1e-12)
    XCTAssertEqual(try XCTUnwrap(item(scores).gradedScore(temperature: 0.5)), 0.1, accuracy: 1e-12)
    XCTAssertEqual(item([-1e4, -1e4]).gradedScore(), 0.5)
    XCTAssertNil(item(scores, answer: nil).gradedScore())
    XCTAssertEqual(try XCTUnwrap(item([-8 * log(2), -1], bytes: [4, 1]).bitsPerByte), 2, accuracy: 1e-12)
  }

  /// By characters where the metric divides, by bytes in reports of before.
  func testScoresAreDividedWhereTheMetricDivides() throws {
    let scores: [Double] = [-2, 3 * (log(3) - 1)]
    func graded(_ metric: TaskItem.Metric, characters: [Int]? = [2, 3], bytes: [Int]? = [2, 6]) -> Double? {
      item(scores, characters: characters, bytes: bytes, metric: metric).gradedScore()
    }
    XCTAssertEqual(try XCTUnwrap(graded(.normalisedAccuracy)), 0.25, accuracy: 1e-12)
    XCTAssertEqual(
      try XCTUnwrap(graded(.normalisedAccuracy, characters: nil, bytes: [2, 3])), 0.25, accuracy: 1e-12)
    XCTAssertEqual(try XCTUnwrap(graded(.accuracy)), 1 / (1 + 27 / exp(1)), accuracy: 1e-12)
    XCTAssertNil(graded(.accuracy, characters: nil, bytes: nil))
  }

  /// Sure of itself to 2 nats and right three times in four: log 3 nats are what it knows.
  func testTheTemperatureMakesTheRightChoicesMostLikely() throws {
    let items = [0, 0, 1, 0].map { item([-1, -3], answer: $0) }
    let graded = try XCTUnwrap(GradedScore(items))
    XCTAssertEqual(graded.temperature, 2 / log(3), accuracy: 1e-9)
    XCTAssertEqual(graded.calibrated.value, (3 * 0.75 + 0.25) / 4, accuracy: 1e-9)
    let sure = 1 / (1 + exp(-2.0))
    XCTAssertEqual(graded.score.value, (3 * sure + 1 - sure) / 4, accuracy: 1e-12)
    XCTAssertEqual(graded.bitsPerByte.value, (3 + 3) / (16 * log(2)), accuracy: 1e-12)
    XCTAssertNil(GradedScore(items + [item([], answer: nil)]))

    var other = graded
    other.temperature *= 4
    XCTAssertEqual(
      try XCTUnwrap(GradedScore(meanOf: [graded, other])).temperature, 2 * graded.temperature, accuracy: 1e-9)
    XCTAssertNil(GradedScore(meanOf: []))
  }
}
