import Autograd
import ModelCore
import TensorCore

/// Second moments E x x^T [d, d] of each layer's normed mixer input over calibration text, float64, for the
/// covariance-weighted factorisation.
///
/// Directions that the text never used would be free to the factorisation, so a small multiple of the mean
/// variance is added to the diagonal.
/// - Parameter windows: token ids, equally long
public func inputCovariances(
  of model: LanguageModel, layers: [Int], windows: [[Int32]], regularisation: Double = 1e-3, batch: Int = 8
) -> [Int: Matrix] {
  let width = model.config.hiddenSize
  var sums = Dictionary(uniqueKeysWithValues: layers.map { ($0, Matrix.zeros(width, width)) })
  var tokens = 0
  for start in stride(from: 0, to: windows.count, by: batch) {
    let part = windows[start..<min(start + batch, windows.count)]
    let ids = part.flatMap { $0 }
    let tape = Tape(recording: false)
    func add(_ x: Variable, layer: Int) {
      guard var sum = sums[layer] else { return }
      let normed = model.layers[layer].mixerInput(tape, ResidualStreams(x)).value
      let part = Tensor([width, width])
      gemm(
        transA: true, m: width, n: width, k: normed.rowCount, a: normed.pointer, lda: width, b: normed.pointer,
        ldb: width, c: part.pointer, ldc: width)
      sums[layer] = nil
      for i in 0..<part.count { sum.values[i] += Double(part.pointer[i]) }
      sums[layer] = sum
    }
    let positions = ids.indices.map { Int32($0 % part.first!.count) }
    add(model.embedded(tape, ids, positionIds: positions, leading: [ids.count]), layer: 0)
    _ = model.hidden(tape, ids: ids, batch: part.count, time: part.first!.count) { add($1, layer: $0 + 1) }
    tokens += ids.count
  }
  return sums.mapValues { sum in
    var mean = sum
    for i in 0..<mean.values.count { mean.values[i] /= Double(max(tokens, 1)) }
    let ridge = regularisation * (0..<width).reduce(0) { $0 + mean[$1, $1] } / Double(width)
    for i in 0..<width { mean[i, i] += ridge }
    return mean
  }
}
