import Autograd
import TensorCore
import TestKit
import XCTest

/// linear: several weights, neighbouring in one buffer or not, biases, slices of the input.
final class LinearGradientTests: XCTestCase {
  private func weight(_ name: String, _ out: Int, _ width: Int) -> Parameter {
    Parameter(name, randomTensor([out, width], name, scale: 0.5))
  }

  private func bias(_ name: String, _ out: Int) -> Parameter { Parameter(name, randomTensor([out], name)) }

  func testLinearMatchesDifferences() {
    let w = weight("w", 5, 7)
    GradientCheck("linear").run([randomTensor([2, 3, 7])], parameters: [w]) { $0.linear($1[0], w) }
  }

  /// Enough work that rows, columns and the weight's gradient are split over the threads.
  func testSplitOverThreadsMatchesDifferences() {
    for (rows, out, width) in [(150, 70, 60), (20, 300, 90)] {
      let w = weight("w", out, width)
      GradientCheck("linear \(rows) x \(out)", directions: 2).run([randomTensor([rows, width])], parameters: [w]) {
        $0.linear($1[0], w)
      }
    }
  }

  func testSeveralWeightsApartMatchDifferences() {
    let weights = [weight("a", 4, 6), weight("b", 3, 6), weight("c", 5, 6)]
    GradientCheck("linear, three weights").run([randomTensor([5, 6])], parameters: weights) {
      $0.linear($1[0], weights)
    }
  }

  /// Every weight reads columns of its own.
  func testBlocksMatchDifferences() {
    let weights = [weight("a", 4, 2), weight("b", 1, 3), weight("c", 5, 1)]
    let x = randomTensor([2, 3, 8])
    GradientCheck("blockLinear").run([x], parameters: weights) { $0.blockLinear($1[0], weights, from: 2) }
    let tape = Tape(recording: false)
    let y = tape.blockLinear(tape.constant(x), weights, from: 2).value.toArray()
    let second = tape.linear(tape.constant(x), weights[1], columns: 4..<7).value.toArray()
    assertClose(stride(from: 4, to: 60, by: 10).map { y[$0] }, second, "a block alone", tolerance: 1e-6)
  }

  func testNeighbouringWeightsWithBiasesMatchDifferences() {
    let weights = [weight("a", 4, 6), weight("b", 3, 6), weight("c", 5, 6)]
    let biases = [bias("a bias", 4), bias("b bias", 3), bias("c bias", 5)]
    let x = randomTensor([5, 6])
    func product() -> [Float] {
      let tape = Tape(recording: false)
      return tape.linear(tape.constant(x), weights, biases: biases).value.toArray()
    }
    let apart = product()
    let set = ParameterSet(weights + biases)
    assertClose(product(), apart, "one product for three weights", tolerance: 1e-6)
    GradientCheck("linear, neighbours").runLoss([x], set: set) {
      .init(projecting: $0.linear($1[0], weights, biases: biases))
    }
  }

  /// Neighbours of which one is frozen must not be joined: the frozen one's gradient stays out.
  func testAFrozenNeighbourIsNotJoined() {
    let weights = [weight("a", 4, 6), weight("b", 3, 6), weight("c", 5, 6)]
    weights[1].isTrainable = false
    let set = ParameterSet(weights)
    GradientCheck("linear, middle one frozen").runLoss([randomTensor([5, 6])], set: set) {
      .init(projecting: $0.linear($1[0], weights))
    }
    XCTAssertNil(weights[1].gradient)
    XCTAssertEqual(set.gradients!.toArray()[set.range(of: 1)].map { abs($0) }.max(), 0)
  }

  /// Weights in another order than in memory are not neighbours.
  func testWeightsInAnotherOrderAreNotJoined() {
    let weights = [weight("a", 4, 6), weight("b", 3, 6)]
    let set = ParameterSet(weights)
    GradientCheck("linear, backwards in memory").runLoss([randomTensor([5, 6])], set: set) {
      .init(projecting: $0.linear($1[0], [weights[1], weights[0]]))
    }
  }

  func testLinearOnAColumnSliceMatchesDifferences() {
    let w = weight("w", 5, 4)
    GradientCheck("linear on columns").run([randomTensor([6, 9])], parameters: [w]) {
      $0.linear($1[0], w, columns: 3..<7)
    }
  }

  /// Two slices of one input, as latent attention reads its joint down-projection.
  func testTwoSlicesOfOneInputMatchDifferences() {
    let a = weight("a", 5, 4)
    let b = weight("b", 5, 3)
    GradientCheck("linear on two slices").run([randomTensor([6, 9])], parameters: [a, b]) {
      $0.multiply($0.linear($1[0], a, columns: 0..<4), $0.linear($1[0], b, columns: 5..<8))
    }
  }
}
