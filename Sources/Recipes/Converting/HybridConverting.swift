import Distillation
import Foundation
import Groundwork
import ModelCore
import TokenData
import Upcycling

/// HyLo's first stage, whole (Enhanced-ILD): the base with latent attention in every layer and the base with a linear
/// mixer in every layer, each trained by ILD on the base, and a hybrid put together from their layers. A base folder
/// in, a model folder out; both students stay in the work folder, so that an interrupted run goes on and another
/// hybrid of the same students costs nothing.
public struct HybridConverting {
  /// Folder of an attention-only model.
  public var base: URL
  /// Replacement of every attention layer by latent attention.
  public var latent: LatentConversion
  /// The same by Mamba2 or Gated DeltaNet.
  public var linear: any MixerReplacement
  /// Which layers come from which student.
  public var composition: Composition
  /// Text that the students train on.
  public var data: TokenShards
  /// Text for the layers' errors; nil: not measured.
  public var heldOut: TokenShards?
  /// Of each student.
  public var plan: IntermediatePlan
  /// Holds the students as `mla` and `gdn` or `mamba2`.
  public var work: URL
  /// Whether students of other settings in the work folder may go.
  public var force = false
  /// Type of the numbers of both students and the hybrid.
  public var type = ElementType.float32

  public init(
    base: URL, latent: LatentConversion, linear: any MixerReplacement, composition: Composition,
    data: TokenShards, heldOut: TokenShards? = nil, plan: IntermediatePlan, work: URL
  ) {
    self.base = base
    self.latent = latent
    self.linear = linear
    self.composition = composition
    self.data = data
    self.heldOut = heldOut
    self.plan = plan
    self.work = work
  }

  /// What was made.
  public struct Outcome: Sendable {
    /// The hybrid's.
    public var config: ModelConfig
    /// The base's.
    public var base: ModelConfig
    /// The students' layer errors by student.
    public var students: [(name: String, folder: URL, errors: IntermediateDistilling.Outcome)]
  }

  /// Trains what is not trained yet and writes the hybrid to `out`; whatever cannot be done is refused before.
  /// - Parameter report: the progress of one student by its name
  public func run(
    to out: URL, saveEvery: Double = 60,
    report: (String) -> (IntermediateTrainer.StepMetrics, Double) -> Void = { _ in { _, _ in } },
    shouldStop: () -> Bool = { false }
  ) throws -> Outcome {
    try plan.validate()
    let config = try ModelConfig(contentsOf: base)
    let replacements: [any MixerReplacement] = [latent, linear]
    let shapes = try replacements.map { try $0.config(base: config) }
    let hybrid = try composition.config(base: config, latent: shapes[0], linear: shapes[1])
    if hybrid.mixers == shapes[0].mixers {
      throw UpcycleError.usage(
        "leaves no layer to the linear mixer", field: "layers", expected: "fewer than \(config.layerCount) layers",
        found: "all", hint: "zebra ild --mixer mla trains such a model")
    }
    try requireModelPlace(out, keepingApartFrom: base)
    try requireWorkFolder(work, apartFrom: [out, base])
    let students = try replacements.map { replacement in
      let name = replacement.name
      let folder = work.appendingPathComponent(name)
      var training = IntermediateDistilling(
        base: base, student: .replacing(replacement), data: data, heldOut: heldOut, plan: plan)
      training.type = type
      let errors = try training.run(
        in: folder, force: force, saveEvery: saveEvery, report: report(name), shouldStop: shouldStop)
      return (name: name, folder: folder, errors: errors)
    }
    let written = try composition.write(
      base: base, latent: students[0].folder, linear: students[1].folder, to: out, type: type)
    return Outcome(config: written, base: config, students: students)
  }
}
