import Autograd
import ModelCore

/// SMART's scores (Zebra-Llama, section 3.3): how much one ILD-trained latent-attention layer, put into the all-linear
/// model, lowers the divergence from the base. Larger: latent attention is more useful there.
///
///   s_i = KL(base || all linear) - KL(base || all linear with layer i latent),  mean per token
///
/// The layers below i are the same in both, so their output is computed once: L^2 / 2 layer passes, not L^2.
/// - Parameters:
///   - windows: token ids, equally long
///   - chosen: layers that are latent already, for what one more adds beside them
///   - progress: (batches done, batches)
/// - Returns: KL of the all-linear model (with the chosen layers latent) and the score of every layer, nats per
///   token; a chosen layer's is 0
public func layerSensitivities(
  base: LanguageModel, latent: LanguageModel, linear: LanguageModel, windows: [[Int32]], beside chosen: [Int] = [],
  batch: Int = 8, progress: (Int, Int) throws -> Void = { _, _ in }
) throws -> (divergence: Double, scores: [Double]) {
  let count = base.layers.count
  let layers = (0..<count).map { chosen.contains($0) ? latent.layers[$0] : linear.layers[$0] }
  let compared = try TeacherWindows(base, windows: windows, batch: batch)
  var startingSum = 0.0
  var swappedSums = [Double](repeating: 0, count: count)
  for (index, part) in compared.batches.enumerated() {
    let tape = Tape(recording: false)
    let (taught, positions) = (compared.taught(part), part.positionIds)
    func divergence(_ x: Variable) -> Double {
      part.sums(tape, linear.normed(tape, x), of: linear, against: taught).divergence
    }
    func pass(_ layer: DecoderLayer, _ x: Variable) -> Variable {
      layer.forward(tape, x, batch: part.count, time: part.time, positionIds: positions)
    }
    var below = linear.embedded(tape, part.ids, positionIds: positions, leading: [part.count, part.time])
    for layer in 0..<count {
      if !chosen.contains(layer) {
        var x = pass(latent.layers[layer], below)
        for above in layers[(layer + 1)...] { x = pass(above, x) }
        swappedSums[layer] += divergence(x)
      }
      below = pass(layers[layer], below)
    }
    startingSum += divergence(below)
    try progress(index + 1, compared.batches.count)
  }
  let perToken = 1 / Double(compared.tokens)
  return (
    startingSum * perToken,
    swappedSums.enumerated().map { chosen.contains($0) ? 0 : (startingSum - $1) * perToken }
  )
}

/// KL-guided greedy selection: `count` times the layer that lowers the divergence most beside those already chosen,
/// measured anew every time; the lowest layer of equals. A rival of SMART that never looks at spacing (compare
/// arXiv 2512.20569, which ranks layers by one swap each).
///
/// - Parameters:
///   - windows: as of `layerSensitivities`
///   - progress: (batches done, batches) over all rounds
/// - Returns: the layers in the order of choice, and what each added, nats per token
public func greedyLayers(
  base: LanguageModel, latent: LanguageModel, linear: LanguageModel, windows: [[Int32]], count: Int,
  progress: (Int, Int) throws -> Void = { _, _ in }
) throws -> [(layer: Int, gain: Double)] {
  var chosen: [(layer: Int, gain: Double)] = []
  for round in 0..<count {
    let layers = chosen.map(\.layer)
    let (_, scores) = try layerSensitivities(
      base: base, latent: latent, linear: linear, windows: windows, beside: layers
    ) { done, batches in try progress(round * batches + done, count * batches) }
    let best = scores.indices.filter { !layers.contains($0) }.max { (scores[$0], -$0) < (scores[$1], -$1) }
    guard let best else { break }
    chosen.append((best, scores[best]))
  }
  return chosen
}
