import Foundation
import Groundwork
import LabKit

/// One decision of our recipe, and the committed records that it was taken by.
public struct RecipeChoice: Sendable {
  /// What is decided.
  public let question: String
  /// What the recipe does.
  public let answer: String
  /// The experiment, `PAPER/ITEM`, whose micro profile decided; nil: none has compared anything else.
  public let spec: String?
  /// The cell that does what the recipe does.
  public let chosen: String
  /// Cells that do otherwise.
  public let rivals: [String]
  /// `stage.metric`, of losses less is better and of scores more: the first decided, the other is told beside it.
  public let metrics: [String]
  /// What the chosen cell's first metric is compared with, instead of other cells.
  public let rivalMetric: String?
  /// What the comparison leaves open; nil: nothing but its seeds.
  public let remark: String?

  private init(
    _ question: String, _ answer: String, _ spec: String? = nil, _ chosen: String = "", over rivals: [String] = [],
    by metrics: [String] = ["sft.loss", "scores.avg"], rivalMetric: String? = nil, remark: String? = nil
  ) {
    self.question = question
    self.answer = answer
    self.spec = spec
    self.chosen = chosen
    self.rivals = rivals
    self.metrics = metrics
    self.rivalMetric = rivalMetric
    self.remark = remark
  }

  /// All of them, in the order of the stages.
  public static let all = [
    RecipeChoice(
      "linear layers", "Gated DeltaNet", "hylo/table2", "HyLo-Llama-4MLA12GDN 8K", over: ["HyLo-Llama-4MLA12M2 8K"],
      by: ["model.loss", "scores.avg"]),
    RecipeChoice(
      "layer by layer first (ILD)", "yes, both students", "zebra/figure6", "hybrid, structured + ILD",
      over: ["hybrid, structured"], remark: "the rival has no tokens in place of ILD's"),
    RecipeChoice(
      "start and loss of that stage",
      "as HyLo's: SVD, the corner of the attention's projections, outputs of the mixers too (Enhanced-ILD)",
      "zebra/best", "HyLo's students, our layers, 7.8 %", over: ["ours, 7.8 %"],
      remark: "three differences at once; alone each of HyLo's was level or worse (xecomla/initialisers, hylo/starts, "
        + "zebra/refined-ild)"),
    RecipeChoice("rank of the latents", "an eighth of stacked keys and values, as HyLo's"),
    RecipeChoice("tokens of the two students and the hybrid", "a quarter, a quarter and half"),
    RecipeChoice(
      "which layers are latent", "the highest of the model's own scores (max-score)", "zebra/own-placement",
      "Max score", over: ["SMART", "the paper's list (0 5 10 14)", "KL-guided greedy"], by: ["scores.avg", "sft.loss"],
      remark: "KL-guided greedy measures anew beside every layer it has chosen"),
    RecipeChoice(
      "the same where half of them are", "those too", "zebra/best", "HyLo's students, our layers, 7.8 %",
      over: ["HyLo, 7.8 %"]),
    RecipeChoice(
      "teacher", "a larger one where there is one", "zebra/table5", "Zebra-Llama-1B 4MLA-12M2 8B",
      over: ["Zebra-Llama-1B 4MLA-12M2 3B", "Zebra-Llama-1B 4MLA-12M2 1B"]),
    RecipeChoice(
      "loss of the distillation", "KL alone", "xecomla/real-losses", "KL", over: ["KL + 0.05 CE", "KL + CE", "CE"],
      by: ["after.loss"]),
    RecipeChoice(
      "preference training after it", "none", "zebra/refined-ild", "1B-4MLA12M2 + Enhanced-ILD", by: ["scores.avg"],
      rivalMetric: "preferred.avg"),
  ]

  /// The numbers as the records of a checkout have them: the chosen cell's mean, and how far it is from each rival's over the
  /// seeds that both have, with half of the 95 % interval over these seeds alone; the experiment's name alone where there is
  /// no checkout.
  public func evidence(in laboratory: Laboratory?) throws -> String {
    guard let spec else { return "no record compares others" }
    let records = try laboratory?.records(of: spec, inProfile: "micro") ?? []
    var parts = [String]()
    for metric in metrics {
      let own = values(of: chosen, metric, in: records)
      if own.isEmpty { continue }
      let sides = rivals.map { ($0, metric) } + (rivalMetric.map { [(chosen, $0)] } ?? [])
      let digits = metric.hasSuffix(".avg") ? 1 : 3
      let mean = Sample(values: Array(own.values)).mean
      let leads = sides.compactMap { cell, other -> String? in
        difference(from: values(of: cell, other, in: records), own, digits: digits).map {
          "\($0) against \(cell == chosen ? other : cell)"
        }
      }
      parts.append("\(metric) \(formatDecimal(mean, digits)): " + leads.joined(separator: ", "))
    }
    if parts.isEmpty { return spec + (remark.map { "; \($0)" } ?? "") }
    return ["\(spec), \(parts.joined(separator: "; "))", remark].compactMap { $0 }.joined(separator: "; ")
  }

  /// A cell's values by seed.
  func values(of cell: String, _ metric: String, in records: [Record]) -> [Int: Double] {
    records.filter { $0.cell == cell }.reduce(into: [:]) { values, record in
      if let value = record.metrics[metric]?.value { values[record.seed ?? 0] = value }
    }
  }

  /// Such as "-0.007 ± 0.003 (5 seeds)".
  private func difference(from other: [Int: Double], _ own: [Int: Double], digits: Int) -> String? {
    let shared = own.keys.filter { other[$0] != nil }.sorted()
    if shared.isEmpty { return nil }
    let sample = Sample(values: shared.map { own[$0]! - other[$0]! })
    let half = sample.halfWidth.map { " ± \(formatDecimal($0, digits))" } ?? ""
    return String(format: "%+.\(digits)f", sample.mean) + "\(half) (\(counted(shared.count, "seed")))"
  }
}
