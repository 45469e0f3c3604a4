import Autograd
import Groundwork

/// Windows of text on which models are compared with a teacher, some at a time: every position but a window's last is
/// scored on the next id.
public struct TeacherWindows {
  /// Whom the models are compared with; gets no gradient.
  public let teacher: LanguageModel
  /// In the order of the windows.
  public let batches: [Batch]
  /// Positions scored.
  public let tokens: Int

  /// Windows of one forward pass.
  public struct Batch {
    /// How many there are.
    public let count: Int
    /// Tokens of each.
    public let time: Int
    /// [count * time]
    public let ids: [Int32]
    /// The next ids, and -1 behind the last of a window.
    public let targets: [Int32]

    /// Places in their windows, [count * time].
    public var positionIds: [Int32] { sequencePositions(batch: ids.count / time, time: time) }

    /// What `model`'s head makes of final hidden states, against the teacher where it is given. For models as they are:
    /// the weights of the two losses, which only a gradient would ask for, are left out.
    /// - Parameter hidden: [count, time, D], behind the final norm
    public func sums(
      _ tape: Tape, _ hidden: Variable, of model: LanguageModel, against taught: TeacherHead? = nil
    ) -> HeadLossSums {
      tape.headLoss(
        hidden, head: model.head, targets: targets, teacher: taught, scale: 1, cap: model.logitCap
      ).sums
    }
  }

  /// - Parameters:
  ///   - windows: token ids, equally long
  ///   - answers: which of a window's ids are scored; nil: all
  ///   - batch: windows of a forward pass
  /// - Throws: a failure where there is no window of two tokens
  public init(_ teacher: LanguageModel, windows: [[Int32]], answers: [[Bool]]? = nil, batch: Int) throws {
    guard let time = windows.first?.count, time > 1 else {
      throw UpcycleError("no window of at least two tokens to measure on")
    }
    self.teacher = teacher
    func targets(_ number: Int) -> [Int32] {
      guard let answers else { return windows[number].dropFirst() + [-1] }
      return zip(windows[number], answers[number]).dropFirst().map { $1 ? $0 : -1 } + [-1]
    }
    batches = stride(from: 0, to: windows.count, by: batch).map { start in
      let part = start..<min(start + batch, windows.count)
      return Batch(
        count: part.count, time: time, ids: windows[part].flatMap { $0 }, targets: part.flatMap(targets))
    }
    tokens = batches.reduce(0) { $0 + $1.targets.count { $0 >= 0 } }
  }

  /// The teacher's final hidden states of a batch with its head: made anew every time, since those of all windows are
  /// many numbers.
  public func taught(_ batch: Batch) -> TeacherHead {
    let states = teacher.hidden(Tape(recording: false), ids: batch.ids, batch: batch.count, time: batch.time)
    return TeacherHead(hidden: states.value, weight: teacher.head.value, cap: teacher.logitCap)
  }
}
