import Evaluation
import Foundation
import ModelCore
import Recipes
import TokenData
import Worlds

/// Removed with the last reference to it.
private final class PassingFile {
  private let url: URL
  init(url: URL) { self.url = url }
  deinit { try? FileManager.default.removeItem(at: url) }
}

extension Workload {
  /// Scores of the committed nano-1b: a table's row, and a tenth of it beside lm-evaluation-harness, which reads the same
  /// model folder and the same items from a file in the temporary folder.
  static var scoring: [Workload] {
    let name = "upcycle-bench-items-\(ProcessInfo.processInfo.processIdentifier).jsonl"
    let file = FileManager.default.temporaryDirectory.appendingPathComponent(name)
    let (all, some) = (1000, 100)
    let row = Workload(
      name: "score_nine_tasks",
      summary: "scoring nano-1b on \(all) items of each of the microworld's nine tasks of choices", unit: "s",
      mostRepeats: 3
    ) { try scoring(try choices(all)) }
    var beside = Workload(
      name: "score_lm_eval", summary: "the same of \(some) items a task, beside lm-evaluation-harness", unit: "items/s",
      amount: Double(9 * some), note: "reading the model is not in the time of either side"
    ) {
      let items = try choices(some)
      try TaskItem.write(items, to: file)
      let (run, passing) = (try scoring(items), PassingFile(url: file))
      return { try withExtendedLifetime(passing, run) }
    }
    if let model = try? nano1b() {
      beside.requests = ["lm-eval": "lm-eval --batch 64 --model '\(model.path)' --items '\(file.path)'"]
    }
    return [row, beside]
  }

  private static func nano1b() throws -> URL { try Places().teacher("nano-1b", seed: 1) }

  private static func choices(_ items: Int) throws -> [TaskItem] {
    try TaskSelection("all", seed: 1, set: "a", items: items).items().filter { !$0.metric.isGenerated }
  }

  private static func scoring(_ items: [TaskItem]) throws -> () throws -> Void {
    let model = try LanguageModel(folder: nano1b())
    let tokenizer = try Tokenizer.load(from: Places().tokenizer)
    return { _ = try evaluate(model: model, tokenizer: tokenizer, items: items) }
  }
}
