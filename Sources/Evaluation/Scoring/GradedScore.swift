import Foundation

/// A choice as a matter of degree: where accuracy counts an item as right or wrong, the graded score is the probability
/// of the right choice among the choices. It moves before a choice flips, which halves the error of a comparison.
extension ItemResult {
  /// The log-likelihoods that pick the answer under the item's own metric: divided by the endings' lengths, or as they
  /// are.
  private var pickingScores: [Double]? {
    guard let lengths = endingCharacters ?? endingBytes, answer != nil else { return nil }
    return metric == .normalisedAccuracy ? zip(logLikelihoods, lengths).map { $0 / Double($1) } : logLikelihoods
  }

  /// softmax(scores / temperature)[answer], 0 to 1; nil for generated answers.
  public func gradedScore(temperature: Double = 1) -> Double? {
    guard let scores = pickingScores, let answer else { return nil }
    let most = scores.max()!
    let weights = scores.map { exp(($0 - most) / temperature) }
    return weights[answer] / weights.reduce(0, +)
  }

  /// -log2 of the right choice's probability over its bytes; nil for generated answers.
  public var bitsPerByte: Double? {
    guard let endingBytes, let answer else { return nil }
    return -logLikelihoods[answer] / log(2) / Double(endingBytes[answer])
  }

  /// The derivative of log gradedScore in 1 / temperature: the right choice's score minus the mean of all under the
  /// softmax.
  fileprivate func slope(inverse: Double) -> Double {
    guard let scores = pickingScores, let answer else { return 0 }
    let most = scores.max()!
    let weights = scores.map { exp(($0 - most) * inverse) }
    return scores[answer] - zip(scores, weights).reduce(0) { $0 + $1.0 * $1.1 } / weights.reduce(0, +)
  }
}

/// The temperature that makes the right choices of a task most likely (Guo et al. 2017, section 4.2): scores at it say
/// what a model knows and not how sure it is of it. The log-likelihood is concave in 1 / temperature; its slope is
/// halved in, between 1e-3 and 1e3.
func fittedTemperature(_ results: [ItemResult]) -> Double {
  var (low, high) = (log(1e-3), log(1e3))
  for _ in 0..<60 {
    let middle = (low + high) / 2
    if results.reduce(0, { $0 + $1.slope(inverse: exp(middle)) }) > 0 { low = middle } else { high = middle }
  }
  return exp(-(low + high) / 2)
}

/// The graded scores of a task of choice.
public struct GradedScore: Codable, Equatable, Sendable {
  /// Probability of the right choice.
  public var score: Estimate
  /// The same at the temperature that fits the task best.
  public var calibrated: Estimate
  /// What log-probabilities are divided by in `calibrated`: it minimises the mean -log p of the right choices.
  public var temperature: Double
  /// Of the right choice.
  public var bitsPerByte: Estimate

  /// - Returns: nil when an item is no choice.
  init?(_ results: [ItemResult]) {
    let temperature = fittedTemperature(results)
    let scores = results.compactMap { $0.gradedScore() }
    if scores.count < results.count { return nil }
    score = Estimate(scores)
    calibrated = Estimate(results.compactMap { $0.gradedScore(temperature: temperature) })
    bitsPerByte = Estimate(results.compactMap(\.bitsPerByte))
    self.temperature = temperature
  }

  /// The mean over tasks, each with equal weight (the temperature: their geometric mean); nil without any.
  init?(meanOf tasks: [GradedScore]) {
    guard let score = Estimate(meanOf: tasks.map(\.score)), let calibrated = Estimate(meanOf: tasks.map(\.calibrated)),
      let bitsPerByte = Estimate(meanOf: tasks.map(\.bitsPerByte))
    else { return nil }
    self.score = score
    self.calibrated = calibrated
    self.bitsPerByte = bitsPerByte
    temperature = exp(tasks.reduce(0) { $0 + log($1.temperature) } / Double(tasks.count))
  }

  enum CodingKeys: String, CodingKey {
    case score, calibrated, temperature
    case bitsPerByte = "bits_per_byte"
  }
}
