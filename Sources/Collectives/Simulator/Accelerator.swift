/// A GPU and its links, as far as durations follow from them. Everything here is an assumption that
/// `farskip simulate` prints.
public struct Accelerator: Equatable, Sendable {
  /// Dense peak in TFLOP/s. MI300X and MI325X: 1307.4 in bfloat16, 2614.9 in FP8.
  public var peak: Double = 1307.4
  /// Share of the peak that products reach.
  public var efficiency: Double
  /// GB/s one way per GPU, inside the node and between nodes. MI300X: 310 realised; 400 Gb/s a GPU: 50.
  public var intraBandwidth: Double = 310
  public var interBandwidth: Double = 50
  /// Milliseconds before the first byte arrives.
  public var intraLatency: Double = 0
  public var interLatency: Double = 0
  public var perNode: Int = 8

  public init(efficiency: Double) { self.efficiency = efficiency }

  /// Milliseconds of `work`; a collective takes `alpha + bytes / beta` on each kind of link it uses.
  public func durations(_ work: LayerWork) -> LayerDurations {
    let rate = 1e9 * peak * efficiency
    let collective = CollectiveTime(
      intra: work.intraBytes > 0 ? intraLatency + work.intraBytes / (1e6 * intraBandwidth) : 0,
      inter: work.interBytes > 0 ? interLatency + work.interBytes / (1e6 * interBandwidth) : 0)
    return LayerDurations(
      projections: work.projections / rate, core: work.core / rate, gate: work.gate / rate, dispatch: collective,
      experts: work.experts / rate, combine: collective, shared: work.shared / rate)
  }
}

/// A published model on so many GPUs.
public struct Workload: Sendable {
  public var shape: ModelShape
  public var gpus: Int
  /// Tokens of a rank in training, of the whole batch in prefill.
  public var tokens: Int
  public var sequence: Int
  /// Bytes of a number that travels.
  public var bytesPerNumber: Double = 2
  public var isTraining: Bool

  public init(_ shape: ModelShape, gpus: Int, tokens: Int, sequence: Int, isTraining: Bool = true) {
    self.shape = shape
    self.gpus = gpus
    self.tokens = tokens
    self.sequence = sequence
    self.isTraining = isTraining
  }

  /// Work of one block and rank for so many tokens.
  public func work(tokens: Int, perNode: Int) -> LayerWork {
    isTraining
      ? shape.trainingWork(
        tokens: tokens, sequence: sequence, ranks: gpus, perNode: perNode, bytesPerNumber: bytesPerNumber)
      : shape.prefillWork(
        tokens: tokens, sequence: sequence, ranks: gpus, perNode: perNode, bytesPerNumber: bytesPerNumber)
  }

  /// The blocks with experts of this model on `gpus` such accelerators; dense layers, embedding and head are left out.
  public func model(on accelerator: Accelerator, slowdown: Slowdown, skew: Double = 1) -> OverlapModel {
    OverlapModel(
      durations: accelerator.durations(work(tokens: tokens, perNode: accelerator.perNode)),
      half: accelerator.durations(work(tokens: (tokens + 1) / 2, perNode: accelerator.perNode)),
      layers: shape.expertLayers, slowdown: slowdown, ranks: gpus, skew: skew)
  }

  /// Milliseconds of a whole training step outside the blocks with experts (dense layers and head, backward doubled).
  public func otherMilliseconds(on accelerator: Accelerator) -> Double {
    3 * Double(tokens) * shape.otherTrainingWork(sequence: sequence) / (1e9 * accelerator.peak * accelerator.efficiency)
  }
}
