import CKernels
import Foundation
import Groundwork
import TensorCore

extension Workload {
  /// Fused attention, forward and backward, of shapes from the ladder's to long contexts.
  static var attention: [Workload] {
    [
      attention("attention_d256", heads: 64, time: 256, width: 32, "8 sequences x 8 heads of 32, 256 tokens"),
      attention("attention_nano", heads: 128, time: 256, width: 8, "8 sequences x 16 heads of 8, 256 tokens"),
      attention("attention_4k", heads: 2, time: 4096, width: 64, "2 heads of 64, 4096 tokens"),
    ]
  }

  private static func attention(_ name: String, heads: Int, time: Int, width: Int, _ shape: String) -> Workload {
    // Causal half of 2 products forward, 5 backward (one recomputes the scores).
    let work = 7.0 * Double(heads * time * time * width)
    return Workload(
      name: name, summary: "causal attention, forward and backward: \(shape)", unit: "GFLOP/s", amount: work / 1e9,
      work: [(work, .sgemm)]
    ) {
      let (q, k, v, dout) = (
        random([heads, time, width], 1), random([heads, time, width], 2), random([heads, time, width], 3),
        random([heads, time, width], 4)
      )
      let out = Tensor([heads, time, width])
      let sums = Tensor([heads, time])
      let (dq, dk, dv) = (Tensor.zeros(q.shape), Tensor.zeros(k.shape), Tensor.zeros(v.shape))
      let scale = 1 / Float(width).squareRoot()
      return {
        Threads.parallel(heads) { head in
          let row = head * time * width
          up_attention_forward(
            q.pointer + row, width, k.pointer + row, width, v.pointer + row, width, out.pointer + row, width,
            sums.pointer + head * time, time, time, width, width, scale)
          up_attention_backward(
            q.pointer + row, width, k.pointer + row, width, v.pointer + row, width, out.pointer + row, width,
            dout.pointer + row, width, sums.pointer + head * time, dq.pointer + row, width, dk.pointer + row, width,
            dv.pointer + row, width, time, time, width, width, scale)
        }
      }
    }
  }

  private static func random(_ shape: [Int], _ seed: UInt64) -> Tensor {
    let stream = RandomStream(seed: seed, "bench")
    return Tensor(shape, values: (0..<shape.reduce(1, *)).map { Float(stream.normal(at: UInt64($0))) })
  }

  static var sgemmPeak: Workload {
    let n = 1536
    let work = 2 * Double(n * n * n)
    return Workload(
      name: "sgemm_peak", summary: "float32 product of \(n) x \(n) matrices", unit: "GFLOP/s", amount: work / 1e9,
      work: [(work, .sgemm)]
    ) {
      let (a, b) = (random([n, n], 1), random([n, n], 2))
      return { _ = a.matrixProduct(b) }
    }
  }

  static var memcpyPeak: Workload {
    let count = 1 << 26
    let work = 8 * Double(count)
    return Workload(
      name: "memcpy_peak", summary: "copying 256 MiB, bytes read and written", unit: "GB/s", amount: work / 1e9,
      work: [(work, .memcpy)]
    ) {
      let (from, to) = (Tensor.zeros([count]), Tensor.zeros([count]))
      return {
        let pieces = Threads.count
        Threads.parallel(pieces) { piece in
          let low = count * piece / pieces
          (to.pointer + low).update(from: from.pointer + low, count: count * (piece + 1) / pieces - low)
        }
      }
    }
  }
}
