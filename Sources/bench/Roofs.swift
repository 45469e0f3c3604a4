import CKernels
import Foundation
import Groundwork
import TensorCore

/// What this machine can do at best, measured on the same threads as everything else.
enum Roof: String, Codable {
  /// Floating-point operations per second of a large square float32 product.
  case sgemm
  /// Bytes per second (read + written) of copying buffers far larger than the caches.
  case memcpy
  /// Bytes per second of reading a buffer far larger than the caches.
  case read
  /// Exponentials per second of attention's own, in the first-level cache.
  case exp
  /// Floating-point operations per second of the dense product that does as much as a layer's experts.
  case dense
  /// What the parts of the work take at their roofs, one after the other.
  case sum
}

/// The ceilings, each measured at its first use and again at its every later one: the best counts.
final class Roofs {
  private(set) var best: [Roof: Double] = [:]

  /// Measures it once more.
  func measure(_ roof: Roof) {
    let rate =
      switch roof {
      case .sgemm: Self.sgemm()
      case .memcpy: Self.memcpy()
      case .read: Self.read()
      case .exp: Self.exponentials()
      case .dense: ExpertShape().denseRate()
      case .sum: preconditionFailure("a sum has parts")
      }
    best[roof] = max(best[roof] ?? 0, rate)
  }

  private static func sgemm() -> Double {
    let n = 1536
    let a = Tensor([n, n])
    let b = Tensor([n, n])
    a.fill(0.5)
    b.fill(0.25)
    var c = a.matrixProduct(b)
    let seconds = (0..<5).map { _ in
      let began = monotonicSeconds()
      c = a.matrixProduct(b)
      return monotonicSeconds() - began
    }.min()!
    precondition(c.pointer[0] > 0)
    return 2 * Double(n * n * n) / seconds
  }

  private static func exponentials() -> Double {
    let (count, rounds, pieces) = (2048, 20_000, Threads.count)
    let x = Tensor([pieces, count])
    x.fill(-1)
    let seconds = (0..<5).map { _ in
      let began = monotonicSeconds()
      Threads.parallel(pieces) { piece in
        for _ in 0..<rounds { up_attention_exponentials(x.pointer + piece * count, count) }
      }
      return monotonicSeconds() - began
    }.min()!
    return Double(pieces * count * rounds) / seconds
  }

  /// In eight streams a thread, as a product reads rows side by side.
  private static func read() -> Double {
    let (count, pieces, streams, step) = (512 << 18, Threads.count, 8, 1 << 10)
    let from = Tensor([count])
    from.fill(1)
    let length = count / pieces / streams
    let seconds = (0..<5).map { _ in
      let began = monotonicSeconds()
      Threads.parallel(pieces) { piece in
        for low in stride(from: 0, to: length, by: step) {
          for stream in 0..<streams {
            _ = up_count_nonfinite(from.pointer + (piece * streams + stream) * length + low, min(step, length - low))
          }
        }
      }
      return monotonicSeconds() - began
    }.min()!
    return 4 * Double(length * pieces * streams) / seconds
  }

  private static func memcpy() -> Double {
    let count = 256 << 18
    let from = Tensor([count])
    let to = Tensor([count])
    from.fill(1)
    to.fill(0)
    let pieces = Threads.count
    let seconds = (0..<5).map { _ in
      let began = monotonicSeconds()
      Threads.parallel(pieces) { piece in
        let low = count * piece / pieces
        (to.pointer + low).update(from: from.pointer + low, count: count * (piece + 1) / pieces - low)
      }
      return monotonicSeconds() - began
    }.min()!
    return 2 * 4 * Double(count) / seconds
  }
}
