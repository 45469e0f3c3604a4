import Autograd
import Collectives
import Groundwork
import ModelCore
import TensorCore

/// Inference on ranks that all see every token (FarSkip-Collective's inference): each has some heads, a part of the shared experts'
/// width and some of the routed experts; all-reduces make their partial results whole, in the order of ranks, so that
/// all ranks hold the same bits.
///
/// FarSkip: attention on N_{k-1} while AR(r_{k-1}) flies; R_{k-1}; shared expert; router and routed experts while
/// AR(a_k + s_k) flies; N_k = R_{k-1} + AR(a_k + s_k). Another connectivity waits where it has to. Results differ from
/// one rank's by rounding.
public final class TensorParallelModel {
  /// This rank's part.
  public let model: LanguageModel
  let context: RankContext

  /// - Parameter config: of the whole model
  public init(_ config: ModelConfig, weights: any WeightSource, file: String = "model", on context: RankContext) throws
  {
    let part = try config.sharded(over: context.ranks.size)
    model = try LanguageModel(
      part, weights: ShardedWeights(weights, of: config, rank: context.ranks.rank), file: file)
    self.context = context
  }

  /// An empty cache of this rank's heads.
  public func makeCache(capacity: Int = 0) -> SequenceCache { model.makeCache(capacity: capacity) }

  /// R, or N with the all-reduce under way that makes it R.
  private struct Stream {
    var value: Tensor
    var reduction: Reduction?
  }

  private struct Reduction {
    var flight: RankContext.Flight
    var sum: Tensor
    /// Whether the next attention may read N.
    var isWithheld: Bool
  }

  /// Feeds new tokens of one sequence; final hidden states [tokens, D], the same on all ranks.
  /// - Throws: usage errors for ids outside the vocabulary and for more tokens than the cache's `positions`; the cache has
  ///   not changed then
  public func extend(_ cache: SequenceCache, _ tokens: [Int32]) throws -> Tensor {
    // All ranks hold the same ids.
    do { try model.requireRoom(in: cache, for: tokens) } catch let error as UpcycleError { throw AgreedError(error) }
    let tape = Tape(recording: false)
    tape.betweenOperations = { [progress = context.progress] in progress.poll() }
    let positionIds = tokens.indices.map { Int32(cache.length + $0) }
    let embedded = model.embedded(tape, tokens, positionIds: positionIds, leading: [tokens.count])
    var stream = Stream(value: embedded.value)
    for index in model.layers.indices {
      stream = extend(tape, index, stream, cache, positionIds)
    }
    let full = completed(&stream)
    try context.check()
    return model.normed(tape, tape.constant(full)).value
  }

  private func extend(
    _ tape: Tape, _ index: Int, _ before: Stream, _ cache: SequenceCache, _ positionIds: [Int32]
  ) -> Stream {
    let layer = model.layers[index]
    var stream = before
    if !(layer.connectivity.skipsRoutedOutput && stream.reduction?.isWithheld == true) { _ = completed(&stream) }
    let input = layer.mixerInput(tape, ResidualStreams(tape.constant(stream.value)))
    let mixed = layer.extend(tape, mixing: input, cache, layer: index, positionIds: positionIds).value
    context.finish(.core, layer: index, .prefill)
    let full = completed(&stream)
    /// R + a, waiting.
    func attend() -> Tensor {
      let reduced = tape.constant(arrived(index, mixed, .dispatch))
      return layer.attended(tape, tape.constant(full), reduced).value
    }
    guard let transform = layer.transform else { return Stream(value: attend()) }
    func read(_ attended: Tensor) -> Variable {
      layer.transformInput(tape, transform, full: tape.constant(full), attended: tape.constant(attended))
    }
    if layer.connectivity.skipsAttentionOutput {
      let input = read(full)
      let partial = dense(tape, transform, input).map { sum(mixed, $0) } ?? mixed
      context.finish(.shared, layer: index, .prefill)
      guard let experts = transform.experts else { return Stream(value: whole(index, full, partial, .dispatch)) }
      let merged = reduce(.dispatch, index, partial)
      let routed = routed(tape, experts, input)
      context.finish(.experts, layer: index, .prefill)
      context.land(merged)
      return Stream(value: sum(full, partial), reduction: reduction(layer, index, routed))
    }
    let attended = attend()
    let input2 = read(attended)
    let partial = dense(tape, transform, input2)
    guard let experts = transform.experts else {
      let made = tape.constant(arrived(index, partial!, .combine))
      return Stream(
        value: layer.transformed(tape, transform, attended: tape.constant(attended), made: made).value)
    }
    context.finish(.shared, layer: index, .prefill)
    // Where the next attention reads N, the shared expert's part is summed apart from the routed one.
    let apart = layer.withholdsRouted ? partial.map { reduce(.dispatch, index, $0) } : nil
    let routed = routed(tape, experts, input2)
    context.finish(.experts, layer: index, .prefill)
    if !layer.withholdsRouted {
      return Stream(value: whole(index, attended, partial.map { sum($0, routed) } ?? routed, .combine))
    }
    if let apart { context.land(apart) }
    return Stream(value: partial.map { sum(attended, $0) } ?? attended, reduction: reduction(layer, index, routed))
  }

  /// The shared expert's or the dense feed-forward's part.
  private func dense(_ tape: Tape, _ transform: DecoderLayer.Transform, _ input: Variable) -> Tensor? {
    (transform.feedForward ?? transform.experts?.shared)?.forward(tape, input).value
  }

  /// What this rank's experts add to r.
  private func routed(_ tape: Tape, _ experts: MixtureOfExperts, _ input: Variable) -> Tensor {
    let routing = experts.route(tape, input)
    let rows = experts.dispatched(tape, input, routing).value
    let each = experts.experts.count / context.ranks.size
    let own = context.ranks.rank * each..<(context.ranks.rank + 1) * each
    let starts = routing.choice.starts
    let (low, high) = (starts[own.lowerBound], starts[own.upperBound])
    let made = tape.expertFeedForward(
      tape.constant(Tensor(rows.storage, offset: rows.offset + low * rows.width, shape: [high - low, rows.width])),
      gateUp: experts.gateUp.part(own), down: experts.down.part(own),
      starts: (own.lowerBound...own.upperBound).map { starts[$0] - low })
    let all = Tensor.zeros(rows.shape)
    (all.pointer + low * rows.width).update(from: made.value.pointer, count: made.value.count)
    return experts.combined(tape, tape.constant(all), routing, leading: Array(input.shape.dropLast())).value
  }

  // MARK: All-reduces

  private func reduce(_ kind: SubOperation.Kind, _ layer: Int, _ partial: Tensor) -> RankContext.Flight {
    context.start(kind.rawValue, layer: layer, .prefill, keeping: [partial]) {
      try context.reducer.start(partial.pointer, count: partial.count)
    }
  }

  private func reduction(_ layer: DecoderLayer, _ index: Int, _ routed: Tensor) -> Reduction {
    Reduction(flight: reduce(.combine, index, routed), sum: routed, isWithheld: layer.withholdsRouted)
  }

  /// AR(partial), waiting.
  private func arrived(_ layer: Int, _ partial: Tensor, _ kind: SubOperation.Kind) -> Tensor {
    context.land(reduce(kind, layer, partial))
    return partial
  }

  /// x + AR(partial), waiting.
  private func whole(_ layer: Int, _ x: Tensor, _ partial: Tensor, _ kind: SubOperation.Kind) -> Tensor {
    sum(x, arrived(layer, partial, kind))
  }

  /// R: waits for the all-reduce where one is under way.
  private func completed(_ stream: inout Stream) -> Tensor {
    guard let reduction = stream.reduction else { return stream.value }
    context.land(reduction.flight)
    stream = Stream(value: sum(stream.value, reduction.sum))
    return stream.value
  }

  private func sum(_ a: Tensor, _ b: Tensor) -> Tensor {
    let tape = Tape(recording: false)
    return tape.add(tape.constant(a), tape.constant(b)).value
  }
}
