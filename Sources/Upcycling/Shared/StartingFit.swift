import Autograd
import Groundwork
import ModelCore

/// How far a converted model is from its base before any training, in nats per token.
public struct StartingFit: Codable, Equatable, Sendable {
  /// Mean next-token loss of the converted model and of its base.
  public var loss: Double
  /// The base's mean next-token loss, nats.
  public var baseLoss: Double
  /// Mean KL(base || converted).
  public var divergence: Double
  /// Positions measured.
  public var tokens: Int

  /// - Parameter windows: token ids, equally long; every position but the last is scored on the next id.
  public init(_ model: LanguageModel, base: LanguageModel, windows: [[Int32]], batch: Int = 8) throws {
    guard let time = windows.first?.count, time > 1 else {
      throw UpcycleError("no window of at least two tokens to measure on")
    }
    var student = HeadLossSums()
    var teacher = HeadLossSums()
    for start in stride(from: 0, to: windows.count, by: batch) {
      let part = windows[start..<min(start + batch, windows.count)]
      let ids = part.flatMap { $0 }
      let targets = part.flatMap { $0.dropFirst() + [-1] }
      let tape = Tape(recording: false)
      let states = base.hidden(tape, ids: ids, batch: part.count, time: time)
      let own = model.hidden(tape, ids: ids, batch: part.count, time: time)
      teacher += tape.headLoss(states, head: base.head, targets: targets, scale: 1, cap: base.logitCap).sums
      student +=
        tape.headLoss(
          own, head: model.head, targets: targets,
          teacher: TeacherHead(hidden: states.value, weight: base.head.value, cap: base.logitCap), ceWeight: 1,
          klWeight: 1, scale: 1, cap: model.logitCap
        ).sums
    }
    let count = Double(max(student.tokens, 1))
    loss = student.crossEntropy / count
    baseLoss = teacher.crossEntropy / count
    divergence = student.divergence / count
    tokens = student.tokens
  }
}
