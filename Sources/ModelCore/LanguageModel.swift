import Autograd
import CKernels
import Groundwork
import TensorCore

/// A decoder-only language model: embedding, layers (mixer + feed-forward, each behind its RMSNorm), final
/// norm, head (tied to the embedding or not).
public final class LanguageModel {
  /// What it is.
  public let config: ModelConfig
  /// All weights in one buffer, in the order in which layers ask for them.
  public let parameters: ParameterSet
  /// What each of `parameters` is, in their order.
  public let tensors: [TensorSpec]
  /// [vocab, D], a row for every token id.
  public let embedding: Parameter
  /// Learned positions, which join the embedding; nil where there are none.
  let positions: Parameter?  // [positions, D]
  /// Bottom to top.
  public let layers: [DecoderLayer]
  /// [D], of the norm behind the last layer.
  public let finalNorm: Parameter
  let finalNormBias: Parameter?  // [D], of a LayerNorm
  /// [vocab, D]; the embedding itself when tied.
  public let head: Parameter
  /// The routers of all layers with experts; without records when there are none.
  public let routing = RoutingControl()
  /// How its caches forget (`evict(by:)`); nil: not at all.
  public internal(set) var heavyHitters: HeavyHitters?

  /// - Parameters:
  ///   - storage: `.asStored` makes a model for inference alone
  ///   - file: what error messages call the source.
  public init(
    _ config: ModelConfig, weights source: any WeightSource, storage: WeightStorage = .float32, file: String = "model"
  ) throws {
    self.config = config
    try source.check(config.embeddingTensor)
    if let positions = config.positionsTensor { try source.check(positions) }
    for layer in 0..<config.layerCount { try config.layerTensors(layer).forEach(source.check) }
    let weights = WeightRequests(source, all: config.tensors, storage: storage)
    embedding = try weights.tensor(config.embeddingTensor)
    positions = try config.positionsTensor.map(weights.tensor)
    let control = routing
    layers = try (0..<config.layerCount).map { try DecoderLayer(config, index: $0, weights, control: control) }
    finalNorm = try weights.tensor(config.finalNormTensor)
    finalNormBias = try config.finalNormBiasTensor.map(weights.tensor)
    head = config.tieWordEmbeddings ? embedding : try weights.tensor(config.headTensor)
    let family = config.architecture.family
    parameters = try weights.finish(file: file) { family.ignores($0, of: config) }
    tensors = weights.tensors
  }

  /// The parameter in a place; nil where the model has none there.
  /// - Parameter layer: nil outside of layers
  public func parameter(_ role: TensorRole, layer: Int? = nil) -> Parameter? {
    let place = TensorPlace(role, layer: layer)
    return tensors.firstIndex { $0.place == place }.map { parameters.parameters[$0] }
  }

  /// A parameter of a layer's mixer.
  public func parameter(_ role: MixerRole, layer: Int) -> Parameter? { parameter(.mixer(role), layer: layer) }

  // MARK: Training

  /// Final hidden states [B, T, D] (after the final norm) of ids [B * T], every sequence from position 0.
  /// - Parameter probe: sees each layer's output (diagnosis, intermediate objectives).
  public func hidden(
    _ tape: Tape, ids: [Int32], batch: Int, time: Int, checkpointing: Bool = false,
    probe: ((Int, Variable) -> Void)? = nil
  ) -> Variable {
    precondition(ids.count == batch * time)
    let positionIds = sequencePositions(batch: batch, time: time)
    var streams = ResidualStreams(embedded(tape, ids, positionIds: positionIds, leading: [batch, time]))
    for (index, layer) in layers.enumerated() {
      func run(_ tape: Tape, _ streams: ResidualStreams) -> ResidualStreams {
        layer.forward(tape, streams, batch: batch, time: time, positionIds: positionIds)
      }
      streams = checkpointing ? checkpointed(tape, streams, run) : run(tape, streams)
      probe?(index, streams.full)
    }
    return normed(tape, streams.full)
  }

  /// A layer whose activations are made again in the backward pass; its streams go in and out.
  private func checkpointed(
    _ tape: Tape, _ streams: ResidualStreams, _ run: @escaping (Tape, ResidualStreams) -> ResidualStreams
  ) -> ResidualStreams {
    func list(_ some: ResidualStreams) -> [Variable] { [some.full] + (some.withoutRouted.map { [$0] } ?? []) }
    func both(_ list: [Variable]) -> ResidualStreams {
      ResidualStreams(list[0], withoutRouted: list.count > 1 ? list[1] : nil)
    }
    return both(tape.checkpoint(list(streams)) { list(run($0, both($1))) })
  }

  /// What enters the first layer: the rows of ids, scaled or joined by those of their positions where the model does so.
  public func embedded(_ tape: Tape, _ ids: [Int32], positionIds: [Int32], leading: [Int]) -> Variable {
    let rows = tape.embedding(embedding, ids: ids, leading: leading)
    if let positions { return tape.add(rows, tape.embedding(positions, ids: positionIds, leading: leading)) }
    let factor = config.block.embeddingMultiplier
    return factor == 1 ? rows : tape.scale(rows, Float(factor))
  }

  /// The final norm.
  public func finalNormed(_ tape: Tape, _ x: Variable) -> Variable {
    let eps = Float(config.rmsNormEps)
    return finalNormBias.map { tape.layerNorm(x, finalNorm, $0, eps: eps) }
      ?? tape.rmsNorm(x, finalNorm, eps: eps, offset: config.normOffset)
  }

  /// The final norm, and the divisor of the logits where there is one.
  public func normed(_ tape: Tape, _ x: Variable) -> Variable {
    let normed = finalNormed(tape, x)
    let divisor = config.block.logitDivisor
    return divisor == 1 ? normed : tape.scale(normed, Float(1 / divisor))
  }

  /// Soft cap of the logits; 0: none.
  public var logitCap: Float { Float(config.block.logitCap ?? 0) }

  /// Logits [rows, vocab] of hidden rows.
  /// - Parameter rowwise: the bits of a row depend on that row alone
  public func logits(_ hidden: Tensor, rowwise: Bool = false) -> Tensor {
    let logits = head.product(hidden, rowwise: rowwise)
    if logitCap > 0 { up_soft_cap(logits.pointer, logits.count, logitCap) }
    return logits
  }

  /// Logits [B, T, vocab] of whole sequences.
  public func logits(ids: [Int32], batch: Int, time: Int) -> Tensor {
    let states = hidden(Tape(recording: false), ids: ids, batch: batch, time: time)
    return logits(states.value).reshaped([batch, time, config.vocabularySize])
  }
}

/// Positions [batch * time] of whole sequences, each from 0.
public func sequencePositions(batch: Int, time: Int) -> [Int32] { (0..<batch * time).map { Int32($0 % time) } }
