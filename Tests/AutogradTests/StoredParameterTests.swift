import Autograd
import TensorCore
import TestKit
import XCTest

/// Parameters whose numbers stay in 16 bits: inference over them is inference over their float32 values.
final class StoredParameterTests: XCTestCase {
  private final class Memory {
    let bits: UnsafeMutablePointer<UInt16>
    init(_ values: [UInt16]) {
      bits = .allocate(capacity: values.count)
      bits.initialize(from: values, count: values.count)
    }
    deinit { bits.deallocate() }
  }

  /// bfloat16 numbers, and the same in float32.
  private func parameters(_ shape: [Int], _ name: String) -> (stored: Parameter, plain: Parameter) {
    let values = randomFloats(shape.reduce(1, *), name).map { Float(bitPattern: $0.bitPattern & 0xffff_0000) }
    let memory = Memory(values.map { UInt16($0.bitPattern >> 16) })
    let matrix = WeightMatrix(
      .bfloat16, at: memory.bits, outputs: shape.dropLast().reduce(1, *), inputs: shape.last!, owner: memory)
    return (Parameter(name, stored: matrix, shape: shape), Parameter(name, Tensor(shape, values: values)))
  }

  func testLinearOfFewRowsHasTheSameBits() {
    let (q, k) = (parameters([48, 40], "q"), parameters([16, 40], "k"))
    let bias = [Parameter("qb", randomTensor([48], "qb")), Parameter("kb", randomTensor([16], "kb"))]
    for rows in [1, 3, 24] {
      let tape = Tape(recording: false)
      let x = tape.constant(randomTensor([rows, 44], "x"))
      let found = tape.linear(x, [q.stored, k.stored], biases: bias, columns: 3..<43).value
      let expected = tape.linear(x, [q.plain, k.plain], biases: bias, columns: 3..<43).value
      XCTAssertEqual(found.toArray(), expected.toArray(), "\(rows) rows")
      XCTAssertEqual(
        q.stored.product(tape.columns(x, 0..<40).value).toArray(),
        q.plain.product(tape.columns(x, 0..<40).value).toArray())
    }
    let tape = Tape(recording: false)
    let x = tape.constant(randomTensor([100, 40], "x"))
    assertClose(
      tape.linear(x, [q.stored, k.plain]).value.toArray(), tape.linear(x, [q.plain, k.plain]).value.toArray(),
      "100 rows", tolerance: 1e-6)
  }

  func testEmbeddingAndLossesReadStoredRows() {
    let table = parameters([30, 12], "table")
    let (tape, ids) = (Tape(recording: false), [Int32(3), 29, 0, 3])
    XCTAssertEqual(
      tape.embedding(table.stored, ids: ids, leading: [2, 2]).value.toArray(),
      tape.embedding(table.plain, ids: ids, leading: [2, 2]).value.toArray())
    let hidden = tape.constant(randomTensor([4, 12], "hidden"))
    let found = tape.headLoss(hidden, head: table.stored, targets: ids, scale: 1).sums
    let expected = tape.headLoss(hidden, head: table.plain, targets: ids, scale: 1).sums
    XCTAssertEqual(found.crossEntropy, expected.crossEntropy, accuracy: 1e-5)
    assertClose(
      tape.targetLogProbabilities(hidden, head: table.stored, targets: ids).value.toArray(),
      tape.targetLogProbabilities(hidden, head: table.plain, targets: ids).value.toArray(), "scores", tolerance: 1e-5)
  }

  /// The gradient of the input passes through; the weight gets none.
  func testGradientsPassThroughStoredWeights() {
    let weight = parameters([5, 6], "w")
    func gradient(_ weight: Parameter) -> [Float] {
      let tape = Tape(recording: true)
      let x = tape.input(randomTensor([3, 6], "x"))
      tape.backward(from: tape.linear(x, weight), seed: randomTensor([3, 5], "seed"))
      return tape.gradient(of: x)!.toArray()
    }
    weight.plain.isTrainable = false
    XCTAssertEqual(gradient(weight.stored), gradient(weight.plain))
    XCTAssertNil(weight.stored.gradient)
  }

  func testASetLeavesStoredMatricesWhereTheyAre() {
    let weight = parameters([4, 6], "w")
    let set = ParameterSet([
      Parameter("a", Tensor([2], values: [1, 2])), weight.stored, Parameter("b", Tensor([1], values: [3])),
    ])
    XCTAssertEqual(set.count, 27)
    XCTAssertEqual(set.values.toArray(), [1, 2, 3])
    XCTAssertEqual(set.storedBytes, 24 * 2)
    XCTAssertEqual(set.range(of: 2), 2..<3)
    XCTAssertEqual(weight.stored.value.toArray(), weight.plain.value.toArray())
    XCTAssertEqual(weight.stored.value.shape, [4, 6])
  }
}
