import Foundation

extension ModelShape {
  /// One block in one step of decoding: a new token of each of `sequences`, `cached` tokens in the cache of each,
  /// spread like prefill. What a rank reads decides here: its share of the weights, of the experts those that some
  /// token chose, E / P (1 - (1 - K / E)^T) of them on average, and the cache, which of latent attention every rank
  /// holds whole. Weights in FP8, caches in 2 bytes a number. Latent attention works in the latents (weights absorbed).
  public func decodeWork(sequences: Int, cached: Int, ranks: Int, perNode: Int, bytesPerNumber: Double) -> LayerWork {
    let (t, p, n) = (Double(sequences), Double(ranks), Double(cached))
    var work = prefillWork(
      tokens: sequences, sequence: 0, ranks: ranks, perNode: perNode, bytesPerNumber: bytesPerNumber)
    let attended: Double
    let cache: Double
    switch attention {
    case .latent(_, let kvRank, _, let rope, _):
      attended = 2 * Double(heads) * n * Double(2 * kvRank + rope)
      cache = n * Double(kvRank + rope)
    case .grouped(let kvHeads, let headDim):
      attended = 4 * Double(heads) * n * Double(headDim)
      cache = 2 * n * Double(headDim) * max(1, Double(kvHeads) / p)
    }
    work.core += t * attended / p
    // A product of one token counts 2 operations a weight.
    let projection = projectionWork
    let chosen = 1 - pow(1 - Double(expertsPerToken) / Double(experts), t)
    work.read = LayerWork.Read(
      projections: (projection.divided / p + projection.repeated) / 2,
      core: coreWork(sequence: 0) / 2 / p + 2 * t * cache, gate: gateWork,
      experts: Double(experts) / p * chosen * feedForwardWork(expertWidth) / 2,
      shared: feedForwardWork(sharedWidth) / 2 / p)
    return work
  }
}
