import Distillation
import Evaluation
import Foundation
import Groundwork
import ModelCore
import TokenData

/// Tokens that a held-out loss is measured on.
private let measuredTokens = 16_384

/// Mean next-token loss in nats on the first windows of held-out text: `tokens` of them or what there is; of chats the
/// answers alone, as in training.
func heldOutLoss(
  _ model: LanguageModel, _ shards: TokenShards, time: Int, tokens: Int = measuredTokens
) throws -> Double {
  guard shards.count > 1 else {
    throw UpcycleError(
      "too little text", at: shards.folder.path, expected: "at least 2 tokens", found: "\(shards.count)")
  }
  let length = min(time, shards.count - 1)
  let windows = max(1, min((shards.count - 1) / length, tokens / length))
  return try perplexity(
    of: model, windows: windows,
    answers: { try shards.answers(in: $0 * length + 1..<$0 * length + length + 1) },
    window: { try shards.read($0 * length..<$0 * length + length + 1) }
  ).loss
}

extension TrainingPlan {
  /// Where a training measures its loss on held-out text: some 20 times.
  var heldOutSteps: StepsMeasured { StepsMeasured(every: max(steps / 20, min(steps, 5)), of: steps) }

  /// `heldOutLoss` of a model that is trained so: on no more text than it trains on, so that a trial of a few steps is not
  /// mostly measuring.
  func heldOutLoss(_ model: LanguageModel, _ shards: TokenShards) throws -> Double {
    try Recipes.heldOutLoss(model, shards, time: time, tokens: min(measuredTokens, steps * batch * time))
  }
}

/// `tokens,loss` lines, kept when a run resumes.
final class HeldOutCurve {
  private static let columns = ["tokens", "loss"]
  private let url: URL
  private(set) var rows: [[Double]] = []

  init(_ url: URL) throws {
    self.url = url
    rows = try StepsMeasured.table(url, columns: Self.columns)?.numbers() ?? []
  }

  /// Refuses rows that are not those of this training, or fewer than it has measured by `step`.
  func require(by step: Int, of plan: TrainingPlan) throws {
    // -1 for what lies between two steps.
    let steps = rows.map { Int(exactly: $0[0] / Double(plan.unitsPerStep)) ?? -1 }
    try plan.heldOutSteps.require(steps, by: step, in: url)
  }

  /// Adds the loss after `step`, unless it is there already.
  func measure(after step: Int, of plan: TrainingPlan, _ model: LanguageModel, _ shards: TokenShards) throws {
    let tokens = Double(step * plan.unitsPerStep)
    if tokens > (rows.last?[0] ?? -1) { try append(tokens, plan.heldOutLoss(model, shards)) }
  }

  func append(_ tokens: Double, _ loss: Double) throws {
    rows.append([tokens, loss])
    // All digits: a run that goes on reads the numbers that it would have had.
    let fields = rows.map { [String(format: "%.0f", $0[0]), "\($0[1])"] }
    try writeFile(CSV(header: Self.columns, rows: fields).text, to: url)
  }
}

/// What a curve of [tokens, loss] says in a line: from where to where, after how many tokens; nil for an empty one.
public func heldOutLine(_ curve: [[Double]]) -> String? {
  guard let first = curve.first, let last = curve.last else { return nil }
  return String(format: "held-out loss %.4f -> %.4f after %@ tokens", first[1], last[1], formatCount(Int(last[0])))
}
