/// One slope through several ladders of cells, each with its own level: sum over all of (x - mean x) y over the sum of
/// (x - mean x)^2 (analysis of covariance with a common slope). A monotone claim is this one test and not a chain of
/// neighbours, each of which would have to hold by itself.
/// - Parameter ladders: the x of every cell, ladder by ladder.
/// - Returns: the weight of every cell's value in the slope.
func slopeWeights(_ ladders: [[Double]]) -> [[Double]] {
  let centred = ladders.map { xs in xs.map { $0 - Sample(values: xs).mean } }
  let squares = centred.joined().reduce(0) { $0 + $1 * $1 }
  return centred.map { $0.map { $0 / squares } }
}
