/// Holm's step-down procedure (Holm 1979): which of several hypotheses may be rejected so that the probability of a
/// single false rejection among all of them stays below `level`, whatever their dependence.
/// - Returns: whether each is rejected, in the order given.
func holmRejections(_ probabilities: [Double], level: Double) -> [Bool] {
  var rejected = [Bool](repeating: false, count: probabilities.count)
  let order = probabilities.indices.sorted { probabilities[$0] < probabilities[$1] }
  for (rank, index) in order.enumerated() {
    guard probabilities[index] <= level / Double(probabilities.count - rank) else { break }
    rejected[index] = true
  }
  return rejected
}
