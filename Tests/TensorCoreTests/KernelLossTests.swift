import CKernels
import Foundation
import TestKit
import XCTest

/// Softmax losses against float64 twins.
final class KernelLossTests: XCTestCase {
  private func logSoftmax(_ z: ArraySlice<Float>) -> [Double] {
    let top = Double(z.max()!)
    let sum = top + log(z.reduce(0) { $0 + exp(Double($1) - top) })
    return z.map { Double($0) - sum }
  }

  private struct Outcome {
    var ce: [Float], kl: [Float], gradient: [Float], teacher: [Float]
  }

  private func run(
    _ z: [Float], _ teacher: [Float]?, _ targets: [Int32]?, _ width: Int, ce ceWeight: Float = 1,
    kl klWeight: Float = 1,
    scale: Float = 1
  ) -> Outcome {
    let rows = z.count / width
    var out = Outcome(
      ce: [Float](repeating: .nan, count: rows), kl: [Float](repeating: .nan, count: rows), gradient: z,
      teacher: teacher ?? [])
    out.teacher.withUnsafeMutableBufferPointer { q in
      up_cross_entropy(
        &out.gradient, teacher == nil ? nil : q.baseAddress, targets, rows, width, ceWeight, klWeight, scale, &out.ce,
        &out.kl, 1)
    }
    return out
  }

  /// Logits of size 1, 10 and far from zero; widths around the vector lengths; ignored rows.
  func testLossesMatchTheirTwin() {
    for width in [1, 2, 13, 16, 17, 50] {
      for (size, offset) in [(1.0, 0.0), (10, 0), (1, 300), (1, -300)] {
        let rows = 6
        let z = randomFloats(rows * width, "z", scale: size).map { $0 + Float(offset) }
        let teacher = randomFloats(rows * width, "teacher", scale: size).map { $0 - Float(offset) }
        let targets = (0..<rows).map { $0 == 2 ? -1 : Int32(($0 * 7) % width) }
        let (ceWeight, klWeight, scale): (Float, Float, Float) = (0.3, 1.5, 0.25)
        let found = run(z, teacher, targets, width, ce: ceWeight, kl: klWeight, scale: scale)
        // Loss errors are those of float32 logits.
        let accuracy = 3e-6 * max(1, size + abs(offset) / 10)
        for row in 0..<rows {
          let range = row * width..<(row + 1) * width
          let p = logSoftmax(z[range])
          let q = logSoftmax(teacher[range])
          guard targets[row] >= 0 else {
            XCTAssertEqual([found.ce[row], found.kl[row]], [0, 0])
            XCTAssertEqual(found.gradient[range].map { abs($0) }.max(), 0)
            continue
          }
          let target = Int(targets[row])
          let name = "width \(width) size \(size) offset \(offset) row \(row)"
          XCTAssertEqual(Double(found.ce[row]), -p[target], accuracy: accuracy, "CE \(name)")
          let divergence = zip(q, p).reduce(0) { $0 + exp($1.0) * ($1.0 - $1.1) }
          XCTAssertEqual(Double(found.kl[row]), divergence, accuracy: 10 * accuracy, "KL \(name)")
          let slope = (0..<width).map { i in
            Double(scale)
              * (Double(ceWeight) * (exp(p[i]) - (i == target ? 1 : 0)) + Double(klWeight) * (exp(p[i]) - exp(q[i])))
          }
          for (i, value) in slope.enumerated() {
            XCTAssertEqual(Double(found.gradient[range.lowerBound + i]), value, accuracy: accuracy, "gradient \(name)")
            XCTAssertEqual(Double(found.teacher[range.lowerBound + i]), exp(q[i]), accuracy: accuracy, "q \(name)")
          }
        }
      }
    }
  }

  func testTeacherAndTargetsAreOptional() {
    let z = randomFloats(26, "z")
    let teacher = randomFloats(26, "teacher")
    let ce = run(z, nil, [3, 5], 13)
    XCTAssertEqual(ce.kl, [0, 0])
    XCTAssertEqual(Double(ce.ce[0]), -logSoftmax(z[0..<13])[3], accuracy: 1e-6)
    XCTAssertEqual(ce.gradient[0..<13].reduce(0, +), 0, accuracy: 1e-6)
    let kl = run(z, teacher, nil, 13)
    XCTAssertEqual(kl.ce, [0, 0])
    XCTAssertGreaterThan(kl.kl[0], 0)
    XCTAssertEqual(kl.gradient[13...].reduce(0, +), 0, accuracy: 1e-6)
  }

  /// Without a gradient the logits stay as they are.
  func testWithoutAGradientTheLogitsStay() {
    let before = randomFloats(26, "z")
    var z = before
    var ce: [Float] = [0, 0]
    up_cross_entropy(&z, nil, [3, 5], 2, 13, 1, 0, 1, &ce, nil, 0)
    XCTAssertEqual(z, before)
    XCTAssertEqual(ce, run(before, nil, [3, 5], 13).ce)
  }

  /// A NaN or infinite logit shows in the loss.
  func testNonFiniteLogitsShowInTheLoss() {
    for bad in [Float.nan, .infinity] {
      for position in [0, 6, 12] {
        var z = randomFloats(13, "z")
        z[position] = bad
        XCTAssertFalse(run(z, nil, [3], 13).ce[0].isFinite, "\(bad) at \(position)")
        var teacher = randomFloats(13, "teacher")
        XCTAssertFalse(run(z, teacher, [3], 13).kl[0].isFinite, "\(bad) at \(position)")
        teacher[position] = bad
        XCTAssertFalse(run(randomFloats(13), teacher, [3], 13).kl[0].isFinite, "teacher's \(bad) at \(position)")
      }
    }
  }

  func testLogProbabilityAndBestMatchTheirDefinition() {
    for width in [1, 5, 16, 33] {
      let z = randomFloats(4 * width, "z", scale: 5)
      let targets = (0..<4).map { Int32($0 % width) }
      var found = [Float](repeating: 0, count: 4)
      var best = [Int32](repeating: -1, count: 4)
      up_log_probability(z, targets, 4, width, &found, &best)
      for row in 0..<4 {
        let p = logSoftmax(z[row * width..<(row + 1) * width])
        XCTAssertEqual(Double(found[row]), p[Int(targets[row])], accuracy: 5e-6)
        XCTAssertEqual(Int(best[row]), p.firstIndex(of: p.max()!))
      }
    }
    var best: [Int32] = [9]
    up_log_probability([1, 3, 3, 0], nil, 1, 4, nil, &best)
    XCTAssertEqual(best, [1], "the first of equals")
  }
}
