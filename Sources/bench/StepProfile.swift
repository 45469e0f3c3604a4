import Autograd
import Distillation
import Foundation
import Groundwork
import ModelCore
import Published

/// Where a training step spends its time, by kind of operation: the tape's own record of every operation,
/// forward and backward, and the optimizer's sweep.
struct StepProfile: Encodable {
  struct Row: Encodable {
    var operation: String
    var calls: Int
    var forward: Double
    var backward: Double
    var share: Double
  }

  var preset: String
  /// Milliseconds per step, median.
  var step: Double
  /// Milliseconds per step of the fastest step, as in `rows`.
  var fastest: Double
  var rows: [Row]

  init(preset: String, repeats: Int, batch: Int = 8, time: Int = 256) throws {
    let config = try ModelConfig.preset(preset)
    let model = try LanguageModel(config, weights: RandomWeights(seed: 1, layers: config.layerCount))
    let optimizer = AdamW(model.parameters, .init())
    let stream = RandomStream(seed: 1, "bench profile")
    let ids = (0..<batch * time).map { Int32(stream.below(config.vocabularySize, at: UInt64($0))) }
    let targets = Array(ids.dropFirst()) + [0]

    var totals: [Double] = []
    var best: [Row] = []
    for _ in 0..<repeats + 2 {
      let profile = OperationProfile()
      let began = monotonicSeconds()
      model.parameters.zeroGradients()
      let zeroed = monotonicSeconds()
      let tape = Tape(recording: true, profile: profile)
      let hidden = model.hidden(tape, ids: ids, batch: batch, time: time)
      let (loss, _) = tape.headLoss(hidden, head: model.head, targets: targets, scale: 1 / Float(ids.count))
      tape.backward(from: loss)
      let propagated = monotonicSeconds()
      let norm = optimizer.gradientNorm()
      optimizer.update(rate: 1e-4, gradientScale: 1 / max(1, norm))
      let ended = monotonicSeconds()
      let total = 1e3 * (ended - began)
      if totals.isEmpty || total < totals.min()! {
        var rows = profile.entries.map { name, entry in
          Row(
            operation: name, calls: entry.calls, forward: 1e3 * entry.forward, backward: 1e3 * entry.backward, share: 0)
        }
        rows.append(Row(operation: "zero gradients", calls: 1, forward: 1e3 * (zeroed - began), backward: 0, share: 0))
        rows.append(
          Row(operation: "norm and AdamW", calls: 1, forward: 1e3 * (ended - propagated), backward: 0, share: 0))
        let known = rows.reduce(0) { $0 + $1.forward + $1.backward }
        rows.append(Row(operation: "everything else", calls: 1, forward: total - known, backward: 0, share: 0))
        best = rows.map { row in
          var row = row
          row.share = (row.forward + row.backward) / total
          return row
        }.sorted { $0.share > $1.share }
      }
      totals.append(total)
    }
    self.preset = preset
    step = median(Array(totals.dropFirst(2)))
    fastest = totals.min()!
    rows = best
  }

  func text(json: Bool) throws -> String {
    if json {
      return try jsonText(self, pretty: true)
    }
    let head = String(format: "%@: %.0f ms a step (median), fastest %.0f ms", preset, step, fastest)
    let lines = rows.map { row in
      let name = row.operation.leftAligned(28)
      return name
        + String(
          format: "%4d calls %8.1f ms forward %8.1f ms backward %5.1f %%", row.calls, row.forward, row.backward,
          100 * row.share)
    }
    return ([head] + lines).joined(separator: "\n")
  }
}
