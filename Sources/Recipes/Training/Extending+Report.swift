import Distillation
import Foundation
import Groundwork
import ModelCore
import Upcycling
import TensorCore

extension Extending {
  /// Positions and plan, complete, as JSON.
  public var settings: String {
    get throws {
      struct Settings: Encodable {
        var positions: ContextExtension
        var plan: TrainingPlan?
      }
      return try jsonText(Settings(positions: positions, plan: plan), pretty: true, snakeCase: true)
    }
  }

  /// What a stage did.
  public struct Report: Encodable {
    /// The folder that was written.
    public var model: String
    /// What became of the positions.
    public var positions: ContextExtension
    /// Trained on.
    public var tokens: Int
    /// By tokens.
    public var heldOut: Distilling.Curve
    /// Highest sum of tensor bytes held at once; nil: the stage was finished already.
    public var peakBytes: Int?

    /// - Parameter model: the folder's name as the user gave it
    public init(_ recipe: Extending, model: String, heldOut: Distilling.Curve) {
      self.model = model
      positions = recipe.positions
      tokens = recipe.plan.map { $0.steps * $0.batch * $0.time } ?? 0
      self.heldOut = heldOut
      peakBytes = StoragePool.peakBytes > 0 ? StoragePool.peakBytes : nil
    }

    /// What a user reads at the end.
    public var summary: String {
      var lines: [String] = []
      if let line = heldOutLine(heldOut) { lines.append(line) }
      lines.append("positions: \(positions)")
      if tokens > 0, let peakBytes { lines.append("peak memory of tensors: \(formatBytes(peakBytes))") }
      return lines.joined(separator: "\n")
    }
  }
}
