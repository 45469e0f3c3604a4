import Groundwork

/// GFLOP/s of a matrix product on the calling thread, at a training's shapes: the best of what fits into a twentieth of a
/// second of work (`workSeconds`), so that other work disturbs it little. Times of different machines are compared by it.
public func productSpeed() -> Double {
  let (rows, columns, inner) = (512, 512, 256)
  let (a, b, c) = (Tensor.zeros([rows, inner]), Tensor.zeros([inner, columns]), Tensor.zeros([rows, columns]))
  // Numbers that a product must really multiply.
  a.fill(0.5)
  b.fill(0.25)
  var best = Double.infinity
  let end = workSeconds() + 0.05
  repeat {
    let start = workSeconds()
    serialGemm(
      m: rows, n: columns, k: inner, a: a.pointer, lda: inner, b: b.pointer, ldb: columns, c: c.pointer, ldc: columns)
    best = min(best, workSeconds() - start)
  } while workSeconds() < end
  return (2 * Double(rows * columns * inner) / best / 1e9 * 10).rounded() / 10
}
