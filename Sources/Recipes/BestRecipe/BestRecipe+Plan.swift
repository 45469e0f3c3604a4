import Foundation
import Groundwork
import LabKit
import ModelCore
import Upcycling

extension BestRecipe {
  /// What is going to be done, stage by stage, and why.
  public struct Outline: Sendable {
    /// A stage, in the order of their running.
    public struct Step: Sendable {
      /// Such as `distill`.
      public let name: String
      /// In words.
      public let does: String
      /// Training tokens; 0: trains nothing.
      public let tokens: Int
      /// What it leaves: a model folder or a file.
      public let leaves: URL
    }

    /// The stages.
    public let steps: [Step]
    /// The decisions, and the numbers of the records behind each.
    public let why: [(choice: RecipeChoice, evidence: String)]
    /// Layers that become latent attention, and all.
    public let layers: (latent: Int, all: Int)
    /// Cache of the hybrid in percent of the base's.
    public let kvPercent: Double
    /// The same with the states of its recurrent layers, after `BestRecipe.Shape.statesContext` tokens.
    public let percentWithStates: Double
  }

  /// Refuses what cannot be done; writes nothing.
  /// - Parameters:
  ///   - out: where the model is to be
  ///   - force: whether another model there may go
  ///   - laboratory: the checkout whose records are cited; nil: experiments are named without their numbers
  public func outline(out: URL, force: Bool = false, citing laboratory: Laboratory?) throws -> Outline {
    try check(out: out, force: force)
    let shape = try shape()
    let (size, followed) = (shape.base.parameterCount, try ModelConfig(contentsOf: teacher).parameterCount)
    let lead =
      teacher == base
      ? "its own base"
      : "\(teacher.relativePath), \(formatCount(followed)) parameters for the base's \(formatCount(size))"
    func student(_ name: String, _ mixer: String) -> Outline.Step {
      Outline.Step(
        name: name, does: "\(mixer) in every layer learns the outputs of the base's layers",
        tokens: plans.layers.tokens, leaves: work.appendingPathComponent(name))
    }
    let steps = [
      student(
        shape.latent.name,
        "latent attention (r_kv \(shape.latent.kvRank ?? 0), \(shape.latent.ropeHeadDim) of \(shape.base.headDim) rotate)"
      ),
      student(shape.linear.name, "Gated DeltaNet"),
      Outline.Step(
        name: "select", does: "scores every layer on \(windows) windows of text; the \(shape.count) highest are latent",
        tokens: 0, leaves: work.appendingPathComponent("scores.csv")),
      Outline.Step(
        name: "compose", does: "those layers of the first student, the others of the second", tokens: 0,
        leaves: work.appendingPathComponent("hybrid")),
      Outline.Step(
        name: "distill", does: "the hybrid follows \(lead)", tokens: plans.distillation.tokens, leaves: out),
    ]
    return Outline(
      steps: steps, why: try RecipeChoice.all.map { ($0, try $0.evidence(in: laboratory)) },
      layers: (shape.count, shape.base.layerCount), kvPercent: shape.kvPercent,
      percentWithStates: shape.percentWithStates)
  }
}

extension BestRecipe.Outline {
  /// For people.
  public var summary: String {
    let tokens = steps.reduce(0) { $0 + $1.tokens }
    var lines = [
      String(
        format:
          "%d of %d layers latent, KV cache %.2f %% of the base's (with the states of the others %.2f %% at %@ tokens); "
          + "%@ tokens in all", layers.latent, layers.all, kvPercent, percentWithStates,
        formatCount(BestRecipe.Shape.statesContext), formatCount(tokens))
    ]
    for (number, step) in steps.enumerated() {
      let tokens = step.tokens > 0 ? ", \(formatCount(step.tokens)) tokens" : ""
      lines.append("\(number + 1) \(step.name): \(step.does)\(tokens) -> \(step.leaves.relativePath)")
    }
    lines.append("why")
    for (choice, evidence) in why { lines += ["  \(choice.question): \(choice.answer)", "    \(evidence)"] }
    return lines.joined(separator: "\n")
  }

  /// For scripts.
  public var json: JSONValue {
    let steps = steps.map { step -> JSONValue in
      .object([
        "name": .string(step.name), "does": .string(step.does), "tokens": .int(step.tokens),
        "leaves": .string(step.leaves.relativePath),
      ])
    }
    let why = why.map { choice, evidence -> JSONValue in
      .object([
        "question": .string(choice.question), "answer": .string(choice.answer),
        "experiment": choice.spec.map(JSONValue.string) ?? .null,
        "evidence": .string(evidence),
      ])
    }
    return .object([
      "latent_layers": .int(layers.latent), "layers": .int(layers.all), "kv_percent": .double(kvPercent),
      "cache_percent_\(BestRecipe.Shape.statesContext)": .double(percentWithStates),
      "steps": .array(steps), "why": .array(why),
    ])
  }
}
