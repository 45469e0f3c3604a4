import Autograd
import TensorCore

/// The two residual streams between layers (FarSkip-Collective, section 3): one and the same variable where nothing is withheld.
public struct ResidualStreams {
  /// R, the full residual.
  public var full: Variable
  /// N, the residual without the routed experts of the layer before; nil: the same as `full`.
  public var withoutRouted: Variable?

  /// - Parameter withoutRouted: nil: the same as `full`
  public init(_ full: Variable, withoutRouted: Variable? = nil) {
    self.full = full
    self.withoutRouted = withoutRouted
  }

  /// What an attention reads that skips the routed output of the layer before.
  public var routedFree: Variable { withoutRouted ?? full }
}

/// One decoder layer: x + mixer(norm(x)), then x + feedForward(norm(x)); stock Mamba2 has no feed-forward, and
/// `BlockConfig` says where norms stand otherwise and what scales both sums. Where the two halves read the residual is
/// the layer's `connectivity`; sums are ((R + a) + s) + r everywhere, so that ways of computing a layer agree in their
/// bits.
public struct DecoderLayer {
  /// Where its two halves read the residual.
  public let connectivity: Connectivity
  /// [D], before the mixer; nil where nothing is normed there.
  public let inputNorm: Parameter?
  /// [D], of a LayerNorm.
  let inputNormBias: Parameter?
  /// [D], of what the mixer adds; nil for none.
  let mixerOutputNorm: Parameter?
  /// What mixes tokens.
  public let mixer: any Mixer
  /// What the mixer's cache of one sequence holds.
  public let cacheNeeds: CacheNeeds
  /// The second half; nil: none.
  public let transform: Transform?
  let eps: Float
  let normOffset: Float
  let residualMultiplier: Float

  /// The feed-forward or the experts behind their norm.
  public struct Transform {
    /// [D]; nil where nothing is normed before them
    public let norm: Parameter?
    /// [D], of a LayerNorm.
    let normBias: Parameter?
    /// [D], of what they add; nil for none
    let outputNorm: Parameter?
    /// What stands behind the norm.
    public let body: Body

    /// A dense feed-forward, or experts.
    public enum Body {
      /// Every token goes through all of it.
      case dense(FeedForward)
      /// Every token goes to some, and to the shared ones where there are any.
      case experts(MixtureOfExperts)
    }

    /// nil where there are experts.
    public var feedForward: FeedForward? { if case .dense(let dense) = body { dense } else { nil } }
    /// nil where there is a dense feed-forward.
    public var experts: MixtureOfExperts? { if case .experts(let experts) = body { experts } else { nil } }
  }

  init(_ config: ModelConfig, index: Int, _ requests: WeightRequests, control: RoutingControl) throws {
    connectivity = config.connectivity(layer: index)
    eps = Float(config.rmsNormEps)
    normOffset = config.normOffset
    let weights = LayerWeights(config, layer: index, requests)
    residualMultiplier = Float(config.block.residualMultiplier)
    inputNorm = try weights.ifPresent(.inputNorm)
    inputNormBias = try weights.ifPresent(.inputNormBias)
    cacheNeeds = config.cacheNeeds(layer: index)
    mixer = try config.mixers[index].mixer.init(config, layer: index, weights: weights)
    mixerOutputNorm = try weights.ifPresent(.mixerOutputNorm)
    if !config.hasFeedForward {
      transform = nil
      return
    }
    let norm = try weights.ifPresent(.transformNorm)
    let normBias = try weights.ifPresent(.transformNormBias)
    let body: Transform.Body
    if let experts = config.experts, experts.isUsed(inLayer: index) {
      body = .experts(try MixtureOfExperts(experts, layer: index, weights: weights, control: control))
    } else {
      body = .dense(try FeedForward(weights, TensorRole.feedForward, config.block.activation))
    }
    transform = Transform(
      norm: norm, normBias: normBias, outputNorm: try weights.ifPresent(.transformOutputNorm), body: body)
  }

  /// Whether the layer hands on an N of its own.
  public var withholdsRouted: Bool { connectivity.skipsRoutedOutput && transform?.experts != nil }

  /// Training: streams of [B, T, D].
  /// - Parameter probe: sees the mixer's output before it joins the residual stream.
  public func forward(
    _ tape: Tape, _ streams: ResidualStreams, batch: Int, time: Int, positionIds: [Int32],
    probe: ((Variable) -> Void)? = nil
  ) -> ResidualStreams {
    let mixed = mixer.forward(
      tape, mixerInput(tape, streams), batch: batch, time: time, positionIds: positionIds)
    probe?(mixed)
    return joined(tape, streams.full, mixed)
  }

  /// Training, where both streams are one: x [B, T, D], the full residual behind the layer.
  public func forward(
    _ tape: Tape, _ x: Variable, batch: Int, time: Int, positionIds: [Int32], probe: ((Variable) -> Void)? = nil
  ) -> Variable {
    forward(tape, ResidualStreams(x), batch: batch, time: time, positionIds: positionIds, probe: probe).full
  }

  /// Decoding: rows [N, D] of several sequences. Caches are made from what attention reads.
  func extend(
    _ tape: Tape, _ streams: ResidualStreams, _ segments: [CacheSegment], positionIds: [Int32]
  ) -> ResidualStreams {
    let mixed = mixer.extend(tape, mixerInput(tape, streams), segments, positionIds: positionIds)
    return joined(tape, streams.full, mixed)
  }

  /// The mixer's output for new tokens [N, D] of one sequence, which join its cache: for executions that put layers
  /// together themselves.
  /// - Parameters:
  ///   - input: `mixerInput`
  ///   - layer: the layer's number in the cache
  public func extend(
    _ tape: Tape, mixing input: Variable, _ cache: SequenceCache, layer: Int, positionIds: [Int32]
  ) -> Variable {
    mixer.extend(
      tape, input, [CacheSegment(rows: 0..<input.rowCount, cache: cache.layers[layer])], positionIds: positionIds)
  }

  /// LN1 of what attention reads; that itself where nothing is normed before.
  public func mixerInput(_ tape: Tape, _ streams: ResidualStreams) -> Variable {
    normed(tape, connectivity.skipsRoutedOutput ? streams.routedFree : streams.full, inputNorm, inputNormBias)
  }

  /// LN2 of what feed-forward or experts read: `full` is R of the layer before, `attended` R + a.
  public func transformInput(_ tape: Tape, _ transform: Transform, full: Variable, attended: Variable) -> Variable {
    normed(tape, connectivity.skipsAttentionOutput ? full : attended, transform.norm, transform.normBias)
  }

  /// R + a: `full` is R of the layer before, `mixed` the mixer's output.
  public func attended(_ tape: Tape, _ full: Variable, _ mixed: Variable) -> Variable {
    tape.add(full, added(tape, mixed, mixerOutputNorm))
  }

  /// What a layer with a dense feed-forward hands on: `attended` is R + a, `made` the feed-forward's output.
  public func transformed(_ tape: Tape, _ transform: Transform, attended: Variable, made: Variable) -> Variable {
    tape.add(attended, added(tape, made, transform.outputNorm))
  }

  /// R + a, then the layer's second half.
  private func joined(_ tape: Tape, _ full: Variable, _ mixed: Variable) -> ResidualStreams {
    let attended = attended(tape, full, mixed)
    guard let transform else { return ResidualStreams(attended) }
    let input = transformInput(tape, transform, full: full, attended: attended)
    switch transform.body {
    case .dense(let dense):
      let made = dense.forward(tape, input)
      return ResidualStreams(transformed(tape, transform, attended: attended, made: made))
    case .experts(let experts):
      let routed = experts.routed(tape, input)
      let routedFree = experts.shared.map { tape.add(attended, $0.forward(tape, input)) } ?? attended
      return ResidualStreams(tape.add(routedFree, routed), withoutRouted: withholdsRouted ? routedFree : nil)
    }
  }

  /// What a branch adds to the residual stream.
  private func added(_ tape: Tape, _ branch: Variable, _ norm: Parameter?) -> Variable {
    let normed = normed(tape, branch, norm)
    return residualMultiplier == 1 ? normed : tape.scale(normed, residualMultiplier)
  }

  /// RMS norm, with a bias LayerNorm.
  private func normed(_ tape: Tape, _ x: Variable, _ norm: Parameter?, _ bias: Parameter? = nil) -> Variable {
    guard let norm else { return x }
    return bias.map { tape.layerNorm(x, norm, $0, eps: eps) } ?? tape.rmsNorm(x, norm, eps: eps, offset: normOffset)
  }
}
