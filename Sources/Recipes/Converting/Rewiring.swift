import Distillation
import Evaluation
import Foundation
import Groundwork
import ModelCore
import TokenData
import Upcycling

/// FarSkip's conversion and what it costs before any training ("naive damage", Figure 3): a model folder in, a folder
/// with the same weights and another connectivity out.
public struct Rewiring {
  /// Folder of a model with experts.
  public var model: URL
  /// Which are rewired.
  public var layers: LayerSelection
  /// How they are connected.
  public var connectivity: Connectivity
  /// Text that the damage is measured on; nil: not measured.
  public var heldOut: TokenShards?

  public init(model: URL, layers: LayerSelection, connectivity: Connectivity, heldOut: TokenShards? = nil) {
    self.model = model
    self.layers = layers
    self.connectivity = connectivity
    self.heldOut = heldOut
  }

  /// What was made.
  public struct Outcome: Sendable {
    /// The rewired model's.
    public var config: ModelConfig
    /// Mean next-token loss in nats of the model as it was and as it is; nil where nothing was measured.
    public var losses: (before: Double, after: Double)?
  }

  /// Writes the rewired model to `out` and measures both.
  public func run(to out: URL) throws -> Outcome {
    try heldOut?.require(Tokenizer.load(from: model))
    let config = try rewireCheckpoint(at: model, layers, as: connectivity, to: out)
    guard let heldOut else { return Outcome(config: config) }
    let losses = try [model, out].map { folder in
      try heldOutLoss(LanguageModel(folder: folder), heldOut, time: min(256, config.maxPosition))
    }
    return Outcome(config: config, losses: (losses[0], losses[1]))
  }
}
