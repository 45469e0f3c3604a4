import Foundation
import TensorCore

/// What a preference loss measured, summed over its pairs in float64.
public struct PreferenceSums: Sendable {
  /// Pairs that counted.
  public var pairs = 0
  /// -log sigmoid(margin), nats.
  public var loss = 0.0
  /// Reward of the chosen reply minus that of the rejected one; reward = beta (log policy - log reference).
  public var margin = 0.0
  /// Pairs whose chosen reply has the higher reward.
  public var correct = 0
  /// Log-probability of the replies under the policy, nats per reply.
  public var chosen = 0.0
  /// The same of the rejected replies.
  public var rejected = 0.0

  /// Nothing measured.
  public init() {}

  /// Adds what a part of the batch measured.
  public static func += (sums: inout PreferenceSums, part: PreferenceSums) {
    sums.pairs += part.pairs
    sums.loss += part.loss
    sums.margin += part.margin
    sums.correct += part.correct
    sums.chosen += part.chosen
    sums.rejected += part.rejected
  }
}

extension Tape {
  /// Direct preference optimisation (Rafailov et al. 2023; X-EcoMLA's "DPO"), with c and r the chosen and the
  /// rejected reply of a pair and log p(y) the sum over a reply's tokens:
  ///   margin = beta ((log p(c) - log ref(c)) - (log p(r) - log ref(r)))
  ///   loss   = sum over pairs of -log sigmoid(margin) * scale.
  /// d loss / d log p(c) = -beta sigmoid(-margin) scale, and its negative for r, at every token of the reply.
  /// - Parameters:
  ///   - logProbabilities: [2 P, T], 0 outside the replies; sequence 2 i is chosen, 2 i + 1 rejected.
  ///   - reference: log ref of the same 2 P replies, nats.
  ///   - scale: 1 / (pairs of the whole optimizer step): `meanPerPair`.
  public func preferenceLoss(
    _ logProbabilities: Variable, reference: [Double], beta: Double, scale: Double
  ) -> (loss: Variable, sums: PreferenceSums) {
    let policy = sequenceSums(logProbabilities.value)
    precondition(policy.count == reference.count && policy.count % 2 == 0)
    var sums = PreferenceSums()
    var slopes: [Float] = []
    for i in stride(from: 0, to: policy.count, by: 2) {
      let margin = beta * ((policy[i] - reference[i]) - (policy[i + 1] - reference[i + 1]))
      // log(1 + e^-margin) without overflow, and its slope sigmoid(-margin).
      let decay = exp(-abs(margin))
      sums.pairs += 1
      sums.loss += log1p(decay) + max(0, -margin)
      sums.margin += margin
      sums.correct += margin > 0 ? 1 : 0
      sums.chosen += policy[i]
      sums.rejected += policy[i + 1]
      let slope = Float(beta * scale * (margin > 0 ? decay : 1) / (1 + decay))
      slopes += [-slope, slope]
    }
    let time = logProbabilities.width
    let loss = record(Tensor([1], values: [Float(sums.loss * scale)]), inputs: [logProbabilities]) { dLoss in
      let d = Tensor(logProbabilities.shape)
      for (sequence, slope) in slopes.enumerated() {
        (d.pointer + sequence * time).update(repeating: dLoss.pointer[0] * slope, count: time)
      }
      self.accumulate(d, into: logProbabilities)
    }
    return (loss, sums)
  }
}

/// Sums along the innermost axis of [S, T], in float64: the log-probability of every sequence.
public func sequenceSums(_ values: Tensor) -> [Double] {
  let time = values.width
  return (0..<values.rowCount).map { sequence in
    var sum = 0.0
    for row in sequence * time..<(sequence + 1) * time { sum += Double(values.pointer[row]) }
    return sum
  }
}
