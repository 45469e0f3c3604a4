import Foundation
import Groundwork
import LabKit

/// One decision of our recipe, and the committed records that it was taken by.
public struct RecipeChoice: Sendable {
  /// One side of a comparison: a metric of a cell of an experiment.
  public struct Side: Sendable {
    /// The cell's id.
    public let cell: String
    /// `stage.metric`; of losses and errors less is better, of scores more.
    public let metric: String

    /// The mean over the cell's seeds, and how many there are; nil: not recorded.
    func mean(in records: [Record]) -> (value: Double, seeds: Int)? {
      let values = records.filter { $0.cell == cell }.compactMap { $0.metrics[metric]?.value }
      return values.isEmpty ? nil : (values.reduce(0, +) / Double(values.count), values.count)
    }
  }

  /// What is decided.
  public let question: String
  /// What the recipe does.
  public let answer: String
  /// The experiment, `PAPER/ITEM`, whose micro profile decided.
  public let spec: String
  /// What the recipe does, as that experiment has it.
  public let chosen: Side
  /// What it could have done instead.
  public let rivals: [Side]
  /// What the comparison leaves open; nil: nothing but its seeds.
  public let remark: String?

  /// - Parameter rivalMetric: what the chosen cell is compared with, instead of other cells
  private init(
    _ question: String, _ answer: String, _ spec: String, _ metric: String, _ chosen: String,
    over rivals: [String] = [],
    rivalMetric: String? = nil, remark: String? = nil
  ) {
    self.question = question
    self.answer = answer
    self.spec = spec
    self.chosen = Side(cell: chosen, metric: metric)
    self.rivals =
      rivals.map { Side(cell: $0, metric: metric) } + (rivalMetric.map { [Side(cell: chosen, metric: $0)] } ?? [])
    self.remark = remark
  }

  /// All of them, in the order of the stages.
  public static let all = [
    RecipeChoice(
      "linear layers", "Gated DeltaNet", "hylo/table2", "scores.avg", "HyLo-Llama-4MLA12GDN 8K",
      over: ["HyLo-Llama-4MLA12M2 8K"]),
    RecipeChoice(
      "layer by layer first (ILD)", "yes, both students", "zebra/figure6", "sft.loss", "hybrid, structured + ILD",
      over: ["hybrid, structured"], remark: "the rival has no tokens in place of ILD's"),
    RecipeChoice(
      "start and loss of that stage",
      "as HyLo's: SVD, the corner of the attention's projections, outputs of the mixers too (Enhanced-ILD)",
      "zebra/best", "sft.loss", "HyLo's students, our layers, 7.8 %", over: ["ours, 7.8 %"],
      remark: "three differences at once; alone each of HyLo's was level or worse (xecomla/initialisers, hylo/starts, "
        + "zebra/refined-ild)"),
    RecipeChoice(
      "which layers are latent", "the highest of the model's own scores (max-score)", "zebra/own-placement",
      "scores.avg",
      "Max score", over: ["SMART", "KL-guided greedy", "the paper's list (0 5 10 14)"]),
    RecipeChoice(
      "the same where half of them are", "those too", "zebra/best", "sft.loss", "HyLo's students, our layers, 7.8 %",
      over: ["HyLo, 7.8 %"]),
    RecipeChoice(
      "teacher", "a larger one where there is one", "zebra/table5", "sft.loss", "Zebra-Llama-1B 4MLA-12M2 8B",
      over: ["Zebra-Llama-1B 4MLA-12M2 3B", "Zebra-Llama-1B 4MLA-12M2 1B"]),
    RecipeChoice(
      "loss of the distillation", "KL alone", "xecomla/real-losses", "after.loss", "KL", over: ["KL + CE", "CE"]),
    RecipeChoice(
      "preference training after it", "none", "zebra/refined-ild", "scores.avg", "1B-4MLA12M2",
      rivalMetric: "preferred.avg"),
  ]

  /// The numbers as the records of a checkout have them, such as `sft.loss 0.955 against 0.978 (15.6 % paper); 1 seed`;
  /// the experiment's name alone where there is no checkout.
  public func evidence(in laboratory: Laboratory?) throws -> String {
    let records = try laboratory?.records(of: spec, inProfile: "micro") ?? []
    var text = spec
    if let own = chosen.mean(in: records) {
      let digits = chosen.metric.hasSuffix(".avg") ? 1 : 3
      func number(_ value: Double) -> String { String(format: "%.\(digits)f", value) }
      let others = rivals.compactMap { side in
        side.mean(in: records).map { "\(number($0.value)) (\(side.cell == chosen.cell ? side.metric : side.cell))" }
      }
      text += ": \(chosen.metric) \(number(own.value)) against \(others.joined(separator: ", "))"
      text += "; \(own.seeds) seed\(own.seeds == 1 ? "" : "s")"
    }
    return text + (remark.map { "; \($0)" } ?? "")
  }
}
