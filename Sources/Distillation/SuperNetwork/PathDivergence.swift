import Autograd
import Groundwork
import ModelCore
import TensorCore

/// KL(base || path) of a super-network's paths on windows of text, mean per token, nats.
public struct PathDivergence {
  private let network: SuperNetwork
  private let batches: [Batch]
  private let tokens: Int

  /// Some windows and what the base makes of them.
  private struct Batch {
    var count: Int
    var ids: [Int32]
    var targets: [Int32]
    var teacher: TeacherHead
  }

  /// - Parameters:
  ///   - windows: token ids, equally long; all positions but the last are compared
  ///   - batch: windows of a forward pass
  /// - Throws: a failure where there is no window of two tokens
  public init(_ network: SuperNetwork, windows: [[Int32]], batch: Int = 8) throws {
    guard let time = windows.first?.count, time > 1 else {
      throw UpcycleError("no window of at least two tokens to measure on")
    }
    self.network = network
    let base = network.base
    batches = stride(from: 0, to: windows.count, by: batch).map { start in
      let part = windows[start..<min(start + batch, windows.count)]
      let ids = part.flatMap { $0 }
      let states = base.hidden(Tape(recording: false), ids: ids, batch: part.count, time: time).value
      return Batch(
        count: part.count, ids: ids, targets: part.flatMap { $0.dropFirst() + [-1] },
        teacher: TeacherHead(hidden: states, weight: base.head.value, cap: base.logitCap))
    }
    tokens = windows.count * (time - 1)
  }

  /// Of the path whose attention layers these are.
  public func callAsFunction(_ attention: [Int]) -> Double {
    let sum = batches.reduce(0.0) { sum, batch in
      let tape = Tape(recording: false)
      let output = network.output(
        tape, ids: batch.ids, batch: batch.count, time: batch.ids.count / batch.count, attention: Set(attention))
      return sum
        + tape.headLoss(
          network.base.normed(tape, output), head: network.base.head, targets: batch.targets, teacher: batch.teacher,
          ceWeight: 0, klWeight: 1, scale: 1, cap: network.base.logitCap
        ).sums.divergence
    }
    return sum / Double(tokens)
  }
}
