import Autograd
import Foundation
import TensorCore
import TestKit
import XCTest

/// Log-probabilities of given tokens and the DPO loss on them: values against float64, gradients against
/// finite differences.
final class PreferenceLossTests: XCTestCase {
  /// Hidden states of `pairs` pairs [2 pairs, time, width]; two rows of three belong to a reply.
  private struct Problem {
    let hidden: Tensor
    let head: Parameter
    let targets: [Int32]
    let reference: [Double]

    init(pairs: Int = 2, time: Int = 5, width: Int = 6, vocabulary: Int = 13) {
      hidden = randomTensor([2 * pairs, time, width], "hidden")
      head = Parameter("head", randomTensor([vocabulary, width], "head", scale: 0.7))
      targets = randomIds(2 * pairs * time, vocabulary: vocabulary).enumerated().map {
        $0.offset % 3 == 1 ? -1 : $0.element
      }
      reference = randomFloats(2 * pairs, "reference").map { Double($0) - 8 }
    }

    /// Of one row, in float64; 0 without a target.
    func logProbability(_ row: Int) -> Double {
      if targets[row] < 0 { return 0 }
      let width = hidden.width
      let x = hidden.toArray()[row * width..<(row + 1) * width].map(Double.init)
      let weights = head.value.toArray().map(Double.init)
      let logits: [Double] = (0..<head.shape[0]).map { j in
        zip(x, weights[j * width..<(j + 1) * width]).reduce(0.0) { $0 + $1.0 * $1.1 }
      }
      return logits[Int(targets[row])] - log(logits.reduce(0) { $0 + exp($1) })
    }

    func loss(_ tape: Tape, _ hidden: Variable, beta: Double = 0.7, scale: Double = 0.5) -> (
      loss: Variable, sums: PreferenceSums
    ) {
      let scores = tape.targetLogProbabilities(hidden, head: head, targets: targets)
      return tape.preferenceLoss(scores, reference: reference, beta: beta, scale: scale)
    }
  }

  // MARK: Log-probabilities

  func testTargetLogProbabilitiesAreTheirDefinition() {
    let problem = Problem()
    let tape = Tape(recording: false)
    let found = tape.targetLogProbabilities(tape.constant(problem.hidden), head: problem.head, targets: problem.targets)
    XCTAssertEqual(found.shape, [4, 5])
    for (row, value) in found.value.toArray().enumerated() {
      XCTAssertEqual(Double(value), problem.logProbability(row), accuracy: 1e-5, "row \(row)")
    }
  }

  /// Few rows, and enough for several chunks on every thread.
  func testTargetLogProbabilitiesMatchDifferences() {
    for time in [5, 200] {
      let problem = Problem(time: time)
      GradientCheck("targetLogProbabilities, T \(time)", directions: 3).run(
        [problem.hidden], parameters: [problem.head]
      ) { $0.targetLogProbabilities($1[0], head: problem.head, targets: problem.targets) }
    }
  }

  func testEitherOperandMayBeConstant() {
    let problem = Problem()
    GradientCheck("targetLogProbabilities, head only").run([], parameters: [problem.head]) { tape, _ in
      tape.targetLogProbabilities(tape.constant(problem.hidden), head: problem.head, targets: problem.targets)
    }
    problem.head.gradient = nil
    problem.head.isTrainable = false
    GradientCheck("targetLogProbabilities, hidden only").run([problem.hidden]) {
      $0.targetLogProbabilities($1[0], head: problem.head, targets: problem.targets)
    }
    XCTAssertNil(problem.head.gradient)
  }

  /// A tape that records gives the bits of one that does not.
  func testRecordingChangesNothing() {
    let problem = Problem(time: 200)
    let values = [true, false].map { recording -> [Float] in
      let tape = Tape(recording: recording)
      return tape.targetLogProbabilities(tape.input(problem.hidden), head: problem.head, targets: problem.targets)
        .value.toArray()
    }
    XCTAssertEqual(values[0], values[1])
  }

  /// Rows without a target: no value, no gradient.
  func testMaskedRowsGetNoGradient() {
    let problem = Problem()
    let tape = Tape(recording: true)
    let hidden = tape.input(problem.hidden)
    tape.backward(from: problem.loss(tape, hidden).loss)
    let gradient = tape.gradient(of: hidden)!.reshaped([20, 6])
    for (row, target) in problem.targets.enumerated() {
      let largest = gradient.rows(row..<row + 1).maxMagnitude
      if target < 0 { XCTAssertEqual(largest, 0) } else { XCTAssertGreaterThan(largest, 0) }
    }
    let none = tape.targetLogProbabilities(
      hidden, head: problem.head, targets: [Int32](repeating: -1, count: problem.targets.count))
    XCTAssertEqual(none.value.toArray(), [Float](repeating: 0, count: 20))
  }

  // MARK: The loss

  func testPreferenceLossIsItsDefinition() {
    let problem = Problem(pairs: 3)
    let sequences: [Double] = (0..<6).map { s in
      (5 * s..<5 * s + 5).reduce(0.0) { $0 + problem.logProbability($1) }
    }
    let tape = Tape(recording: false)
    let (loss, sums) = problem.loss(tape, tape.constant(problem.hidden))
    let gains = zip(sequences, problem.reference).map { $0 - $1 }
    let margins: [Double] = [0, 2, 4].map { 0.7 * (gains[$0] - gains[$0 + 1]) }
    let losses: [Double] = margins.map { log(1 + exp(-$0)) }
    XCTAssertEqual(sums.pairs, 3)
    XCTAssertEqual(sums.loss, losses.reduce(0, +), accuracy: 1e-4)
    XCTAssertEqual(sums.margin, margins.reduce(0, +), accuracy: 1e-4)
    XCTAssertEqual(sums.correct, margins.filter { $0 > 0 }.count)
    let chosen: Double = sequences[0] + sequences[2] + sequences[4]
    let rejected: Double = sequences[1] + sequences[3] + sequences[5]
    XCTAssertEqual(sums.chosen, chosen, accuracy: 1e-4)
    XCTAssertEqual(sums.rejected, rejected, accuracy: 1e-4)
    XCTAssertEqual(Double(loss.value.toArray()[0]), 0.5 * losses.reduce(0, +), accuracy: 1e-4)
  }

  /// Small and large beta: near the start and where the sigmoid saturates on some pairs.
  func testPreferenceLossMatchesDifferences() {
    for beta in [0.05, 0.7, 3] {
      let problem = Problem(pairs: 3)
      GradientCheck("preferenceLoss, beta \(beta)", directions: 3).runLoss(
        [problem.hidden], parameters: [problem.head]
      ) { tape, leaves in
        let (loss, sums) = problem.loss(tape, leaves[0], beta: beta)
        return .init(scalar: tape.scale(loss, 3), value: 3 * 0.5 * sums.loss)
      }
    }
  }

  /// A policy that is its reference: ln 2 to the last bit, whatever beta.
  func testTheReferenceItselfLosesLogarithmOfTwo() {
    let scores = randomTensor([4, 7], "scores")
    for beta in [0.01, 0.1, 5] {
      let tape = Tape(recording: false)
      let (_, sums) = tape.preferenceLoss(
        tape.constant(scores), reference: sequenceSums(scores), beta: beta, scale: 0.5)
      XCTAssertEqual(sums.loss, 2 * log(2))
      XCTAssertEqual(sums.margin, 0)
      XCTAssertEqual(sums.correct, 0)
    }
  }

  /// Margins far beyond what exp can hold.
  func testExtremeMarginsStayFinite() {
    let tape = Tape(recording: true)
    let scores = tape.input(Tensor([4, 1], values: [5000, -5000, -5000, 5000]))
    let (loss, sums) = tape.preferenceLoss(scores, reference: [0, 0, 0, 0], beta: 1, scale: 1)
    tape.backward(from: loss)
    XCTAssertEqual(sums.loss, 10_000)
    XCTAssertEqual(tape.gradient(of: scores)!.toArray(), [0, 0, -1, 1], "won: nothing to do; lost: full slope")
  }

  func testNonFiniteScoresShowInTheLoss() {
    let tape = Tape(recording: false)
    let scores = tape.constant(Tensor([2, 1], values: [.nan, 0]))
    XCTAssertFalse(tape.preferenceLoss(scores, reference: [0, 0], beta: 1, scale: 1).sums.loss.isFinite)
  }
}
