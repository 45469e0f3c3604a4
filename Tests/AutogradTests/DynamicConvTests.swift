import Autograd
import CKernels
import Foundation
import TensorCore
import TestKit
import XCTest

/// The convolution whose taps come with every token.
final class DynamicConvTests: XCTestCase {
  func testMatchesDifferences() {
    for (width, taps) in [(5, 4), (3, 1), (70, 3)] {
      GradientCheck("dynamic convolution of \(width) by \(taps)").run([
        randomTensor([2, 7, width + 4], "x"), randomTensor([2, 7, width * taps], "taps"),
      ]) { $0.dynamicConv($1[0], columns: 2..<width + 2, taps: $1[1], batch: 2, time: 7) }
    }
  }

  /// A token weighs itself and those before it by taps of its own, and no other sequence.
  func testATokenHasItsOwnTaps() {
    let tape = Tape(recording: false)
    let x = tape.constant(Tensor([2, 3, 1], values: [1, 2, 3, 4, 5, 6]))
    let taps = tape.constant(
      Tensor([2, 3, 3], values: [9, 9, 1, 9, 1, 10, 1, 10, 100, 9, 9, -1, 9, 0, 0, -1, 0, 0]))
    let y = tape.dynamicConv(x, columns: 0..<1, taps: taps, batch: 2, time: 3).value.toArray()
    let z: [Float] = [1, 1 + 20, 1 + 20 + 300, -4, 0, -4]
    assertClose(y, z.map { $0 / (1 + exp(-$0)) }, "y", tolerance: 1e-6)
  }

  /// The same taps everywhere are a static convolution.
  func testEqualTapsAreACausalConvolution() {
    let (batch, time, width) = (2, 11, 37)
    let weight = randomTensor([width, 1, 4], "w")
    let tape = Tape(recording: false)
    let x = tape.constant(randomTensor([batch, time, width], "x"))
    let taps = Tensor([batch, time, width * 4])
    for row in 0..<batch * time { (taps.pointer + row * width * 4).update(from: weight.pointer, count: width * 4) }
    assertClose(
      tape.dynamicConv(x, columns: 0..<width, taps: tape.constant(taps), batch: batch, time: time).value.toArray(),
      tape.causalConv(x, columns: 0..<width, [Parameter("w", weight)], batch: batch, time: time).value.toArray(), "y",
      tolerance: 1e-6)
  }

  /// Rows before the first come from the history.
  func testPiecesGiveTheWhole() {
    let (time, width, taps) = (9, 20, 4)
    let (x, w) = (randomTensor([time, width], "x"), randomTensor([time, width * taps], "w"))
    let whole = Tensor([time, width])
    up_dynamic_conv(x.pointer, width, nil, w.pointer, width * taps, whole.pointer, width, time, width, taps)
    for split in taps - 1..<time {
      let rest = Tensor([time - split, width])
      up_dynamic_conv(
        x.pointer + split * width, width, x.pointer + (split - taps + 1) * width, w.pointer + split * width * taps,
        width * taps, rest.pointer, width, time - split, width, taps)
      XCTAssertEqual(rest.toArray(), Array(whole.toArray()[(split * width)...]), "split at \(split)")
    }
  }
}
