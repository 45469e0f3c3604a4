import CKernels
import Glibc
import TensorCore

/// The matrices that `Tape.attention` multiplies values by, written out: softmax over what position i sees, 0 elsewhere,
/// [B, H, T * T]. No gradient flows through them. Quadratic in time and memory; parallel over (sequence, head).
/// - Parameters:
///   - chunk: i sees only j of its own chunk of so many positions; nil: all
///   - window: i sees the last so many positions, its own among them; nil: all
///   - cap: soft cap of the scores; 0: none
public func attentionMatrices(
  q: HeadSlices, k: HeadSlices, batch: Int, time: Int, scale: Float, chunk: Int? = nil, window: Int? = nil,
  cap: Float = 0
) -> Tensor {
  let heads = q.layout.heads
  let perGroup = heads / k.layout.heads
  precondition(heads % k.layout.heads == 0 && q.layout.width == k.layout.width)
  let matrices = Tensor([batch, heads, time * time])
  Threads.parallel(batch * heads) { index in
    let (b, h) = index.quotientAndRemainder(dividingBy: heads)
    let out = matrices.pointer + index * time * time
    serialGemm(
      transB: true, m: time, n: time, k: q.layout.width, alpha: scale, a: q.start(b, h, time), lda: q.rowStride,
      b: k.start(b, h / perGroup, time), ldb: k.rowStride, c: out, ldc: time)
    for i in 0..<time {
      let first = max(chunk.map { i / $0 * $0 } ?? 0, window.map { i + 1 - $0 } ?? 0)
      let (row, count) = (out + i * time, i + 1 - first)
      let seen = row + first
      if cap > 0 { for j in 0..<count { seen[j] = cap * tanh(seen[j] / cap) } }
      var largest = -Float.infinity
      for j in 0..<count { largest = max(largest, seen[j]) }
      up_exp_shifted(seen, largest, seen, count)
      var sum: Float = 0
      for j in 0..<count { sum += seen[j] }
      up_scale(1 / sum, seen, count)
      row.update(repeating: 0, count: first)
      (row + i + 1).update(repeating: 0, count: time - i - 1)
    }
  }
  return matrices
}
