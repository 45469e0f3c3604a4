import Evaluation
import Foundation
import Groundwork
import ModelCore
import TokenData
import Worlds

/// When a training stops before its last step (FarSkip-Collective: a validation task every 1000 steps, patience 20, delta
/// 2 %).
public struct EarlyStopping: Sendable {
  /// What is validated.
  public enum Metric: Equatable, Sendable {
    /// Mean next-token loss on held-out text, lower is better.
    case loss
    /// A task of the microworld by its name, in percent, higher is better.
    case task(String, items: Int)
  }

  /// What decides.
  public var metric: Metric
  /// Steps between validations.
  public var every: Int
  /// Validations without an improvement after which training stops.
  public var patience: Int
  /// Smallest improvement that counts: a share of the best loss, or of the best score.
  public var delta: Double

  /// - Parameter delta: nil for the paper's 2 % of a task's score, or 0.1 % of a loss, which moves less
  public init(metric: Metric, every: Int, patience: Int = 20, delta: Double? = nil) {
    self.metric = metric
    self.every = every
    self.patience = patience
    self.delta = delta ?? (metric == .loss ? 0.001 : 0.02)
  }

  func validate() throws {
    func require(_ ok: Bool, _ field: String, _ expected: String, _ found: Any) throws {
      if !ok { throw UpcycleError.usage("is out of range", field: field, expected: expected, found: "\(found)") }
    }
    try require(every > 0, "validate_every", "at least 1 step", every)
    try require(patience > 0, "patience", "at least 1 validation", patience)
    try require(delta >= 0 && delta < 1, "delta", "a share in 0..<1", delta)
  }

  var identity: String { "\(metric) every \(every), patience \(patience), delta \(delta)" }

  /// Whether a run stops by its loss on held-out text, by what its identity says of its student.
  static func looksAtLoss(_ student: String) -> Bool { student.contains(", \(Metric.loss) every ") }

  var prefersLower: Bool { metric == .loss }

  /// Whether `value` is an improvement that counts.
  func improves(_ value: Double, on best: Double) -> Bool {
    prefersLower ? value < best - delta * abs(best) : value > best + delta * abs(best)
  }

  func isBetter(_ value: Double, than best: Double) -> Bool { prefersLower ? value < best : value > best }

  func measure(_ model: LanguageModel, _ tokenizer: Tokenizer, heldOut: TokenShards?, time: Int) throws -> Double {
    switch metric {
    case .loss:
      guard let heldOut else { throw UpcycleError("no held-out text to validate on") }
      return try heldOutLoss(model, heldOut, time: time)
    case .task(let name, let items):
      let selection = try TaskSelection(
        name, seed: MicroworldText.worldSeed, edition: Edition(of: tokenizer), items: items)
      let report = try evaluate(model: model, tokenizer: tokenizer, items: selection.items())
      return 100 * (report.tasks.first?.score.value ?? 0)
    }
  }
}

/// Validations of a run, in `validation.csv` beside its checkpoint, and the weights of the best one in `best`.
final class ValidationHistory {
  private static let columns = ["step", "value"]
  private let stopping: EarlyStopping?
  private let file: URL
  let bestFolder: URL
  private(set) var rows: [(step: Int, value: Double)] = []

  init(_ run: URL, _ stopping: EarlyStopping?) throws {
    self.stopping = stopping
    file = run.appendingPathComponent("validation.csv")
    bestFolder = run.appendingPathComponent("best")
    guard stopping != nil, let table = try StepsMeasured.table(file, columns: Self.columns) else { return }
    rows = try table.rows.indices.map { (try table.int($0, 0), try table.double($0, 1)) }
  }

  func holds(_ step: Int) -> Bool { rows.contains { $0.step == step } }

  /// Refuses rows that are not those of a run of so many steps that has done `step` of them.
  func require(by step: Int, of steps: Int) throws {
    guard let stopping else { return }
    try StepsMeasured(every: stopping.every, of: steps).require(rows.map(\.step), by: step, in: file)
  }

  private var best: (step: Int, value: Double)? {
    guard let stopping else { return nil }
    return rows.reduce(nil) { best, row in best.map { stopping.isBetter(row.value, than: $0.value) ? row : $0 } ?? row }
  }

  /// Keeps the model too when it is the best so far. The row is written last: a row without its weights cannot be.
  func append(_ step: Int, _ value: Double, _ model: LanguageModel) throws {
    if let stopping, best.map({ stopping.isBetter(value, than: $0.value) }) ?? true { try model.save(to: bestFolder) }
    rows.append((step, value))
    let fields = rows.map { ["\($0.step)", "\($0.value)"] }
    try writeFile(CSV(header: Self.columns, rows: fields).text, to: file)
  }

  /// Whether by `step` too many validations in a row have brought no improvement that counts.
  func isExhausted(at step: Int) -> Bool {
    guard let stopping else { return false }
    var (reference, idle) = (Double?.none, 0)
    for row in rows where row.step <= step {
      if reference.map({ stopping.improves(row.value, on: $0) }) ?? true {
        (reference, idle) = (row.value, 0)
      } else {
        idle += 1
      }
    }
    return idle >= stopping.patience
  }

  func outcome(lastStep: Int) -> SelfDistilling.Outcome {
    SelfDistilling.Outcome(
      validation: rows, step: best?.step ?? lastStep, stoppedEarly: rows.last.map { isExhausted(at: $0.step) } ?? false)
  }
}
