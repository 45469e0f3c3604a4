import Distillation
import TokenData

/// Batches in which only answers count: other targets become -1, which every loss leaves out.
final class AnswerBatches: BatchSource {
  private let batches: any BatchSource
  private let mask: AnswerMask
  private let time: Int

  init(_ batches: any BatchSource, mask: AnswerMask, time: Int) {
    self.batches = batches
    self.mask = mask
    self.time = time
  }

  func batch(step: Int) throws -> (ids: [Int32], targets: [Int32]) {
    var (ids, targets) = try batches.batch(step: step)
    for start in stride(from: 0, to: ids.count, by: time) {
      // A row's tokens and the one after them: its targets are all but the first.
      let row = Array(ids[start..<start + time]) + [targets[start + time - 1]]
      for (index, isAnswer) in mask.answers(row).dropFirst().enumerated() where !isAnswer {
        targets[start + index] = -1
      }
    }
    return (ids, targets)
  }
}
