import ArgumentParser
import Distillation

/// How layers learn from the base's (ILD).
public struct IntermediateOptions: ParsableArguments {
  @Option(
    help: """
      Loss: squared (Zebra-Llama's equation), norm (the official code, layer outputs alone), refined (Enhanced-ILD: \
      norm, and the mixers' outputs too), mixers (those alone), matrices (how Mamba2 mixes tokens against how attention \
      does; MOHAWK's first stage, mixers its second). (default: the method's)
      """)
  /// nil: the method's.
  public var loss: IntermediatePlan.Loss?
  /// What gets gradients.
  @Option(help: "What trains: layers (all of them and the final norm), mixers.")
  public var train = IntermediatePlan.Trained.layers
  @Option(help: "Peak learning rate.") public var lr = IntermediatePlan(tokens: 0).learningRate
  @Option(help: "Sequences per step.") public var batch = IntermediatePlan(tokens: 0).batch
  @Option(help: "Tokens per sequence.") public var sequence = IntermediatePlan(tokens: 0).time
  @Option(help: "Fraction of the steps that warm up.") public var warmup = IntermediatePlan(tokens: 0).warmup
  @Option(help: "Seed of the order of the data and of random starts.") public var seed: UInt64 = 1
  @Option(help: "Seconds between checkpoints.") public var saveEvery = 60.0

  public init() {}

  /// - Parameter loss: the method's
  public func plan(tokens: Int, loss methods: IntermediatePlan.Loss) -> IntermediatePlan {
    IntermediatePlan(
      tokens: tokens, batch: batch, time: sequence, learningRate: lr, warmup: warmup, loss: loss ?? methods,
      trained: train, seed: seed)
  }
}
