import CKernels
import TestKit
import XCTest

@testable import TensorCore

/// Products with weights stored in 16 bits, and with few rows: against float64, and bit for bit against float32 weights
/// of the same values.
final class WeightMatrixTests: XCTestCase {
  /// Numbers that a file might hold, in memory that starts at any even address.
  private final class File {
    let bytes: UnsafeMutableRawPointer
    init(_ bits: [UInt16], offset: Int) {
      bytes = .allocate(byteCount: 2 * bits.count + 64, alignment: 64)
      for (i, x) in bits.enumerated() { bytes.storeBytes(of: x, toByteOffset: offset + 2 * i, as: UInt16.self) }
    }
    deinit { bytes.deallocate() }
  }

  private static let types: [WeightMatrix.Element] = [.bfloat16, .float16]

  /// The matrix in 16 bits and, exactly, in float32.
  private func matrices(
    _ element: WeightMatrix.Element, outputs: Int, inputs: Int, _ name: String, offset: Int = 2
  ) -> (stored: WeightMatrix, wide: WeightMatrix) {
    let bits = randomFloats(outputs * inputs, name).map { x in
      element == .bfloat16 ? UInt16(x.bitPattern >> 16) : Float16(x).bitPattern
    }
    let file = File(bits, offset: offset)
    let stored = WeightMatrix(element, at: file.bytes + offset, outputs: outputs, inputs: inputs, owner: file)
    return (stored, WeightMatrix(stored.widened()))
  }

  private func product(_ matrices: [WeightMatrix], _ x: [Float], rows: Int, padding: Int = 0) -> [Float] {
    let (outputs, inputs) = (matrices.reduce(0) { $0 + $1.outputs }, matrices[0].inputs)
    var y = [Float](repeating: .nan, count: rows * (outputs + padding))
    WeightMatrix.product(matrices, rows: rows, x, lda: inputs, into: &y, ldc: outputs + padding)
    return y
  }

  func testWideningIsExactForEveryPattern() {
    let all = (0...UInt16.max).map { $0 }
    for element in Self.types {
      let file = File(all, offset: 2)
      let wide = WeightMatrix(element, at: file.bytes + 2, outputs: 256, inputs: 256, owner: file).widened().toArray()
      for (bits, found) in zip(all, wide) {
        let expected = element == .bfloat16 ? Float(bitPattern: UInt32(bits) << 16) : Float(Float16(bitPattern: bits))
        if expected.isNaN {
          XCTAssert(found.isNaN, "\(element) \(bits)")
        } else if found.bitPattern != expected.bitPattern {
          XCTFail("\(element) \(bits): \(found) for \(expected)")
        }
      }
    }
  }

  /// Every number of rows up to the limit, odd widths, one matrix and several, on one thread and on three.
  func testFewRowsGiveTheBitsOfFloat32Weights() {
    let before = Threads.count
    defer { Threads.set(before) }
    for threads in [1, 3] {
      Threads.set(threads)
      for element in Self.types {
        for (outputs, inputs) in [([1], 1), ([5, 17], 33), ([40], 250), ([64, 31, 200], 516), ([400], 1024)] {
          let pairs = outputs.enumerated().map {
            matrices(element, outputs: $1, inputs: inputs, "w\($0)", offset: 2 + 2 * $0)
          }
          for rows in [1, 2, 3, 4, 5, 8, 23, 24] {
            let x = randomFloats(rows * inputs, "x")
            let found = product(pairs.map(\.stored), x, rows: rows, padding: 3)
            let expected = product(pairs.map(\.wide), x, rows: rows, padding: 3)
            XCTAssertEqual(
              found.map(\.bitPattern), expected.map(\.bitPattern), "\(element) \(rows) x \(outputs) x \(inputs)")
          }
        }
      }
    }
  }

  /// 8 bits: each number within half a step of its row, products those of the numbers that the bytes stand for, few rows and
  /// many, from float32 and from 16 bits.
  func testEightBitsAreTheNearestNumbersOfEveryRow() {
    for (outputs, inputs) in [(1, 1), (17, 33), (40, 250), (200, 516)] {
      for wide in [
        matrices(.bfloat16, outputs: outputs, inputs: inputs, "w").wide,
        matrices(.float16, outputs: outputs, inputs: inputs, "v").stored,
      ] {
        let exact = wide.widened().toArray()
        let small = WeightMatrix(quantizing: wide)
        XCTAssertEqual(small.bytes, outputs * inputs + 4 * outputs)
        XCTAssertFalse(small.hasNonFinite)
        let rounded = small.widened().toArray()
        for row in 0..<outputs {
          let range = row * inputs..<(row + 1) * inputs
          let step = exact[range].map(abs).max()! / 127
          for i in range { XCTAssertLessThanOrEqual(abs(rounded[i] - exact[i]), 0.5001 * step) }
        }
        for rows in [1, 3, 24, 60] {
          let x = randomFloats(rows * inputs, "x")
          let (found, expected) = (
            product([small], x, rows: rows), product([WeightMatrix(small.widened())], x, rows: rows)
          )
          for (a, b) in zip(found, expected) { XCTAssertEqual(a, b, accuracy: 1e-5 * Float(inputs).squareRoot()) }
        }
      }
    }
  }

  func testEightBitsOfZerosAreZeroAndOfNaNNothing() {
    let zeros = WeightMatrix(quantizing: WeightMatrix(Tensor.zeros([3, 5])))
    XCTAssertEqual(zeros.widened().toArray(), [Float](repeating: 0, count: 15))
    for bad in [Float.nan, .infinity, -.infinity] {
      let values = Tensor.zeros([3, 5])
      values.pointer[7] = bad
      XCTAssertTrue(WeightMatrix(quantizing: WeightMatrix(values)).hasNonFinite)
    }
  }

  /// A row has the bits it has alone, whatever rows, outputs and threads there are beside it.
  func testFewRowsDoNotDependOnEachOther() {
    let (outputs, inputs) = (70, 300)
    let (stored, wide) = matrices(.bfloat16, outputs: outputs, inputs: inputs, "w")
    let x = randomFloats(24 * inputs, "x")
    for matrix in [stored, wide] {
      let whole = product([matrix], x, rows: 24)
      for rows in [0..<1, 7..<8, 3..<6, 20..<24] {
        let some = Array(x[rows.lowerBound * inputs..<rows.upperBound * inputs])
        XCTAssertEqual(
          product([matrix], some, rows: rows.count),
          Array(whole[rows.lowerBound * outputs..<rows.upperBound * outputs]), "\(rows)")
      }
    }
  }

  func testValuesAtEveryNumberOfRows() {
    for element in Self.types {
      for (outputs, inputs) in [(3, 5), (50, 65), (130, 400)] {
        let (stored, wide) = matrices(element, outputs: outputs, inputs: inputs, "w")
        let weights = stored.widened()
        for rows in [1, 4, 24, 25, 60] {
          let x = randomFloats(rows * inputs, "x")
          var expected = [Float](repeating: 0, count: rows * outputs)
          for i in 0..<rows {
            for j in 0..<outputs {
              expected[i * outputs + j] = Float(
                (0..<inputs).reduce(0.0) { $0 + Double(x[i * inputs + $1]) * Double(weights.pointer[j * inputs + $1]) })
            }
          }
          let name = "\(element) \(rows) x \(outputs) x \(inputs)"
          assertClose(product([stored], x, rows: rows), expected, name, tolerance: 1e-5)
          assertClose(product([wide], x, rows: rows), expected, "float32 beside \(name)", tolerance: 1e-5)
          var serial = [Float](repeating: .nan, count: rows * outputs)
          stored.serialProduct(rows: rows, x, lda: inputs, into: &serial, ldc: outputs)
          assertClose(serial, expected, "serial \(name)", tolerance: 1e-5)
        }
      }
    }
  }

  func testNaNAndInfinityOfWeightsReachTheirOutputAlone() {
    var bits = [UInt16](repeating: 0x3f80, count: 20 * 40)
    bits[3 * 40 + 39] = 0x7fc0
    bits[7 * 40] = 0x7f80
    let file = File(bits, offset: 2)
    let matrix = WeightMatrix(.bfloat16, at: file.bytes + 2, outputs: 20, inputs: 40, owner: file)
    let y = product([matrix], [Float](repeating: 1, count: 40), rows: 1)
    for (j, value) in y.enumerated() {
      switch j {
      case 3: XCTAssert(value.isNaN)
      case 7: XCTAssertEqual(value, .infinity)
      default: XCTAssertEqual(value, 40)
      }
    }
  }
}
