import CKernels
import Foundation
import TestKit
import XCTest

/// Row kernels against scalar twins in float64, over widths around the vector lengths.
final class KernelRowTests: XCTestCase {
  private let widths = [1, 2, 7, 8, 15, 16, 17, 31, 33, 64, 100]

  private func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

  func testNormMatchesItsTwin() {
    for width in widths {
      let rows = 5
      let x = randomFloats(rows * width, "x", scale: 3)
      let w = randomFloats(width, "w")
      let dy = randomFloats(rows * width, "dy")
      let dxBefore = randomFloats(rows * width, "dx")
      let dwBefore = randomFloats(width, "dw")
      let eps = 0.01
      for weighted in [true, false] {
        var y = [Float](repeating: .nan, count: rows * width)
        var inverse = [Float](repeating: .nan, count: rows)
        up_rms_norm(x, weighted ? w : nil, &y, &inverse, rows, width, Float(eps))
        var dx = [Float](repeating: .nan, count: rows * width)
        var dw = dwBefore
        up_rms_norm_backward(x, weighted ? w : nil, inverse, dy, &dx, &dw, rows, width, 0)
        var added = dxBefore
        up_rms_norm_backward(x, weighted ? w : nil, inverse, dy, &added, nil, rows, width, 1)

        var twinY: [Float] = []
        var twinDx: [Float] = []
        var twinDw = dwBefore.map(Double.init)
        for row in 0..<rows {
          let v = (0..<width).map { Double(x[row * width + $0]) }
          let g = (0..<width).map { Double(dy[row * width + $0]) * (weighted ? Double(w[$0]) : 1) }
          let r = 1 / (v.reduce(0) { $0 + $1 * $1 } / Double(width) + eps).squareRoot()
          let pull = zip(g, v).reduce(0) { $0 + $1.0 * $1.1 * r } / Double(width)
          for i in 0..<width {
            twinY.append(Float(v[i] * r * (weighted ? Double(w[i]) : 1)))
            twinDx.append(Float(r * (g[i] - v[i] * r * pull)))
            twinDw[i] += Double(dy[row * width + i]) * v[i] * r
          }
        }
        assertClose(y, twinY, "rms_norm \(width)", tolerance: 1e-6)
        // At width 1 the gradient nearly cancels: dx is of order eps.
        assertClose(dx, twinDx, "rms_norm dx \(width)", tolerance: width == 1 ? 1e-3 : 2e-6)
        assertClose(added, zip(dxBefore, twinDx).map { $0 + $1 }, "rms_norm dx added \(width)", tolerance: 2e-6)
        assertClose(dw, twinDw.map { Float($0) }, "rms_norm dw \(width)", tolerance: 2e-6)
      }
    }
  }

  func testRotaryMatchesItsTwin() {
    for half in [1, 3, 8, 17] {
      for interleaved in [false, true] {
        let (rows, heads, headStride) = (4, 3, 2 * half + 1)
        let rowStride = heads * headStride + 2
        let angles = (0..<10 * half).map { Double($0 / half) / Double($0 % half + 1) }
        let cosine = angles.map { Float(1.2 * cos($0)) }
        let sine = angles.map { Float(1.2 * sin($0)) }
        let positions: [Int32] = [9, 0, 4, 4]
        let x = randomFloats(rows * rowStride, "x")
        for inverse in [false, true] {
          var y = x
          up_rotary(&y, rows, rowStride, heads, headStride, 2 * half, cosine, sine, positions, interleaved, inverse)
          var twin = x
          for row in 0..<rows {
            for head in 0..<heads {
              for j in 0..<half {
                let start = row * rowStride + head * headStride
                let first = start + (interleaved ? 2 * j : j)
                let second = start + (interleaved ? 2 * j + 1 : j + half)
                let c = Double(cosine[Int(positions[row]) * half + j])
                let s = Double(sine[Int(positions[row]) * half + j]) * (inverse ? -1 : 1)
                twin[first] = Float(Double(x[first]) * c - Double(x[second]) * s)
                twin[second] = Float(Double(x[second]) * c + Double(x[first]) * s)
              }
            }
          }
          assertClose(y, twin, "rotary half \(half) interleaved \(interleaved) inverse \(inverse)", tolerance: 1e-6)
        }
      }
    }
  }

  func testSwiGLUMatchesItsTwin() {
    for width in widths {
      let rows = 3
      let x = randomFloats(2 * rows * width, "x", scale: 4)
      let dy = randomFloats(rows * width, "dy")
      var y = [Float](repeating: .nan, count: rows * width)
      var dx = [Float](repeating: .nan, count: 2 * rows * width)
      up_swiglu(x, &y, rows, width)
      up_swiglu_backward(x, dy, &dx, rows, width)
      var twinY = y
      var twinDx = dx
      for row in 0..<rows {
        for i in 0..<width {
          let gate = Double(x[2 * row * width + i])
          let up = Double(x[2 * row * width + width + i])
          let d = Double(dy[row * width + i])
          let s = sigmoid(gate)
          twinY[row * width + i] = Float(gate * s * up)
          twinDx[2 * row * width + i] = Float(d * up * (s + gate * s * (1 - s)))
          twinDx[2 * row * width + width + i] = Float(d * gate * s)
        }
      }
      assertClose(y, twinY, "swiglu \(width)", tolerance: 1e-6)
      assertClose(dx, twinDx, "swiglu backward \(width)", tolerance: 1e-6)
    }
  }

  /// The exponential behind sigmoid saturates instead of overflowing.
  func testSiluIsAccurateOverItsRange() {
    let x: [Float] =
      [-1000, -100, -88, -50, -10, -1, -1e-6, 0, 1e-6, 1, 10, 50, 88, 100, 1000] + randomFloats(40, scale: 5)
    var y = [Float](repeating: .nan, count: x.count)
    var dx = y
    up_silu(x, &y, x.count)
    up_silu_backward(x, [Float](repeating: 1, count: x.count), &dx, x.count)
    for i in x.indices {
      let value = Double(x[i])
      let s = sigmoid(value)
      XCTAssertEqual(Double(y[i]), value * s, accuracy: 1e-6 * max(1, abs(value)), "silu(\(value))")
      XCTAssertEqual(Double(dx[i]), s + value * s * (1 - s), accuracy: 1e-6 * max(1, abs(value)), "silu'(\(value))")
    }
    var bad = [Float](repeating: 0, count: 1)
    up_silu([.nan], &bad, 1)
    XCTAssert(bad[0].isNaN)
  }

  func testElementwiseKernelsMatchTheirDefinitions() {
    for count in [0, 1, 15, 16, 17, 1000] {
      let a = randomFloats(count, "a")
      let b = randomFloats(count, "b")
      var out = [Float](repeating: .nan, count: count)
      up_add(a, b, &out, count)
      XCTAssertEqual(out, zip(a, b).map { $0 + $1 })
      up_multiply(a, b, &out, count)
      XCTAssertEqual(out, zip(a, b).map { $0 * $1 })
      var sum = b
      up_axpy(-1.5, a, &sum, count)
      assertClose(sum, zip(a, b).map { $1 - 1.5 * $0 }, "axpy", tolerance: 1e-6)
      sum = a
      up_scale(3, &sum, count)
      XCTAssertEqual(sum, a.map { 3 * $0 })
      XCTAssertEqual(up_dot(a, b, count), zip(a, b).reduce(0) { $0 + Double($1.0) * Double($1.1) }, accuracy: 1e-5)
      XCTAssertEqual(up_sum_of_squares(a, count), a.reduce(0) { $0 + Double($1) * Double($1) }, accuracy: 1e-9)
    }
  }

  func testBlocksAreCopiedAndAdded() {
    let from = randomFloats(4 * 9, "from")
    let before = randomFloats(4 * 7, "to")
    var to = before
    up_copy_block(Array(from[2...]), 9, &to, 7, 3, 5)
    var twin = before
    for row in 0..<3 { for i in 0..<5 { twin[row * 7 + i] = from[2 + row * 9 + i] } }
    XCTAssertEqual(to, twin)
    to = before
    up_add_block(from, 9, &to, 7, 4, 6)
    twin = before
    for row in 0..<4 { for i in 0..<6 { twin[row * 7 + i] += from[row * 9 + i] } }
    XCTAssertEqual(to, twin)
  }

  /// AdamW against its equations in float64, twenty steps, with decay, clipping scale and bias correction.
  func testAdamWFollowsItsEquations() {
    for count in [1, 16, 37] {
      var x = randomFloats(count, "x")
      var m = [Float](repeating: 0, count: count)
      var v = m
      var twin = x.map { (x: Double($0), m: 0.0, v: 0.0) }
      let (rate, b1, b2, eps, decay, scale) = (0.01, 0.9, 0.98, 1e-6, 0.1, 0.5)
      for step in 1...20 {
        let g = randomFloats(count, seed: UInt64(step), "g")
        let (c1, c2) = (1 - pow(b1, Double(step)), 1 - pow(b2, Double(step)))
        up_adamw(
          &x, g, &m, &v, count, Float(rate), Float(b1), Float(b2), Float(eps), Float(decay), Float(c1), Float(c2),
          Float(scale))
        for i in 0..<count {
          let gi = Double(g[i]) * scale
          twin[i].m = b1 * twin[i].m + (1 - b1) * gi
          twin[i].v = b2 * twin[i].v + (1 - b2) * gi * gi
          twin[i].x -= rate * decay * twin[i].x
          twin[i].x -= rate * (twin[i].m / c1) / ((twin[i].v / c2).squareRoot() + eps)
        }
      }
      assertClose(x, twin.map { Float($0.x) }, "AdamW values", tolerance: 3e-6)
      assertClose(m, twin.map { Float($0.m) }, "AdamW first moments", tolerance: 3e-6)
      assertClose(v, twin.map { Float($0.v) }, "AdamW second moments", tolerance: 1e-5)
    }
  }
}
