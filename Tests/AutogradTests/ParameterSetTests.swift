import Autograd
import TensorCore
import TestKit
import XCTest

/// Parameters and gradients of a model in one buffer each.
final class ParameterSetTests: XCTestCase {
  private let shapes = [[3, 4], [5], [2, 2]]

  private func parameters() -> [Parameter] {
    shapes.enumerated().map { Parameter("p\($0.offset)", randomTensor($0.element, "p\($0.offset)")) }
  }

  func testParametersLieInOneBufferInOrder() {
    let parameters = parameters()
    let before = parameters.map { $0.value.toArray() }
    let set = ParameterSet(parameters)
    XCTAssertEqual(set.count, 21)
    XCTAssertEqual((0..<3).map(set.range), [0..<12, 12..<17, 17..<21])
    XCTAssertEqual(set.values.toArray(), before.flatMap { $0 })
    XCTAssertEqual(parameters.map(\.shape), shapes)
    XCTAssertEqual(parameters.map(\.decays), [true, false, true], "matrices decay, vectors do not")
    set.values.pointer[12] = 42
    XCTAssertEqual(parameters[1].value.toArray()[0], 42, "the parameter is a window on the buffer")
    XCTAssert(set["p2"] === parameters[2])
    XCTAssertNil(set["p3"])
  }

  /// Parameters that fill one buffer in order stay; a gap or another order moves them.
  func testSeveralParametersOfOneBufferAreOneSet() {
    let storage = Storage(count: 10)
    func window(_ name: String, _ offset: Int, _ shape: [Int]) -> Parameter {
      Parameter(name, Tensor(storage, offset: offset, shape: shape))
    }
    for i in 0..<10 { storage.base[i] = Float(i) }
    let kept = ParameterSet([window("a", 0, [2, 2]), window("b", 4, [5])])
    XCTAssert(kept.values.storage === storage)
    XCTAssertEqual(kept.values.toArray(), (0..<9).map(Float.init))
    for parameters in [[window("a", 0, [4]), window("b", 5, [5])], [window("b", 4, [5]), window("a", 0, [4])]] {
      let before = parameters.flatMap { $0.value.toArray() }
      let moved = ParameterSet(parameters)
      XCTAssertFalse(moved.values.storage === storage)
      XCTAssertEqual(moved.values.toArray(), before)
      XCTAssertEqual(parameters.flatMap { $0.value.toArray() }, before)
    }
  }

  func testGradientsLieBesideTheirParameters() {
    let set = ParameterSet(parameters())
    XCTAssertNil(set.gradients)
    set.zeroGradients()
    set.parameters[1].gradientBuffer().fill(2)
    XCTAssertEqual(set.gradients!.toArray(), [Float](repeating: 0, count: 12) + [2, 2, 2, 2, 2, 0, 0, 0, 0])
    set.zeroGradients()
    XCTAssertEqual(set.gradients!.maxMagnitude, 0)
    set.dropGradients()
    XCTAssertNil(set.gradients)
    XCTAssertNil(set.parameters[1].gradient)
  }

  /// What is frozen or thawed between two steps learns, or not, from the next step on.
  func testFreezingBetweenStepsCountsFromTheNext() {
    let set = ParameterSet(parameters())
    set.parameters[0].isTrainable = false
    set.zeroGradients()
    XCTAssertNil(set.parameters[0].gradient)
    set.parameters[0].isTrainable = true
    set.parameters[1].isTrainable = false
    set.zeroGradients()
    set.parameters[0].gradientBuffer().fill(3)
    XCTAssertEqual(Array(set.gradients!.toArray()[0..<12]), [Float](repeating: 3, count: 12))
    XCTAssertNil(set.parameters[1].gradient)
  }
}
