import Autograd
import Groundwork
import ModelCore
import TensorCore

/// SMART's scores (Zebra-Llama 2.5): how much one ILD-trained latent-attention layer, put into the all-linear model,
/// lowers the divergence from the base. Larger: latent attention is more useful there.
///
///   s_i = KL(base || all linear) - KL(base || all linear with layer i latent),  mean per token
///
/// The layers below i are the same in both, so their output is computed once: L^2 / 2 layer passes, not L^2.
/// - Parameters:
///   - windows: token ids, equally long
///   - progress: (batches done, batches)
/// - Returns: KL of the all-linear model and the score of every layer, nats per token
public func layerSensitivities(
  base: LanguageModel, latent: LanguageModel, linear: LanguageModel, windows: [[Int32]], batch: Int = 8,
  progress: (Int, Int) throws -> Void = { _, _ in }
) throws -> (divergence: Double, scores: [Double]) {
  let count = base.layers.count
  guard let time = windows.first?.count, time > 1 else {
    throw UpcycleError("no window of at least two tokens to measure on")
  }
  var linearSum = 0.0
  var swappedSums = [Double](repeating: 0, count: count)
  var tokens = 0
  let batches = (windows.count + batch - 1) / batch
  for index in 0..<batches {
    let part = windows[index * batch..<min((index + 1) * batch, windows.count)]
    let ids = part.flatMap { $0 }
    let positions = (0..<ids.count).map { Int32($0 % time) }
    let tape = Tape(recording: false)
    let targets = part.flatMap { $0.dropFirst() + [-1] }
    let teacher = TeacherHead(
      hidden: base.hidden(tape, ids: ids, batch: part.count, time: time).value, weight: base.head.value)
    func divergence(_ x: Variable) -> Double {
      let hidden = tape.rmsNorm(x, linear.finalNorm, eps: Float(base.config.rmsNormEps))
      return tape.headLoss(
        hidden, head: linear.head, targets: targets, teacher: teacher, ceWeight: 0, klWeight: 1, scale: 1
      ).sums.divergence
    }
    func pass(_ layer: DecoderLayer, _ x: Variable) -> Variable {
      layer.forward(tape, x, batch: part.count, time: time, positionIds: positions)
    }
    var below = tape.embedding(linear.embedding, ids: ids, leading: [part.count, time])
    for layer in 0..<count {
      var x = pass(latent.layers[layer], below)
      for above in linear.layers[(layer + 1)...] { x = pass(above, x) }
      swappedSums[layer] += divergence(x)
      below = pass(linear.layers[layer], below)
    }
    linearSum += divergence(below)
    tokens += targets.count { $0 >= 0 }
    try progress(index + 1, batches)
  }
  let perToken = 1 / Double(tokens)
  return (linearSum * perToken, swappedSums.map { (linearSum - $0) * perToken })
}
