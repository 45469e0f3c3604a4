import Autograd
import Foundation
import TensorCore
import TestKit
import XCTest

/// Rotary embedding, attention over slices of shared or separate rows, and latent attention's keys.
final class AttentionGradientTests: XCTestCase {
  private func table(_ length: Int, _ dim: Int, interleaved: Bool, magnitude: Double = 1) -> RotaryTable {
    let half = dim / 2
    let angles = (0..<length * half).map { Double($0 / half) * pow(20, -Double($0 % half) / Double(half)) }
    return RotaryTable(
      cosine: Tensor([length, half], values: angles.map { Float(cos($0) * magnitude) }),
      sine: Tensor([length, half], values: angles.map { Float(sin($0) * magnitude) }), interleaved: interleaved)
  }

  // MARK: Rotary

  /// Both pair orders; tables scaled as YaRN's are (the backward is the transpose, not the inverse);
  /// slices that leave other columns alone; positions in any order.
  func testRotaryMatchesDifferences() {
    let layout = HeadLayout(offset: 1, stride: 7, heads: 3, width: 4)
    for interleaved in [false, true] {
      for magnitude in [1, 1.3] {
        let table = table(9, 4, interleaved: interleaved, magnitude: magnitude)
        GradientCheck("rotary interleaved \(interleaved) x \(magnitude)").run([randomTensor([2, 3, 23])]) {
          $0.rotary($1[0], layout, table, positions: [0, 1, 2, 8, 3, 5])
        }
      }
    }
  }

  func testRotaryTurnsPairsByPosition() {
    let x: [Float] = [9, 1, 2, 3, 4, 9]
    let layout = HeadLayout(offset: 1, stride: 4, heads: 1, width: 4)
    for interleaved in [false, true] {
      let table = table(4, 4, interleaved: interleaved)
      let tape = Tape(recording: false)
      let y = tape.rotary(tape.constant(Tensor([1, 6], values: x)), layout, table, positions: [3]).value.toArray()
      let pairs = interleaved ? [(1, 2), (3, 4)] : [(1, 3), (2, 4)]
      for (j, (first, second)) in pairs.enumerated() {
        let c = table.cosine.toArray()[3 * 2 + j]
        let s = table.sine.toArray()[3 * 2 + j]
        XCTAssertEqual(y[first], x[first] * c - x[second] * s, accuracy: 1e-5)
        XCTAssertEqual(y[second], x[second] * c + x[first] * s, accuracy: 1e-5)
      }
      XCTAssertEqual([y[0], y[5]], [9, 9])
    }
  }

  /// The gradient that rotary turns in place may be shared with another branch.
  func testRotaryLeavesAnotherUseOfItsInputAlone() {
    let table = table(4, 6, interleaved: false)
    let a = Parameter("a", randomTensor([6, 5], "a"))
    let b = Parameter("b", randomTensor([6, 5], "b"))
    GradientCheck("rotary beside a residual").run([randomTensor([4, 5])], parameters: [a, b]) {
      let turned = $0.rotary(
        $0.linear($1[0], a), HeadLayout(stride: 6, heads: 1, width: 6), table, positions: [0, 1, 2, 3])
      return $0.add($0.linear($1[0], b), turned)
    }
  }

  // MARK: Attention

  /// q, k and v as slices of one variable, heads in groups.
  func testFusedOperandsMatchDifferences() {
    for (batch, time, heads, groups) in [(2, 5, 4, 2), (1, 1, 2, 1), (3, 7, 3, 3), (1, 70, 2, 1)] {
      let width = 6
      func layout(_ heads: Int, from first: Int) -> HeadLayout {
        HeadLayout(offset: first * width, stride: width, heads: heads, width: width)
      }
      GradientCheck("attention B \(batch) T \(time) H \(heads) G \(groups)", directions: 4).run(
        [randomTensor([batch, time, (heads + 2 * groups) * width])]
      ) {
        $0.attention(
          q: HeadSlices($1[0], layout(heads, from: 0)), k: HeadSlices($1[0], layout(groups, from: heads)),
          v: HeadSlices($1[0], layout(groups, from: heads + groups)), batch: batch, time: time, scale: 0.4)
      }
    }
  }

  /// Three variables, key width 5, value width 3, rows wider than the heads.
  func testSeparateOperandsMatchDifferences() {
    let (batch, time, heads, groups) = (2, 9, 4, 2)
    GradientCheck("attention, K != V").run([
      randomTensor([batch, time, heads * 5 + 2], "q"), randomTensor([batch, time, groups * 6], "k"),
      randomTensor([batch, time, groups * 3], "v"),
    ]) {
      $0.attention(
        q: HeadSlices($1[0], HeadLayout(offset: 2, stride: 5, heads: heads, width: 5)),
        k: HeadSlices($1[1], HeadLayout(stride: 6, heads: groups, width: 5)),
        v: HeadSlices($1[2], HeadLayout(stride: 3, heads: groups, width: 3)), batch: batch, time: time, scale: 0.5)
    }
  }

  /// As in latent attention: values lie between the keys' position-free parts.
  func testKeysAndValuesOfSharedRowsMatchDifferences() {
    let (batch, time, heads) = (2, 4, 2)
    GradientCheck("attention, k and v in one variable").run([
      randomTensor([batch, time, heads * 3], "q"), randomTensor([batch, time, heads * 7], "kv"),
    ]) {
      $0.attention(
        q: HeadSlices($1[0], HeadLayout(stride: 3, heads: heads, width: 3)),
        k: HeadSlices($1[1], HeadLayout(stride: 7, heads: heads, width: 3)),
        v: HeadSlices($1[1], HeadLayout(offset: 3, stride: 7, heads: heads, width: 4)), batch: batch, time: time,
        scale: 0.6)
    }
  }

  /// Any operands may need no gradient, whatever the widths of the others.
  func testConstantOperandsNeedNoGradient() {
    let (time, keyWidth, valueWidth) = (40, 3, 900)
    let operands = [
      randomTensor([1, time, keyWidth], "q"), randomTensor([1, time, keyWidth], "k"),
      randomTensor([1, time, valueWidth], "v"),
    ]
    for needed in 0..<3 {
      GradientCheck("attention, only operand \(needed)", directions: 2).run([operands[needed]]) { tape, leaves in
        let all = (0..<3).map { $0 == needed ? leaves[0] : tape.constant(operands[$0]) }
        func slices(_ index: Int) -> HeadSlices {
          HeadSlices(all[index], HeadLayout(stride: all[index].width, heads: 1, width: all[index].width))
        }
        return tape.attention(q: slices(0), k: slices(1), v: slices(2), batch: 1, time: time, scale: 0.5)
      }
    }
  }

  /// No query sees a later key.
  func testNoQuerySeesALaterKey() {
    let x = randomTensor([1, 6, 12])
    func attend(_ x: Tensor) -> [Float] {
      let tape = Tape(recording: false)
      func slices(_ offset: Int) -> HeadSlices {
        HeadSlices(tape.constant(x), HeadLayout(offset: offset, stride: 4, heads: 1, width: 4))
      }
      return tape.attention(q: slices(0), k: slices(4), v: slices(8), batch: 1, time: 6, scale: 0.5).value.toArray()
    }
    let before = attend(x)
    for i in 3 * 12..<6 * 12 { x.pointer[i] += 1 }
    let after = attend(x)
    XCTAssertEqual(before[..<12], after[..<12])
    XCTAssertNotEqual(before[12...], after[12...])
  }

  // MARK: Latent keys

  func testJoinedKeysMatchDifferences() {
    let source = randomTensor([2, 3, 3 * 7], "source")
    let rope = randomTensor([2, 3, 6], "rope")
    let nope = HeadLayout(offset: 1, stride: 7, heads: 3, width: 4)
    let shared = HeadLayout(offset: 2, stride: 2, heads: 1, width: 2)
    GradientCheck("joinKeys").run([source, rope]) { $0.joinKeys($1[0], nope, $1[1], shared) }
    GradientCheck("joinKeys of one variable").run([source]) { $0.joinKeys($1[0], nope, $1[0], shared) }
    let own = HeadLayout(stride: 2, heads: 3, width: 2)
    GradientCheck("joinKeys, a rope key for every head").run([source, rope]) { $0.joinKeys($1[0], nope, $1[1], own) }
    let tape = Tape(recording: false)
    let row = source.rows(0..<1).toArray()
    for (layout, expected) in [(shared, 2..<4), (own, 2..<4)] {
      let keys = tape.joinKeys(tape.constant(source), nope, tape.constant(rope), layout).value.toArray()
      XCTAssertEqual(Array(keys[6..<12]), Array(row[8..<12]) + Array(rope.toArray()[expected]), "head 1 of row 0")
    }
  }
}
