import Autograd
import ModelCore

/// Whom a student follows: a frozen model that runs beside it, or what such a model said before (`TeacherCache`).
public protocol Teacher: AnyObject {
  /// Rows of its head; those beyond the student's, which no token has, are left out.
  var vocabularySize: Int { get }
  /// Final hidden states [batch * time, width] of micro-batch `part` of a step, with the head that makes logits of
  /// them chunk by chunk: the teacher's logits never stand in memory (HyLo Table 9).
  /// - Parameter ids: [batch * time]
  func teaching(step: Int, part: Int, ids: [Int32], batch: Int, time: Int) throws -> TeacherHead
}

extension LanguageModel: Teacher {
  /// As the config says.
  public var vocabularySize: Int { config.vocabularySize }

  /// Runs the model without gradients; `step` and `part` change nothing.
  public func teaching(step: Int, part: Int, ids: [Int32], batch: Int, time: Int) -> TeacherHead {
    let states = hidden(Tape(recording: false), ids: ids, batch: batch, time: time).value
    return TeacherHead(hidden: states.reshaped([states.rowCount, states.width]), weight: head.value, cap: logitCap)
  }
}
