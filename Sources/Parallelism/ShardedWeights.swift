import Groundwork
import ModelCore
import TensorCore

/// One rank's part of a model for tensor parallelism: so many heads of every attention (rows of the projections to
/// heads, columns of the one from them), and so much of the width of shared experts and dense feed-forwards. Routers,
/// norms, embeddings and latents are on every rank, routed experts too (a rank works with its own).
struct ShardedWeights: WeightSource {
  private let source: any WeightSource
  private let whole: [TensorPlace: TensorSpec]
  private let rank: Int

  init(_ source: any WeightSource, of config: ModelConfig, rank: Int) {
    self.source = source
    whole = Dictionary(uniqueKeysWithValues: config.tensors.map { ($0.place, $0) })
    self.rank = rank
  }

  var names: Set<String>? { source.names }

  func check(_ tensor: TensorSpec) throws { try source.check(whole[tensor.place] ?? tensor) }

  /// A tensor that is asked for with one dimension too small is the rank's stretch of that dimension.
  func read(_ tensor: TensorSpec, into destination: UnsafeMutablePointer<Float>) throws {
    guard let original = whole[tensor.place], original.shape != tensor.shape else {
      return try source.read(tensor, into: destination)
    }
    let (all, shape) = (original.shape, tensor.shape)
    let cut = zip(all, shape).map { $0 != $1 }.firstIndex(of: true)!
    let full = try source.read(original)
    let inner = all[(cut + 1)...].reduce(1, *)
    let (part, row) = (shape[cut] * inner, all[cut] * inner)
    for outer in 0..<all[..<cut].reduce(1, *) {
      (destination + outer * part).update(from: full.pointer + outer * row + rank * part, count: part)
    }
  }
}

extension ModelConfig {
  /// What one of `ranks` ranks has of this model.
  /// - Throws: usage errors for models without experts, for mixers that cannot be divided, and for numbers of ranks
  ///   that do not divide heads, experts or widths
  func sharded(over ranks: Int) throws -> ModelConfig {
    let experts = try ExpertParallelModel.experts(of: self)
    if let other = mixers.first(where: { !$0.mixer.dividesByHeads }) {
      throw UpcycleError.usage(
        "cannot be divided over ranks", field: "tensor_parallel", expected: "attention", found: other.rawValue)
    }
    // Where attention's part and the experts' are summed before they are reduced, no factor or norm fits between.
    if connectivities.contains(where: \.skipsAttentionOutput), block.residualMultiplier != 1 || block.norms != .before {
      throw UpcycleError.usage(
        "cannot be divided over ranks", field: "tensor_parallel", expected: "sublayers that are added as they are",
        found: block.residualMultiplier != 1 ? "residual_multiplier \(block.residualMultiplier)" : "norms on outputs")
    }
    let groups = latent?.upProjectionHeads ?? keyValueHeads
    try requireDivisor(
      ranks, of: greatestDivisor(attentionHeads, groups), "\(attentionHeads) heads and \(groups) key-value heads",
      field: "tensor_parallel")
    try requireDivisor(ranks, of: experts.count, "\(experts.count) experts", field: "expert_parallel")
    try requireDivisor(
      ranks, of: greatestDivisor(experts.sharedWidth, intermediateSize),
      "widths \(experts.sharedWidth) and \(intermediateSize) of the feed-forwards", field: "tensor_parallel")
    var part = self
    part.attentionHeads /= ranks
    part.keyValueHeads = max(1, keyValueHeads / ranks)
    part.latent?.upProjectionHeads = groups / ranks
    part.intermediateSize /= ranks
    part.experts?.sharedWidth /= ranks
    return part
  }
}
