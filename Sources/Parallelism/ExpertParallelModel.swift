import Autograd
import Collectives
import Groundwork
import ModelCore
import TensorCore

/// A model whose experts are dealt out to ranks, each of which has its own sequences (expert parallelism; attention,
/// routers and shared experts are on every rank). Every rank holds the whole checkpoint and works with its share.
///
/// Layers run in FarSkip-Collective's windows. Forward: A_k while C_{k-1} flies; its wait; G_k; B_k while D_k
/// flies; E_k; S_k while C_k flies. Sections of the tape make the backward pass C'_k, with S'_k and B'_k in its window;
/// E'_k; D'_k, with A'_k in its window; G'_k. A layer of another connectivity uses what windows it has. All sums have
/// one order, so neither the number of ranks nor overlap changes a bit of the forward pass.
public final class ExpertParallelModel {
  /// With the weights of this rank's experts; the others are frozen.
  public let model: LanguageModel
  let context: RankContext

  /// - Throws: usage errors for a dense model and for numbers of ranks that do not divide the experts
  public init(_ model: LanguageModel, _ context: RankContext) throws {
    self.model = model
    self.context = context
    let experts = try Self.experts(of: model.config)
    try requireDivisor(context.ranks.size, of: experts.count, "\(experts.count) experts", field: "expert_parallel")
    for layer in model.layers { layer.transform?.experts?.freezeAll(but: ownExperts(of: experts.count)) }
  }

  static func experts(of config: ModelConfig) throws -> ExpertConfig {
    guard let experts = config.experts else {
      throw UpcycleError.usage(
        "is a dense model", field: "model", expected: "one with experts", found: config.architecture.rawValue)
    }
    return experts
  }

  private func ownExperts(of count: Int) -> Range<Int> {
    let own = count / context.ranks.size
    return context.ranks.rank * own..<(context.ranks.rank + 1) * own
  }

  // MARK: Forward

  /// R where no combine is under way, otherwise N with the combine that makes it R.
  private struct Stream {
    var value: Variable
    var combine: Combine?
  }

  private struct Combine {
    var layer: Int
    var experts: MixtureOfExperts
    var routing: MixtureOfExperts.Routing
    var departure: Tape.Departure
    /// Whether the next attention may read N.
    var isWithheld: Bool
  }

  private struct Dispatch {
    var input: Variable
    var routing: MixtureOfExperts.Routing
    var route: ExpertRoute
    var departure: Tape.Departure
  }

  /// Final hidden states [B, T, D] of this rank's ids [B * T].
  /// - Parameters:
  ///   - passed: called in the backward pass when a layer's gradients are complete on this rank
  ///   - probe: sees the residual stream behind each layer, as far as it has arrived
  public func hidden(
    _ tape: Tape, ids: [Int32], batch: Int, time: Int, passed: @escaping (Int) -> Void = { _ in },
    probe: (Int, Variable) -> Void = { _, _ in }
  ) -> Variable {
    let positionIds = sequencePositions(batch: batch, time: time)
    tape.isRowwise = true
    tape.betweenOperations = { [progress = context.progress] in progress.poll() }
    var stream = Stream(value: model.embedded(tape, ids, positionIds: positionIds, leading: [batch, time]))
    for (index, layer) in model.layers.enumerated() {
      tape.section = 4 * index
      tape.whenPassed { passed(index) }
      let run = LayerRun(index: index, layer: layer, batch: batch, time: time, positionIds: positionIds)
      stream = forward(tape, run, stream)
      probe(index, stream.value)
    }
    tape.section = 4 * model.layers.count
    let full = completed(tape, &stream)
    mark(tape, "H", model.layers.count)
    return model.normed(tape, full)
  }

  private struct LayerRun {
    var index: Int
    var layer: DecoderLayer
    var batch: Int
    var time: Int
    var positionIds: [Int32]

    var experts: MixtureOfExperts? { layer.transform?.experts }
    /// Whether the experts' path does not wait for the attention. Its nodes then stand in sections of their own: 0
    /// gate, 1 projections, 2 experts, 3 core attention and shared expert.
    var isBeside: Bool { experts != nil && layer.connectivity.skipsAttentionOutput }
    func section(_ part: Int) -> Int { 4 * index + (isBeside ? part : 0) }
  }

  private func forward(_ tape: Tape, _ run: LayerRun, _ before: Stream) -> Stream {
    var stream = before
    var dispatch: Dispatch?
    var read = stream.value
    let startsEarly = run.layer.connectivity.skipsRoutedOutput && stream.combine?.isWithheld == true
    if !startsEarly {
      let full = completed(tape, &stream)
      // The attention's gradient joins R's behind the router's, as in the plain order.
      read = run.isBeside ? tape.alias(full) : full
      if run.isBeside { dispatch = sent(tape, run, full: full, attended: full) }
    }
    tape.section = run.section(1)
    mark(tape, .projections, run.index)
    let input = run.layer.mixerInput(tape, ResidualStreams(read))
    let mixed = run.layer.mixer.forward(
      tape, input, batch: run.batch, time: run.time, positionIds: run.positionIds
    ) {
      context.finish(.projections, layer: run.index, .forward)
      if run.isBeside && dispatch == nil {
        tape.section = run.section(0)
        let full = completed(tape, &stream)
        dispatch = sent(tape, run, full: full, attended: full)
      }
      tape.section = run.section(3)
      mark(tape, .core, run.index)
    }
    let full = completed(tape, &stream)
    let attended = run.layer.attended(tape, full, mixed)
    context.finish(.core, layer: run.index, .forward)
    guard let transform = run.layer.transform else { return Stream(value: attended) }
    guard case .experts(let experts) = transform.body else {
      mark(tape, "M", run.index)
      let input = run.layer.transformInput(tape, transform, full: full, attended: attended)
      let made = transform.feedForward!.forward(tape, input)
      let sum = run.layer.transformed(tape, transform, attended: attended, made: made)
      context.finish("M", layer: run.index, .forward)
      return Stream(value: sum)
    }
    return transformed(tape, run, experts, dispatch ?? sent(tape, run, full: full, attended: attended), attended)
  }

  /// E and S.
  private func transformed(
    _ tape: Tape, _ run: LayerRun, _ experts: MixtureOfExperts, _ dispatch: Dispatch, _ attended: Variable
  ) -> Stream {
    tape.section = run.section(2)
    let rows = tape.arrive(dispatch.departure)
    mark(tape, .experts, run.index)
    let own = ownExperts(of: experts.experts.count)
    let made = tape.expertFeedForward(
      rows, gateUp: experts.gateUp.part(own), down: experts.down.part(own), starts: dispatch.route.starts)
    context.finish(.experts, layer: run.index, .forward)
    let departure = tape.depart(made, dispatch.route.exchange(.combine))
    tape.section = run.section(3)
    mark(tape, .shared, run.index)
    let routedFree = experts.shared.map { tape.add(attended, $0.forward(tape, dispatch.input)) } ?? attended
    context.finish(.shared, layer: run.index, .forward)
    return Stream(
      value: routedFree,
      combine: Combine(
        layer: run.index, experts: experts, routing: dispatch.routing, departure: departure,
        isWithheld: run.layer.withholdsRouted))
  }

  /// G: router, counts, and the rows on their way.
  private func sent(_ tape: Tape, _ run: LayerRun, full: Variable, attended: Variable) -> Dispatch {
    mark(tape, .gate, run.index)
    let experts = run.experts!
    let input = run.layer.transformInput(tape, run.layer.transform!, full: full, attended: attended)
    let routing = experts.route(tape, input)
    let rows = experts.dispatched(tape, input, routing)
    let route = ExpertRoute(context, routing.choice, layer: run.index)
    context.finish(.gate, layer: run.index, .forward)
    return Dispatch(
      input: input, routing: routing, route: route, departure: tape.depart(rows, route.exchange(.dispatch)))
  }

  /// R: waits for the combine where one is under way.
  private func completed(_ tape: Tape, _ stream: inout Stream) -> Variable {
    guard let combine = stream.combine else { return stream.value }
    let rows = tape.arrive(combine.departure)
    mark(tape, "U", combine.layer)
    let routed = combine.experts.combined(
      tape, rows, combine.routing, leading: Array(stream.value.shape.dropLast()))
    stream = Stream(value: tape.add(stream.value, routed))
    context.finish("U", layer: combine.layer, .forward)
    return stream.value
  }

  /// In the backward pass, ends the stretch of the operation whose nodes follow.
  private func mark(_ tape: Tape, _ operation: String, _ layer: Int) {
    tape.whenPassed { [context] in context.finish(operation, layer: layer, .backward) }
  }

  private func mark(_ tape: Tape, _ kind: SubOperation.Kind, _ layer: Int) { mark(tape, kind.rawValue, layer) }
}

extension MixtureOfExperts {
  /// The experts of other ranks do not train here.
  fileprivate func freezeAll(but own: Range<Int>) {
    for matrices in [gateUp, down] {
      guard case .separate(let experts) = matrices else { continue }
      for (expert, parameters) in experts.enumerated() {
        for parameter in parameters { parameter.isTrainable = own.contains(expert) }
      }
    }
  }
}

/// Refuses a number of ranks that does not divide `count`, naming those that do.
/// - Parameter what: what there are so many of, with the number
func requireDivisor(_ ranks: Int, of count: Int, _ what: String, field: String) throws {
  if ranks >= 1 && count % ranks == 0 { return }
  let divisors = (1...count).filter { count % $0 == 0 }.map(String.init).joined(separator: ", ")
  throw UpcycleError.usage(
    "does not divide the \(what)", field: field, expected: "one of \(divisors)", found: "\(ranks)")
}
