import Autograd
import TensorCore
import TestKit
import XCTest

/// Embedding, norms, gates and plain arithmetic. The larger sizes are split over the threads.
final class ElementwiseGradientTests: XCTestCase {
  func testSigmoidGateMatchesDifferences() {
    GradientCheck("sigmoid gate").run([randomTensor([3, 7], "x"), randomTensor([3, 7], "gate")]) {
      $0.sigmoidGate($1[0], $1[1])
    }
  }

  func testNormAboutOneMatchesDifferences() {
    let weight = Parameter("w", randomTensor([6], "w"))
    GradientCheck("norm about one").run([randomTensor([4, 12])], parameters: [weight]) {
      $0.rmsNorm($1[0], weight, eps: 1e-6, offset: 1)
    }
  }

  func testColumnsInAnotherOrderMatchDifferences() {
    GradientCheck("columns").run([randomTensor([3, 9])]) { $0.columns($1[0], [5..<8, 0..<2, 6..<9]) }
  }

  func testRepeatedIdsAddUpInTheEmbedding() {
    let table = Parameter("table", randomTensor([7, 40]))
    GradientCheck("embedding").run([], parameters: [table]) { tape, _ in
      tape.embedding(table, ids: [3, 0, 3, 6, 3, 1], leading: [2, 3])
    }
    XCTAssertEqual(table.gradient!.rows(2..<3).maxMagnitude, 0, "an id that does not occur gets no gradient")
  }

  func testNormMatchesDifferences() {
    for (rows, width) in [(3, 5), (90, 100)] {
      let w = Parameter("w", randomTensor([width], "w"))
      GradientCheck("rmsNorm [\(rows), \(width)]").run([randomTensor([rows, width])], parameters: [w]) {
        $0.rmsNorm($1[0], w, eps: 1e-5)
      }
    }
  }

  /// A large epsilon enters the derivative too.
  func testNormWithALargeEpsilonMatchesDifferences() {
    let w = Parameter("w", randomTensor([6], "w"))
    GradientCheck("rmsNorm, eps 0.5").run([randomTensor([4, 6], scale: 0.5)], parameters: [w]) {
      $0.rmsNorm($1[0], w, eps: 0.5)
    }
  }

  func testNormOfEachHeadMatchesDifferences() {
    let w = Parameter("w", randomTensor([4], "w"))
    GradientCheck("rmsNorm per head").run([randomTensor([2, 3, 12])], parameters: [w]) {
      $0.rmsNorm($1[0], w, eps: 1e-5)
    }
  }

  /// The weight's gradient alone, when the input needs none.
  func testNormOfAConstantStillTeachesItsWeight() {
    let w = Parameter("w", randomTensor([6], "w"))
    let x = randomTensor([4, 6])
    GradientCheck("rmsNorm of a constant").run([], parameters: [w]) { tape, _ in
      tape.rmsNorm(tape.constant(x), w, eps: 1e-5)
    }
  }

  func testLayerNormMatchesDifferencesAndItsEquation() {
    for (rows, width) in [(3, 7), (300, 40)] {
      let w = Parameter("w", randomTensor([width], "w"))
      let b = Parameter("b", randomTensor([width], "b"))
      let x = randomTensor([rows, width], scale: 2)
      GradientCheck("layerNorm [\(rows), \(width)]").run([x], parameters: [w, b]) {
        $0.layerNorm($1[0], w, b, eps: 1e-5)
      }
      let tape = Tape(recording: false)
      let y = tape.layerNorm(tape.constant(x), w, b, eps: 1e-5).value.toArray()
      let expected = (0..<rows).flatMap { row -> [Float] in
        let values = (0..<width).map { Double(x.pointer[row * width + $0]) }
        let mean = values.reduce(0, +) / Double(width)
        let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(width)
        return values.indices.map { index in
          let normed = (values[index] - mean) / (variance + 1e-5).squareRoot()
          return Float(normed * Double(w.value.pointer[index]) + Double(b.value.pointer[index]))
        }
      }
      assertClose(y, expected, "layerNorm", tolerance: 1e-6)
    }
  }

  func testSwiGLUMatchesDifferences() {
    for (rows, width) in [(3, 7), (40, 500)] {
      GradientCheck("swiGLU [\(rows), \(width)]").run([randomTensor([rows, 2 * width], scale: 2)]) {
        $0.swiGLU($1[0])
      }
    }
  }

  func testArithmeticMatchesDifferences() {
    let a = randomTensor([3, 5], "a")
    let b = randomTensor([3, 5], "b")
    GradientCheck("add").run([a, b]) { $0.add($1[0], $1[1]) }
    GradientCheck("multiply").run([a, b]) { $0.multiply($1[0], $1[1]) }
    GradientCheck("scale").run([a]) { $0.scale($1[0], -1.7) }
    GradientCheck("silu").run([randomTensor([3, 5], scale: 3)]) { $0.silu($1[0]) }
    GradientCheck("gelu").run([randomTensor([3, 5], scale: 3)]) { $0.gelu($1[0]) }
    GradientCheck("dot").run([a]) { $0.dot($1[0], b) }
    let large = randomTensor([300, 120])
    GradientCheck("add, large", directions: 1).run([large, randomTensor([300, 120], "b")]) { $0.add($1[0], $1[1]) }
    GradientCheck("silu, large", directions: 1).run([large]) { $0.silu($1[0]) }
  }

  func testConstantsGetNoGradient() {
    let constant = randomTensor([3, 5], "constant")
    let operations: [(String, (Tape, Variable, Variable) -> Variable)] = [
      ("add", { $0.add($1, $2) }), ("multiply", { $0.multiply($1, $2) }),
    ]
    for (name, operation) in operations {
      GradientCheck("\(name) with a constant").run([randomTensor([3, 5])]) {
        operation($0, $1[0], $0.constant(constant))
      }
    }
  }

  func testSlicingMatchesDifferences() {
    let x = randomTensor([2, 3, 8], "x")
    GradientCheck("columns").run([x]) { $0.columns($1[0], 2..<5) }
    GradientCheck("overlapping columns").run([x]) {
      $0.multiply($0.columns($1[0], 0..<5), $0.columns($1[0], 3..<8))
    }
    GradientCheck("several ranges").run([x]) { $0.columns($1[0], [5..<8, 0..<2, 4..<6]) }
  }

  func testSlicesHoldTheirColumnsInOrder() {
    let tape = Tape(recording: false)
    let x = tape.constant(Tensor([2, 3], values: [1, 2, 3, 4, 5, 6]))
    XCTAssertEqual(tape.columns(x, 1..<3).value.toArray(), [2, 3, 5, 6])
    XCTAssertEqual(tape.columns(x, [2..<3, 0..<3]).value.toArray(), [3, 1, 2, 3, 6, 4, 5, 6])
  }
}
