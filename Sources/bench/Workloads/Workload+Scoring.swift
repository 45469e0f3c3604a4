import Evaluation
import Foundation
import ModelCore
import Recipes
import TokenData
import Worlds

extension Workload {
  /// A table's row of scores: 1,000 items of each of the nine tasks of choices, by the committed nano-1b.
  static var scoring: Workload {
    Workload(
      name: "score_nine_tasks",
      summary: "scoring nano-1b on 1,000 items of each of the microworld's nine tasks of choices", unit: "s",
      mostRepeats: 3
    ) {
      let places = try Places()
      let model = try LanguageModel(folder: places.teacher("nano-1b", seed: 1))
      let tokenizer = try Tokenizer.load(from: places.tokenizer)
      let items = try TaskSelection("all", seed: 1, set: "a", items: 1000).items().filter { !$0.metric.isGenerated }
      return { _ = try evaluate(model: model, tokenizer: tokenizer, items: items) }
    }
  }
}
