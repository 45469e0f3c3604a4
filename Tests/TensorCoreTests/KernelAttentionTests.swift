import CKernels
import TestKit
import XCTest

/// Fused attention against plain loops in float64: one tile and several, one query and a few, queries that
/// are the last of many keys, odd widths, strided rows.
final class KernelAttentionTests: XCTestCase {
  private struct Problem: CustomStringConvertible {
    var queries, keys, keyWidth, valueWidth: Int
    var padding = 0
    var size = 1.0

    var description: String { "Tq \(queries) Tk \(keys) dk \(keyWidth) dv \(valueWidth) + \(padding) x \(size)" }
    var keyStride: Int { keyWidth + padding }
    var valueStride: Int { valueWidth + 2 * padding }
    var scale: Float { 1 / Float(keyWidth).squareRoot() }
    var q: [Float] { randomFloats(queries * keyStride, "q", scale: size) }
    var k: [Float] { randomFloats(keys * keyStride, "k", scale: size) }
    var v: [Float] { randomFloats(keys * valueStride, "v") }
  }

  private let problems: [Problem] = {
    var problems: [Problem] = []
    for time in [1, 2, 3, 4, 5, 15, 16, 17, 63, 64, 65, 129, 200] {
      problems.append(Problem(queries: time, keys: time, keyWidth: 16, valueWidth: 16))
      problems.append(Problem(queries: time, keys: time, keyWidth: 5, valueWidth: 9, padding: 3))
      problems.append(Problem(queries: time, keys: time, keyWidth: 8, valueWidth: 8))
    }
    for (queries, keys) in [(1, 2), (1, 130), (2, 300), (3, 64), (4, 131), (30, 100), (64, 129), (70, 300)] {
      problems.append(Problem(queries: queries, keys: keys, keyWidth: 24, valueWidth: 12, padding: 1))
    }
    // A block of 128 keys whose next one only the last queries see.
    for (keyWidth, valueWidth) in [(8, 8), (6, 24), (40, 80)] {
      problems.append(Problem(queries: 3, keys: 130, keyWidth: keyWidth, valueWidth: valueWidth))
      problems.append(Problem(queries: 2, keys: 257, keyWidth: keyWidth, valueWidth: valueWidth, padding: 2))
    }
    for (keyWidth, valueWidth) in [(1, 1), (2, 33), (33, 2), (64, 64), (100, 40), (128, 128), (144, 130)] {
      problems.append(Problem(queries: 37, keys: 50, keyWidth: keyWidth, valueWidth: valueWidth))
      problems.append(Problem(queries: 1, keys: 50, keyWidth: keyWidth, valueWidth: valueWidth))
    }
    problems.append(Problem(queries: 80, keys: 80, keyWidth: 16, valueWidth: 16, size: 3))
    return problems
  }()

  private typealias Forward = (
    UnsafePointer<Float>, Int, UnsafePointer<Float>, Int, UnsafePointer<Float>, Int, UnsafeMutablePointer<Float>, Int,
    UnsafeMutablePointer<Float>?, Int, Int, Int, Int, Float
  ) -> Void

  private func forward(_ p: Problem, _ kernel: Forward) -> (out: [Float], sums: [Float]) {
    var out = [Float](repeating: -7, count: p.queries * p.valueStride)
    var sums = [Float](repeating: .nan, count: p.queries)
    kernel(
      p.q, p.keyStride, p.k, p.keyStride, p.v, p.valueStride, &out, p.valueStride, &sums, p.queries, p.keys, p.keyWidth,
      p.valueWidth, p.scale)
    return (out, sums)
  }

  private func fast(_ p: Problem) -> (out: [Float], sums: [Float]) {
    forward(p) { up_attention_forward($0, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) }
  }

  func testForwardMatchesItsTwin() {
    for p in problems {
      let found = fast(p)
      let expected = forward(p) {
        up_attention_forward_reference($0, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
      }
      let tolerance = 5e-6 * p.size * p.size
      assertClose(found.out, expected.out, "attention out \(p)", tolerance: tolerance)
      assertClose(found.sums, expected.sums, "attention lse \(p)", tolerance: tolerance)
    }
  }

  /// Several positions of heads that share keys: each head gets what it gets alone, whether the heads divide a vector
  /// or not, over several tiles and blocks.
  func testHeadsOfAGroupGetWhatEachGetsAlone() {
    for heads in [1, 2, 3, 4, 7, 8, 16] {
      for (queries, keys, keyWidth, valueWidth) in [
        (1, 1, 8, 8), (2, 40, 8, 8), (5, 5, 16, 12), (9, 130, 8, 8), (17, 300, 7, 9), (70, 71, 16, 16),
        (130, 260, 8, 8),
      ] {
        let (qStride, kStride, outStride) = (heads * keyWidth + 3, keyWidth + valueWidth, heads * valueWidth + 5)
        let (q, k) = (randomFloats(queries * qStride, "q", scale: 2), randomFloats(keys * kStride, "k", scale: 2))
        var out = [Float](repeating: -7, count: queries * outStride)
        var alone = out
        k.withUnsafeBufferPointer { k in
          let (key, value) = (k.baseAddress!, k.baseAddress! + keyWidth)
          up_attention_group(
            q, qStride, key, kStride, value, kStride, &out, outStride, heads, queries, keys, keyWidth, valueWidth, 0.3)
          alone.withUnsafeMutableBufferPointer { rows in
            for head in 0..<heads {
              up_attention_forward_reference(
                Array(q[(head * keyWidth)...]), qStride, key, kStride, value, kStride,
                rows.baseAddress! + head * valueWidth, outStride, nil, queries, keys, keyWidth, valueWidth, 0.3)
            }
          }
        }
        assertClose(
          out, alone, "\(heads) heads, \(queries) of \(keys) positions, \(keyWidth) and \(valueWidth) wide",
          tolerance: 1e-5)
      }
    }
  }

  /// Groups of heads of one position: each head gets what it gets alone.
  func testGroupsOfHeadsGetWhatEachGetsAlone() {
    for (groups, heads, keys, keyWidth, valueWidth) in [
      (3, 2, 1300, 16, 8), (2, 5, 513, 7, 9), (8, 1, 40, 16, 16), (1, 16, 700, 28, 20),
    ] {
      let (q, k, v) = (
        randomFloats(groups * heads * keyWidth, "q"), randomFloats(keys * groups * keyWidth, "k"),
        randomFloats(keys * groups * valueWidth, "v")
      )
      var out = [Float](repeating: -7, count: groups * heads * valueWidth)
      var alone = out
      up_attention_heads(
        q, keyWidth, k, groups * keyWidth, v, groups * valueWidth, &out, valueWidth, nil, groups, heads, keys, keyWidth,
        valueWidth,
        0.4)
      for head in 0..<groups * heads {
        let group = head / heads
        alone.withUnsafeMutableBufferPointer { rows in
          up_attention_forward_reference(
            Array(q[(head * keyWidth)...]), keyWidth, Array(k[(group * keyWidth)...]), groups * keyWidth,
            Array(v[(group * valueWidth)...]), groups * valueWidth, rows.baseAddress! + head * valueWidth, valueWidth,
            nil, 1, keys,
            keyWidth, valueWidth, 0.4)
        }
      }
      assertClose(out, alone, "\(groups) groups of \(heads), \(keys) keys", tolerance: 1e-5)
    }
  }

  /// Heads of one position that share keys: each gets what it gets alone.
  func testHeadsSideBySideGetWhatEachGetsAlone() {
    for p in problems where p.queries <= p.keys {
      var out = [Float](repeating: -7, count: p.queries * p.valueStride)
      var sums = [Float](repeating: .nan, count: p.queries)
      up_attention_heads(
        p.q, p.keyStride, p.k, p.keyStride, p.v, p.valueStride, &out, p.valueStride, &sums, 1, p.queries, p.keys,
        p.keyWidth, p.valueWidth, p.scale)
      var alone = [Float](repeating: -7, count: p.queries * p.valueStride)
      var aloneSums = [Float](repeating: .nan, count: p.queries)
      for head in 0..<p.queries {
        alone.withUnsafeMutableBufferPointer { rows in
          up_attention_forward_reference(
            Array(p.q[(head * p.keyStride)...]), p.keyStride, p.k, p.keyStride, p.v, p.valueStride,
            rows.baseAddress! + head * p.valueStride, p.valueStride, &aloneSums[head], 1, p.keys, p.keyWidth,
            p.valueWidth,
            p.scale)
        }
      }
      let tolerance = 5e-6 * p.size * p.size
      assertClose(out, alone, "heads of \(p)", tolerance: tolerance)
      assertClose(sums, aloneSums, "log-sums of heads of \(p)", tolerance: tolerance)
    }
  }

  /// Decoding asks for no log-sums; same output.
  func testLogSumsAreOptional() {
    for p in problems where p.queries < 20 {
      var out = [Float](repeating: -7, count: p.queries * p.valueStride)
      up_attention_forward(
        p.q, p.keyStride, p.k, p.keyStride, p.v, p.valueStride, &out, p.valueStride, nil, p.queries, p.keys, p.keyWidth,
        p.valueWidth, p.scale)
      XCTAssertEqual(out, fast(p).out, "\(p)")
    }
  }

  private typealias Gradients = (dq: [Float], dk: [Float], dv: [Float])

  private func backward(_ p: Problem, reference: Bool) -> Gradients {
    let (out, sums) = fast(p)
    let dout = randomFloats(out.count, "dout")
    var dq = [Float](repeating: -7, count: p.queries * p.keyStride)
    // dk and dv are added to.
    var dk = randomFloats(p.keys * p.keyStride, "dk")
    var dv = randomFloats(p.keys * p.valueStride, "dv")
    let kernel = reference ? up_attention_backward_reference : up_attention_backward
    kernel(
      p.q, p.keyStride, p.k, p.keyStride, p.v, p.valueStride, out, p.valueStride, dout, p.valueStride, sums, &dq,
      p.keyStride, &dk, p.keyStride, &dv, p.valueStride, p.queries, p.keys, p.keyWidth, p.valueWidth, p.scale)
    return (dq, dk, dv)
  }

  func testBackwardMatchesItsTwin() {
    for p in problems {
      let found = backward(p, reference: false)
      let expected = backward(p, reference: true)
      let tolerance = 2e-5 * p.size * p.size
      if p.keys == 1 {
        // A softmax over one key is constant: what is left of its gradient is rounding, which is close to nothing.
        XCTAssertLessThan(zip(found.dq, expected.dq).map { ($0 - $1).magnitude }.max()!, 1e-5, "attention dq \(p)")
      } else {
        assertClose(found.dq, expected.dq, "attention dq \(p)", tolerance: tolerance)
      }
      assertClose(found.dk, expected.dk, "attention dk \(p)", tolerance: tolerance)
      assertClose(found.dv, expected.dv, "attention dv \(p)", tolerance: tolerance)
    }
  }

  func testTheSameCallTwiceHasTheSameBits() {
    let p = Problem(queries: 150, keys: 150, keyWidth: 20, valueWidth: 12)
    XCTAssertEqual(fast(p).out, fast(p).out)
    XCTAssertEqual(backward(p, reference: false).dk, backward(p, reference: false).dk)
  }

  /// Large scores saturate the softmax; they must not overflow it, with an odd number of keys too, of which two may share
  /// a vector.
  func testHugeScoresDoNotOverflow() {
    for time in [40, 41] {
      let p = Problem(queries: time, keys: time, keyWidth: 8, valueWidth: 8, size: 60)
      let found = fast(p)
      XCTAssert(found.out.allSatisfy(\.isFinite) && found.sums.allSatisfy(\.isFinite))
      XCTAssert(backward(p, reference: false).dq.allSatisfy(\.isFinite))
    }
  }

  func testNaNIsSeen() {
    var q = randomFloats(20 * 8, "q")
    q[5 * 8] = .nan
    let k = randomFloats(20 * 8, "k")
    var out = [Float](repeating: 0, count: 20 * 8)
    up_attention_forward(q, 8, k, 8, k, 8, &out, 8, nil, 20, 20, 8, 8, 0.3)
    for row in 0..<20 { XCTAssertEqual(out[row * 8].isNaN, row == 5, "row \(row)") }
  }
}
