import Autograd
import ModelCore

/// How far a converted model is from its base before any training, in nats per token.
public struct StartingFit: Codable, Equatable, Sendable {
  /// The converted model's mean next-token loss, nats.
  public var loss: Double
  /// The base's mean next-token loss, nats.
  public var baseLoss: Double
  /// Mean KL(base || converted).
  public var divergence: Double
  /// Positions measured.
  public var tokens: Int

  /// - Parameters:
  ///   - windows: token ids, equally long; every position but the last is scored on the next id
  ///   - answers: which of a window's ids are scored; nil: all
  public init(
    _ model: LanguageModel, base: LanguageModel, windows: [[Int32]], answers: [[Bool]]? = nil, batch: Int = 8
  ) throws {
    let compared = try TeacherWindows(base, windows: windows, answers: answers, batch: batch)
    var student = HeadLossSums()
    var teacher = HeadLossSums()
    for part in compared.batches {
      let tape = Tape(recording: false)
      let taught = compared.taught(part)
      let own = model.hidden(tape, ids: part.ids, batch: part.count, time: part.time)
      teacher += part.sums(tape, tape.constant(taught.hidden), of: base)
      student += part.sums(tape, own, of: model, against: taught)
    }
    let count = Double(max(student.tokens, 1))
    loss = student.crossEntropy / count
    baseLoss = teacher.crossEntropy / count
    divergence = student.divergence / count
    tokens = student.tokens
  }
}
