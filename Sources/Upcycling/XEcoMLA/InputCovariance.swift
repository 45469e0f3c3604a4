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
  of model: LanguageModel, layers: [Int], windows: [[Int32]], regularisation: Double = 1e-3
) -> [Int: Matrix] {
  let width = model.config.hiddenSize
  var sums = Dictionary(uniqueKeysWithValues: layers.map { ($0, Matrix.zeros(width, width)) })
  let tokens = model.eachMixerInput(of: layers, windows: windows) { _, layer, input in
    guard var sum = sums[layer] else { return }
    let normed = input.value
    let part = Tensor([width, width])
    gemm(
      transA: true, m: width, n: width, k: normed.rowCount, a: normed.pointer, lda: width, b: normed.pointer,
      ldb: width, c: part.pointer, ldc: width)
    sums[layer] = nil
    for i in 0..<part.count { sum.values[i] += Double(part.pointer[i]) }
    sums[layer] = sum
  }
  return sums.mapValues { sum in
    var mean = sum
    for i in 0..<mean.values.count { mean.values[i] /= Double(max(tokens, 1)) }
    let ridge = regularisation * (0..<width).reduce(0) { $0 + mean[$1, $1] } / Double(width)
    for i in 0..<width { mean[i, i] += ridge }
    return mean
  }
}
