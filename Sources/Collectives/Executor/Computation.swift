import Foundation
import Groundwork
import TensorCore

/// What stands for the computation of an operation in timing experiments.
public enum Computation: String, CaseIterable, Sendable {
  /// Sleeping: real messages, no contention for cores.
  case sleep
  /// Matrix products, as many as took the duration when they ran alone.
  case product
}

/// Computation cut in slices.
protocol SlicedComputation: AnyObject {
  /// Computes for `milliseconds`, calling `poll` between slices.
  func run(milliseconds: Double, poll: () -> Void)
}

/// Sleeps to a deadline, a quarter of a millisecond at a time.
final class Sleeping: SlicedComputation {
  func run(milliseconds: Double, poll: () -> Void) {
    let end = monotonicSeconds() + milliseconds / 1000
    while true {
      let left = end - monotonicSeconds()
      if left <= 0 { return }
      var time = timespec(tv_sec: 0, tv_nsec: Int(1e9 * min(left, 250e-6)))
      nanosleep(&time, nil)
      poll()
    }
  }
}

/// Products of square matrices on the calling thread, one a slice.
final class Multiplying: SlicedComputation {
  private static let edge = 160
  private let (a, b, c): (Tensor, Tensor, Tensor)
  /// Milliseconds of one product where nothing is communicated.
  let unit: Double

  /// Measures a product while all ranks do the same: the fastest tenth of many, the mean over ranks. What disturbs a
  /// rank later makes computation longer than wanted, never shorter.
  init(_ ranks: any Communicator) throws {
    let random = RandomStream(seed: 1, "overlap products")
    let n = Self.edge
    let matrices = (0..<3).map { part in
      Tensor([n, n], values: (0..<n * n).map { Float(random.uniform(at: UInt64(part * n * n + $0))) - 0.5 })
    }
    (a, b, c) = (matrices[0], matrices[1], matrices[2])
    try ranks.barrier()
    var times: [Double] = []
    for _ in 0..<1000 {
      let start = monotonicSeconds()
      Self.multiply(a, b, c)
      times.append(1000 * (monotonicSeconds() - start))
    }
    unit = try ranks.mean([times.sorted()[100]])[0]
  }

  func run(milliseconds: Double, poll: () -> Void) {
    if milliseconds <= 0 { return }
    for _ in 0..<max(1, Int((milliseconds / unit).rounded())) {
      Self.multiply(a, b, c)
      poll()
    }
  }

  private static func multiply(_ a: Tensor, _ b: Tensor, _ c: Tensor) {
    rowwiseGemm(
      transB: false, m: edge, n: edge, k: edge, a: a.pointer, lda: edge, b: b.pointer, ldb: edge, c: c.pointer,
      ldc: edge)
  }
}
