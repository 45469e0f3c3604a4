import Autograd
import Foundation
import TensorCore
import TestKit
import XCTest

/// The head fused with cross-entropy and KL: values against float64, gradients against differences.
final class HeadLossTests: XCTestCase {
  private struct Problem {
    let hidden: Tensor
    let head: Parameter
    let targets: [Int32]
    let teacher: TeacherHead

    /// Every fourth row is ignored. The teacher is narrower than the student.
    init(rows: Int, width: Int = 6, vocabulary: Int = 13) {
      hidden = randomTensor([rows, width], "hidden")
      head = Parameter("head", randomTensor([vocabulary, width], "head", scale: 0.7))
      targets = randomIds(rows, vocabulary: vocabulary).enumerated().map { $0.offset % 4 == 2 ? -1 : $0.element }
      teacher = TeacherHead(
        hidden: randomTensor([rows, 4], "teacher"), weight: randomTensor([vocabulary, 4], "teacher head"))
    }

    var counted: Int { targets.filter { $0 >= 0 }.count }

    /// Log-probabilities of a row in float64.
    static func logProbabilities(_ hidden: Tensor, _ weight: Tensor, _ row: Int) -> [Double] {
      let width = hidden.width
      let logits = (0..<weight.shape[0]).map { j in
        (0..<width).reduce(0.0) {
          $0 + Double(hidden.pointer[row * width + $1]) * Double(weight.pointer[j * width + $1])
        }
      }
      let sum = log(logits.reduce(0) { $0 + exp($1) })
      return logits.map { $0 - sum }
    }
  }

  private let weights: [(name: String, ce: Float, kl: Float)] = [("CE", 1, 0), ("KL", 0, 1), ("CE and KL", 0.3, 1.4)]

  func testLossesAreTheirDefinitions() {
    let problem = Problem(rows: 9)
    var crossEntropy = 0.0
    var divergence = 0.0
    for (row, target) in problem.targets.enumerated() where target >= 0 {
      let p = Problem.logProbabilities(problem.hidden, problem.head.value, row)
      let q = Problem.logProbabilities(problem.teacher.hidden, problem.teacher.weight, row)
      crossEntropy -= p[Int(target)]
      divergence += zip(q, p).reduce(0) { $0 + exp($1.0) * ($1.0 - $1.1) }
    }
    let tape = Tape(recording: false)
    let (loss, sums) = tape.headLoss(
      tape.constant(problem.hidden), head: problem.head, targets: problem.targets, teacher: problem.teacher,
      ceWeight: 0.3, klWeight: 1.4, scale: 0.25)
    XCTAssertEqual(sums.tokens, problem.counted)
    XCTAssertEqual(sums.crossEntropy, crossEntropy, accuracy: 1e-5)
    XCTAssertEqual(sums.divergence, divergence, accuracy: 1e-5)
    XCTAssertEqual(Double(loss.value.toArray()[0]), 0.25 * (0.3 * crossEntropy + 1.4 * divergence), accuracy: 1e-5)
  }

  /// Few rows, and enough for several chunks on every thread.
  func testHeadLossMatchesDifferences() {
    for rows in [9, 700] {
      let problem = Problem(rows: rows)
      for (name, ce, kl) in weights {
        GradientCheck("headLoss \(name), \(rows) rows", directions: 3).runLoss(
          [problem.hidden], parameters: [problem.head]
        ) { tape, leaves in
          let (loss, sums) = tape.headLoss(
            leaves[0], head: problem.head, targets: problem.targets, teacher: kl > 0 ? problem.teacher : nil,
            ceWeight: ce, klWeight: kl, scale: 0.1)
          let value = 0.1 * (Double(ce) * sums.crossEntropy + Double(kl) * sums.divergence)
          return .init(scalar: tape.scale(loss, 3), value: 3 * value)
        }
      }
    }
  }

  /// The head's gradient when the hidden states need none, and the reverse.
  func testEitherOperandMayBeConstant() {
    let problem = Problem(rows: 9)
    func loss(_ tape: Tape, _ hidden: Variable) -> GradientCheck.Loss {
      let (loss, sums) = tape.headLoss(hidden, head: problem.head, targets: problem.targets, scale: 1)
      return .init(scalar: loss, value: sums.crossEntropy)
    }
    GradientCheck("headLoss, head only").runLoss(parameters: [problem.head]) { tape, _ in
      loss(tape, tape.constant(problem.hidden))
    }
    problem.head.gradient = nil
    problem.head.isTrainable = false
    GradientCheck("headLoss, hidden only").runLoss([problem.hidden]) { loss($0, $1[0]) }
    XCTAssertNil(problem.head.gradient)
  }

  func testIgnoredRowsGetNoGradient() {
    let problem = Problem(rows: 9)
    let tape = Tape(recording: true)
    let hidden = tape.input(problem.hidden)
    let (loss, _) = tape.headLoss(
      hidden, head: problem.head, targets: problem.targets, teacher: problem.teacher, klWeight: 1, scale: 1)
    tape.backward(from: loss)
    for (row, target) in problem.targets.enumerated() {
      let gradient = tape.gradient(of: hidden)!.rows(row..<row + 1).maxMagnitude
      if target < 0 { XCTAssertEqual(gradient, 0) } else { XCTAssertGreaterThan(gradient, 0) }
    }
  }

  /// A student equal to its teacher has no divergence and no slope.
  func testATeacherOfItselfTeachesNothing() {
    let problem = Problem(rows: 9)
    let tape = Tape(recording: true)
    let hidden = tape.input(problem.hidden)
    let (loss, sums) = tape.headLoss(
      hidden, head: problem.head, targets: problem.targets,
      teacher: TeacherHead(hidden: problem.hidden, weight: problem.head.value), ceWeight: 0, klWeight: 1, scale: 1)
    tape.backward(from: loss)
    XCTAssertEqual(sums.divergence, 0, accuracy: 1e-5)
    XCTAssertLessThan(tape.gradient(of: hidden)!.maxMagnitude, 1e-5)
  }

  func testWithoutTargetsTheLossIsZero() {
    let problem = Problem(rows: 3)
    let tape = Tape(recording: true)
    let hidden = tape.input(problem.hidden)
    let (loss, sums) = tape.headLoss(hidden, head: problem.head, targets: [-1, -1, -1], scale: 1)
    tape.backward(from: loss)
    XCTAssertEqual(sums.tokens, 0)
    XCTAssertEqual(loss.value.toArray(), [0])
    XCTAssertEqual(tape.gradient(of: hidden)!.maxMagnitude, 0)
  }
}
