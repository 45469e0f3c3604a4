import Groundwork

/// Two models on the items of one task.
public struct TaskComparison: Equatable, Sendable {
  /// The task's name.
  public var task: String
  /// The second model against the first.
  public var paired: PairedComparison

  /// Every task that both reports have, in the order of the second.
  /// - Throws: when they share no task, and as `PairedComparison` does
  public static func all(of first: EvaluationReport, _ second: EvaluationReport) throws -> [TaskComparison] {
    let shared = second.tasks.map(\.task).filter { first[$0] != nil }
    if shared.isEmpty {
      throw UpcycleError(
        "the two evaluations share no task", expected: second.tasks.map(\.task).joined(separator: ", "),
        found: first.tasks.map(\.task).joined(separator: ", "))
    }
    return try shared.map { task in
      TaskComparison(
        task: task,
        paired: try PairedComparison(
          first.items.filter { $0.task == task }, second.items.filter { $0.task == task }))
    }
  }
}
