import TensorCore
import XCTest

extension Tensor {
  /// Largest absolute value.
  public var maxMagnitude: Float { toArray().reduce(0) { max($0, abs($1)) } }
}

/// Largest |a - b| divided by the largest |b|.
public func relativeError(_ a: [Float], _ b: [Float]) -> Double {
  precondition(a.count == b.count, "\(a.count) against \(b.count) values")
  var worst: Float = 0
  var scale: Float = 1e-30
  for (x, y) in zip(a, b) {
    if !(x - y).isFinite { return .infinity }
    worst = max(worst, abs(x - y))
    scale = max(scale, abs(y))
  }
  return Double(worst / scale)
}

/// Root mean square of the difference over that of `b`.
public func relativeRMS(_ a: [Float], _ b: [Float]) -> Double {
  precondition(a.count == b.count, "\(a.count) against \(b.count) values")
  var difference = 0.0
  var scale = 1e-30
  for (x, y) in zip(a, b) {
    difference += Double(x - y) * Double(x - y)
    scale += Double(y) * Double(y)
  }
  return (difference / scale).squareRoot()
}

/// Fails naming the tensor when two arrays differ by more than `tolerance` (see `relativeError`).
public func assertClose(
  _ a: [Float], _ b: [Float], _ name: String, tolerance: Double, file: StaticString = #filePath, line: UInt = #line
) {
  let error = relativeError(a, b)
  XCTAssertLessThanOrEqual(error, tolerance, "\(name) differs", file: file, line: line)
}
