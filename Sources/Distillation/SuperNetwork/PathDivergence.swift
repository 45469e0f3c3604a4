import Autograd
import ModelCore

/// KL(base || path) of a super-network's paths on windows of text, mean per token, nats.
public struct PathDivergence {
  private let network: SuperNetwork
  private let windows: TeacherWindows
  /// What the base makes of every batch of windows: many paths are compared with it.
  private let taught: [TeacherHead]

  /// - Parameters:
  ///   - windows: token ids, equally long; all positions but the last are compared
  ///   - batch: windows of a forward pass
  /// - Throws: a failure where there is no window of two tokens
  public init(_ network: SuperNetwork, windows: [[Int32]], batch: Int = 8) throws {
    let compared = try TeacherWindows(network.base, windows: windows, batch: batch)
    self.network = network
    self.windows = compared
    taught = compared.batches.map { compared.taught($0) }
  }

  /// Of the path whose attention layers these are.
  public func callAsFunction(_ attention: [Int]) -> Double {
    var sum = 0.0
    for (batch, taught) in zip(windows.batches, self.taught) {
      let tape = Tape(recording: false)
      let output = network.output(
        tape, ids: batch.ids, batch: batch.count, time: batch.time, attention: Set(attention))
      let states = network.base.normed(tape, output)
      sum += batch.sums(tape, states, of: network.base, against: taught).divergence
    }
    return sum / Double(windows.tokens)
  }
}
