import Groundwork
import ModelCore

/// Log-likelihoods of the alternatives of every question, each alternative a context and its continuation.
/// - Parameters:
///   - tokensPerBatch: tokens per model call
///   - place: of a question, where messages name it
///   - progress: called with the number of questions whose alternatives are all scored
/// - Throws: a failure for a score that is not a number
public func alternativeScores(
  _ model: LanguageModel, _ questions: [[(context: [Int32], continuation: [Int32])]], tokensPerBatch: Int,
  place: (Int) -> String, progress: (Int) -> Void
) throws -> [[Double]] {
  var groups: [ContinuationGroup] = []
  var places: [[(group: Int, index: Int)]] = []
  var questionsEnding: [Int] = []  // per group, the number of questions whose groups all lie up to it
  for (index, alternatives) in questions.enumerated() {
    let split = ContinuationGroup.grouping(alternatives)
    places.append(split.places.map { (groups.count + $0.group, $0.index) })
    groups += split.groups
    questionsEnding += [Int](repeating: index, count: split.groups.count - 1) + [index + 1]
  }
  let scores = try logLikelihoods(model, groups, tokensPerBatch: tokensPerBatch) { progress(questionsEnding[$0 - 1]) }
  return try places.enumerated().map { index, places in
    let own = places.map { scores[$0.group][$0.index] }
    if own.contains(where: \.isNaN) {
      throw UpcycleError(
        "a score is not a number", at: place(index), hint: "the model's weights hold NaN or infinite numbers")
    }
    return own
  }
}
