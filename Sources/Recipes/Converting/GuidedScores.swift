import Distillation
import Foundation
import Groundwork
import ModelCore
import TokenData
import Upcycling

/// KL-guided layer scores (Li et al., ICLR 2026, arXiv 2512.20569): a layer is worth as much as the divergence from the base
/// falls when this layer alone is given its attention back and the model then trains a little. SMART's score is the same
/// without the training.
///
///   s_i = KL(base || all linear, trained) - KL(base || all linear but layer i, trained),  mean per token
///
/// One short distillation a layer, and one without any; each stays in `work`, so that an interrupted measurement goes on.
public struct GuidedScores {
  /// Folder of an attention-only model, which is also the teacher.
  public var base: URL
  /// Folder of the ILD model whose layers are latent attention.
  public var latent: URL
  /// Folder of the ILD model whose layers are linear.
  public var linear: URL
  /// Text to train on.
  public var data: TokenShards
  /// Of every distillation.
  public var plan: TrainingPlan
  /// Holds a model for every layer.
  public var work: URL

  /// - Parameters:
  ///   - base: folder of an attention-only model, which is also the teacher
  ///   - data: text to train on
  ///   - plan: of every distillation
  ///   - work: holds a model for every layer
  public init(base: URL, latent: URL, linear: URL, data: TokenShards, plan: TrainingPlan, work: URL) {
    self.base = base
    self.latent = latent
    self.linear = linear
    self.data = data
    self.plan = plan
    self.work = work
  }

  /// - Parameters:
  ///   - windows: token ids that divergences are measured on, equally long
  ///   - report: the distillations done, of all
  /// - Returns: KL of the trained all-linear model, and the score of every layer, nats per token
  public func measure(
    windows: [[Int32]], report: (Int, Int) -> Void = { _, _ in }, shouldStop: () -> Bool = { false }
  ) throws -> (divergence: Double, scores: [Double]) {
    try plan.validate()
    try requireWorkFolder(work, apartFrom: [base, latent, linear])
    let count = try ModelConfig(contentsOf: base).layerCount
    let teacher = try LanguageModel(folder: base)
    func divergence(_ start: URL, _ name: String) throws -> Double {
      let folder = work.appendingPathComponent(name)
      do {
        try Distilling(student: start, teacher: base, data: data, plan: plan).run(in: folder, shouldStop: shouldStop)
      } catch var error as UpcycleError where error.kind == .usage && error.hint?.contains("`out`") == true {
        error.hint = "name another `work`"
        throw error
      }
      return try StartingFit(LanguageModel(folder: folder), base: teacher, windows: windows).divergence
    }
    // Of other models than those that the work folder was begun with, the starts are made anew.
    let origin = try FolderOrigin(command: "GuidedScores", inputs: [base, latent, linear].map(\.path))
    let whole = try divergence(linear, "linear")
    report(1, count + 1)
    let scores = try (0..<count).map { layer -> Double in
      let start = work.appendingPathComponent("start-\(layer)")
      if try FolderOrigin(of: start) != origin {
        try? FileManager.default.removeItem(at: start)
        _ = try Composition(latentLayers: [layer]).write(base: base, latent: latent, linear: linear, to: start)
        try origin.write(to: start)
      }
      let own = try divergence(start, "layer-\(layer)")
      report(layer + 2, count + 1)
      return whole - own
    }
    return (whole, scores)
  }
}
