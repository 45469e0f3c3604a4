/// A published model on so many GPUs.
public struct Workload: Sendable {
  /// What is executed, and how it is spread.
  public enum Mode: String, CaseIterable, Sendable {
    /// Forward and backward, expert parallel: two all-to-alls a block and pass.
    case training
    /// Reading prompts, tensor and expert parallel: two all-reduces a block.
    case prefill
    /// One new token of every sequence, spread like prefill.
    case decode
  }

  /// The model.
  public var shape: ModelShape
  /// Ranks that share the experts.
  public var gpus: Int
  /// Tokens of a rank in training, of the whole batch in inference.
  public var tokens: Int
  /// Tokens of a sequence; in decoding those in its cache.
  public var sequence: Int
  /// Bytes of a number that travels.
  public var bytesPerNumber: Double = 2
  /// What is executed.
  public var mode: Mode

  init(_ shape: ModelShape, gpus: Int, tokens: Int, sequence: Int, mode: Mode = .training) {
    self.shape = shape
    self.gpus = gpus
    self.tokens = tokens
    self.sequence = sequence
    self.mode = mode
  }

  /// Work of one block and rank for so many tokens.
  public func work(tokens: Int, perNode: Int) -> LayerWork {
    switch mode {
    case .training:
      shape.trainingWork(
        tokens: tokens, sequence: sequence, ranks: gpus, perNode: perNode, bytesPerNumber: bytesPerNumber)
    case .prefill:
      shape.prefillWork(
        tokens: tokens, sequence: sequence, ranks: gpus, perNode: perNode, bytesPerNumber: bytesPerNumber)
    case .decode:
      shape.decodeWork(
        sequences: tokens, cached: sequence, ranks: gpus, perNode: perNode, bytesPerNumber: bytesPerNumber)
    }
  }

  /// The blocks with experts of this model on `gpus` such accelerators; dense layers, embedding and head are left out.
  public func model(on accelerator: Accelerator, slowdown: Slowdown) -> OverlapModel {
    OverlapModel(
      durations: accelerator.durations(work(tokens: tokens, perNode: accelerator.perNode)),
      half: accelerator.durations(work(tokens: (tokens + 1) / 2, perNode: accelerator.perNode)),
      layers: shape.expertLayers, slowdown: slowdown, ranks: gpus)
  }

  /// Milliseconds of a whole training step outside the blocks with experts (dense layers and head, backward doubled).
  func otherMilliseconds(on accelerator: Accelerator) -> Double {
    3 * Double(tokens) * shape.otherTrainingWork(sequence: sequence) / (1e9 * accelerator.peak * accelerator.efficiency)
  }
}
