/// Floating-point operations of the forward pass and bytes of the collectives of one block with experts, per rank, with
/// balanced routing. A product of m x k and k x n counts 2 m n k; element-wise work is left out.
public struct LayerWork: Equatable, Sendable {
  /// A, B, G, E, S.
  public var projections, core, gate, experts, shared: Double
  /// Bytes that a rank sends in one collective over links inside its node, and to other nodes.
  public var intraBytes, interBytes: Double
  /// Bytes of weights and caches that decoding reads; 0 in training and prefill, which compute for longer than they
  /// read.
  public var read = Read()

  /// Of A, B, G, E, S.
  public struct Read: Equatable, Sendable {
    /// Bytes of each.
    public var projections = 0.0, core = 0.0, gate = 0.0, experts = 0.0, shared = 0.0
  }

  /// Off-rank bytes of one collective.
  public var bytes: Double { intraBytes + interBytes }
}

extension ModelShape {
  /// A: query, key and value projections (of latent attention down and up, with Instella's gate), operations per token,
  /// split into what tensor parallelism divides by heads and what every rank repeats (projections into latents).
  var projectionWork: (divided: Double, repeated: Double) {
    let (d, h) = (Double(width), Double(heads))
    switch attention {
    case .latent(let queryRank, let kvRank, let nope, let rope, let value):
      let head = Double(nope + rope)
      let up = 2 * Double(kvRank) * h * Double(nope + value)
      let down = 2 * d * Double(kvRank + rope)
      let gate = gatedAttention ? 2 * d * h * Double(value) : 0
      guard let queryRank else { return (2 * d * h * head + up + gate, down) }
      return (2 * Double(queryRank) * h * head + up + gate, 2 * d * Double(queryRank) + down)
    case .grouped(let kvHeads, let headDim):
      return (2 * d * Double(headDim) * (h + 2 * Double(kvHeads)), 0)
    }
  }

  /// B: causal attention over `sequence` tokens (half of the square) and the output projection, operations per token.
  func coreWork(sequence: Int) -> Double {
    let (d, h) = (Double(width), Double(heads))
    switch attention {
    case .latent(_, _, let nope, let rope, let value):
      return h * Double(sequence) * Double(nope + rope + value) + 2 * h * Double(value) * d
    case .grouped(_, let headDim):
      return 2 * h * Double(sequence) * Double(headDim) + 2 * h * Double(headDim) * d
    }
  }

  /// One block in training: every rank has `tokens` of its own, attention is data-parallel, experts are spread over
  /// `ranks` in nodes of `perNode`. One all-to-all sends `T K d b (P - 1) / P` bytes; what goes to ranks of
  /// the same node takes the links inside.
  public func trainingWork(tokens: Int, sequence: Int, ranks: Int, perNode: Int, bytesPerNumber: Double) -> LayerWork {
    let t = Double(tokens)
    let projection = projectionWork
    let volume = t * Double(expertsPerToken * width) * bytesPerNumber
    let near = Double(min(ranks, perNode))
    return LayerWork(
      projections: t * (projection.divided + projection.repeated), core: t * coreWork(sequence: sequence),
      gate: t * gateWork, experts: t * Double(expertsPerToken) * feedForwardWork(expertWidth),
      shared: t * feedForwardWork(sharedWidth), intraBytes: volume * (near - 1) / Double(ranks),
      interBytes: volume * (Double(ranks) - near) / Double(ranks))
  }

  /// One block in prefill: all `tokens` on every rank; attention divided by heads, the shared expert by width, routed
  /// experts by expert. An all-reduce of `T d` numbers as a ring: `2 (P - 1) / P` times that leaves every rank; between
  /// nodes each rank reduces its share of the node's sum.
  public func prefillWork(tokens: Int, sequence: Int, ranks: Int, perNode: Int, bytesPerNumber: Double) -> LayerWork {
    let (t, p) = (Double(tokens), Double(ranks))
    let near = Double(min(ranks, perNode))
    let nodes = p / near
    let payload = t * Double(width) * bytesPerNumber
    let projection = projectionWork
    return LayerWork(
      projections: t * (projection.divided / p + projection.repeated), core: t * coreWork(sequence: sequence) / p,
      gate: t * gateWork, experts: t * Double(expertsPerToken) * feedForwardWork(expertWidth) / p,
      shared: t * feedForwardWork(sharedWidth) / p, intraBytes: 2 * (near - 1) / near * payload,
      interBytes: 2 * (nodes - 1) / nodes * payload / near)
  }

  /// G: the router's product, operations per token.
  var gateWork: Double { 2 * Double(width * experts) }

  /// Gated feed-forward of one width, operations per token.
  func feedForwardWork(_ hidden: Int) -> Double { 6 * Double(width * hidden) }

  /// What a training step does besides its blocks with experts, operations per token: dense layers (whole) and head.
  public func otherTrainingWork(sequence: Int) -> Double {
    let projection = projectionWork
    let dense = projection.divided + projection.repeated + coreWork(sequence: sequence) + feedForwardWork(denseWidth)
    return Double(denseLayers) * dense + 2 * Double(width * vocabulary)
  }
}
