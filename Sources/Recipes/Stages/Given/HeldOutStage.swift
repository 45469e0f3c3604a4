import Evaluation
import Foundation
import Groundwork
import LabKit
import ModelCore
import TokenData

/// How much of the text is measured.
struct HeldOutParameters: StageParameters {
  var windows: Int
  /// Tokens of a window.
  var length: Int

  enum CodingKeys: String, CodingKey, CaseIterable { case windows, length }
}

/// `heldout`: loss on the first `windows` windows of `length` tokens of a packed text. Metrics `loss` in nats per token
/// with its standard error over windows, and `bits_per_byte`; the loss of every window is kept.
let heldOutStage = Stage(
  name: "heldout", version: 2, parents: ["model", "text"], parameters: HeldOutParameters.self, seeded: false,
  run: { context, parameters in
    let folder = try context.parent("model").folder
    let tokenizer = try Tokenizer.load(from: folder)
    let shards = try packedText(try context.parent("text"), tokenizer)
    let (windows, length) = (parameters.windows, parameters.length)
    guard length > 0, windows > 0, windows <= (shards.count - 1) / length else {
      throw UpcycleError.usage(
        "the text has no such windows", field: "windows",
        expected: "1...\(max(0, shards.count - 1) / max(1, length)) of \(length) tokens", found: "\(windows)")
    }
    let report = try perplexity(
      of: try LanguageModel(folder: folder), windows: windows, tokenizer: tokenizer,
      progress: { context.progress($0, of: windows, "windows") }
    ) { try shards.read($0 * length..<$0 * length + length + 1) }
    var metrics = ["loss": Metric(report.loss, stderr: report.standardError)]
    metrics["bits_per_byte"] = report.bitsPerByte.map { Metric($0) }
    let identity = try context.parent("text").key + " \(windows) \(length)"
    try context.keep([ItemScores(task: "loss", identity: sha256(identity), values: report.windowLosses)])
    return StageResult(metrics: metrics)
  })
