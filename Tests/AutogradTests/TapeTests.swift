import Autograd
import TensorCore
import TestKit
import XCTest

/// How gradients meet, stop and are recomputed.
final class TapeTests: XCTestCase {
  // MARK: Values with several uses

  func testAValueUsedTwiceGetsBothGradients() {
    let x = randomTensor([4, 6])
    let w = Parameter("w", randomTensor([6, 6], "w", scale: 0.4))
    let norm = Parameter("norm", randomTensor([6], "norm"))
    GradientCheck("x + x").run([x]) { $0.add($1[0], $1[0]) }
    GradientCheck("x * x").run([x]) { $0.multiply($1[0], $1[0]) }
    GradientCheck("residual around a norm").run([x], parameters: [w, norm]) {
      $0.add($1[0], $0.linear($0.rmsNorm($1[0], norm, eps: 1e-5), w))
    }
    GradientCheck("four uses").run([x], parameters: [w, norm]) { tape, leaves in
      let y = tape.linear(leaves[0], w)
      let uses = [
        tape.silu(y), tape.alias(tape.alias(y)), tape.rmsNorm(y, norm, eps: 1e-5),
        tape.scale(tape.columns(y, [3..<6, 0..<3]), 0.5),
      ]
      return uses.dropFirst().reduce(uses[0]) { tape.add($0, $1) }
    }
    GradientCheck("a weight used twice").run([x], parameters: [w]) {
      $0.linear($0.silu($0.linear($1[0], w)), w)
    }
  }

  /// Gradients of two backward passes add up, as micro-batches need.
  func testTwoBackwardPassesAddUp() {
    let w = Parameter("w", randomTensor([3, 3], "w"))
    func pass() {
      let tape = Tape(recording: true)
      tape.backward(from: tape.dot(tape.linear(tape.constant(randomTensor([2, 3])), w), randomTensor([2, 3], "r")))
    }
    pass()
    let once = w.gradient!.toArray()
    pass()
    assertClose(w.gradient!.toArray(), once.map { 2 * $0 }, "two passes", tolerance: 1e-6)
  }

  /// The seed belongs to the caller: operations that work in place must not touch it.
  func testBackwardLeavesItsSeedAlone() {
    let table = RotaryTable(
      cosine: Tensor([2, 1], values: [1, 0.5]), sine: Tensor([2, 1], values: [0, 0.8]), interleaved: false)
    let tape = Tape(recording: true)
    let y = tape.rotary(
      tape.linear(tape.input(randomTensor([2, 3])), Parameter("w", randomTensor([2, 3], "w"))),
      HeadLayout(stride: 2, heads: 1, width: 2), table, positions: [0, 1])
    let seed = randomTensor([2, 2], "seed")
    let before = seed.toArray()
    tape.backward(from: y, seed: seed)
    XCTAssertEqual(seed.toArray(), before)
  }

  // MARK: Frozen parameters

  func testNothingIsRecordedBelowAFrozenLayer() {
    let frozen = Parameter("frozen", randomTensor([4, 4], "frozen"))
    frozen.isTrainable = false
    let trained = Parameter("trained", randomTensor([4, 4], "trained"))
    let tape = Tape(recording: true)
    let x = tape.constant(randomTensor([3, 4]))
    let y = tape.linear(x, frozen)
    XCTAssertEqual(tape.nodeCount, 0, "nothing to learn below a frozen layer: nothing recorded")
    tape.backward(from: tape.linear(y, trained))
    XCTAssertNil(frozen.gradient)
    XCTAssertNotNil(trained.gradient)
  }

  /// Gradients still flow through a frozen layer to what lies below.
  func testFrozenLayerPassesGradients() {
    let frozen = Parameter("frozen", randomTensor([4, 4], "frozen"))
    let norm = Parameter("norm", randomTensor([4], "norm"))
    frozen.isTrainable = false
    norm.isTrainable = false
    let below = Parameter("below", randomTensor([4, 4], "below"))
    GradientCheck("through frozen layers").run([randomTensor([3, 4])], parameters: [below, frozen, norm]) {
      $0.rmsNorm($0.linear($0.linear($1[0], below), frozen), norm, eps: 1e-5)
    }
    XCTAssertNil(frozen.gradient)
    XCTAssertNil(norm.gradient)
  }

  // MARK: Checkpointing

  func testCheckpointsChangeNoBit() {
    let w = Parameter("w", randomTensor([40, 40], "w", scale: 0.2))
    let norm = Parameter("norm", randomTensor([40], "norm"))
    func body(_ tape: Tape, _ x: Variable) -> Variable {
      tape.add(x, tape.silu(tape.linear(tape.rmsNorm(x, norm, eps: 1e-5), w)))
    }
    func run(checkpointing: Bool) -> [[Float]] {
      w.gradient = nil
      norm.gradient = nil
      let tape = Tape(recording: true)
      let x = tape.input(randomTensor([90, 40]))
      var y = tape.silu(x)
      for _ in 0..<2 { y = checkpointing ? tape.checkpoint(y, body) : body(tape, y) }
      tape.backward(from: y, seed: randomTensor([90, 40], "seed"))
      return [y.value.toArray(), tape.gradient(of: x)!.toArray(), w.gradient!.toArray(), norm.gradient!.toArray()]
    }
    XCTAssertEqual(run(checkpointing: true), run(checkpointing: false))
    GradientCheck("checkpoint").run([randomTensor([3, 40])], parameters: [w, norm]) {
      $0.checkpoint($1[0], body)
    }
  }

  /// Parameters inside learn even when the input needs no gradient (the first layer over a frozen embedding).
  func testACheckpointOfAConstantTeachesItsParameters() {
    let w = Parameter("w", randomTensor([4, 4], "w"))
    let x = randomTensor([3, 4])
    GradientCheck("checkpoint of a constant").run([], parameters: [w]) { tape, _ in
      tape.checkpoint(tape.constant(x)) { $0.linear($1, w) }
    }
  }

  // MARK: Memory

  func testQuietTapeKeepsNothing() {
    let w = Parameter("w", randomTensor([64, 64], "w"))
    let before = StoragePool.liveBytes
    let tape = Tape(recording: false)
    do {
      var x = tape.constant(randomTensor([32, 64]))
      for _ in 0..<10 { x = tape.silu(tape.linear(x, w)) }
    }
    XCTAssertEqual(tape.nodeCount, 0)
    XCTAssertEqual(StoragePool.liveBytes, before)
  }

  /// After a backward pass nothing of the step stays behind but the parameters' gradients.
  func testBackwardFreesEverything() {
    let w = Parameter("w", randomTensor([64, 64], "w"))
    _ = w.gradientBuffer()
    let before = StoragePool.liveBytes
    weak var kept: Tape?
    do {
      let tape = Tape(recording: true)
      kept = tape
      var x = tape.constant(randomTensor([32, 64]))
      for _ in 0..<10 { x = tape.checkpoint(tape.silu(tape.linear(x, w))) { $0.linear($1, w) } }
      tape.backward(from: tape.dot(x, randomTensor([32, 64], "r")))
    }
    XCTAssertNil(kept)
    XCTAssertEqual(StoragePool.liveBytes, before)
  }
}
