import Distillation
import Foundation
import Groundwork
import LabKit

/// The curves of a training, finished or under way, by training tokens: next-token loss and KL to the teacher on the
/// batches (nats per token), and the loss on held-out text; of students trained layer by layer the
/// distance of their layers' outputs.
public struct TrainingCurve {
  /// What a curve shows, as `figures/curve.gp` knows it.
  public enum Quantity: String, CaseIterable, Sendable { case loss, kl, layers, heldOut = "held_out" }

  /// The run's folder, as given.
  public let name: String
  /// Tokens of the plan's steps.
  public let plannedTokens: Int
  /// Points [tokens, value], ascending.
  public let points: [Quantity: [[Double]]]

  /// - Parameter path: what a training command was given as `--out`
  /// - Throws: failures for a folder without a training on tokens
  public init(run path: String) throws {
    name = path
    let directory = RunDirectory(URL(fileURLWithPath: path))
    let plan = directory.run.appendingPathComponent("plan.json")
    guard FileManager.default.fileExists(atPath: plan.path) else {
      throw UpcycleError(
        "holds no training", at: path, expected: "a folder that distill, extend, pretrain or ild wrote")
    }
    let record = try JSONValue(contentsOf: plan)
    let settings = record["plan"]
    guard let batch = settings?["batch"]?.int, let time = settings?["time"]?.int, let tokens = settings?["tokens"]?.int
    else { throw UpcycleError("is no training on tokens", at: path, hint: "prefer counts pairs") }
    // Whole batches are trained on.
    plannedTokens = tokens - tokens % max(1, batch * time)
    let steps = try directory.readMetrics()
    func curve(_ column: String) -> [[Double]] {
      guard let values = try? steps.column(column), let numbers = try? steps.column("step") else { return [] }
      return Self.thinned(zip(numbers, values).map { [$0 * Double(batch * time), $1] })
    }
    var points: [Quantity: [[Double]]] = [.loss: curve("ce"), .kl: curve("kl").filter { $0[1] > 0 }]
    // Trainings without next tokens' loss compare layers, or have their own curve of it.
    if points[.loss]!.isEmpty { points[settings?["klWeight"] == nil ? .layers : .loss] = curve("loss") }
    let heldOut = directory.run.appendingPathComponent("heldout.csv")
    if FileManager.default.fileExists(atPath: heldOut.path) {
      points[.heldOut] = try CSV(contentsOf: heldOut).numbers().filter { $0.count == 2 }
    } else if EarlyStopping.looksAtLoss(record["identity"]?["student"]?.string ?? "") {
      // Early stopping measures that loss by steps.
      let validation = directory.run.appendingPathComponent("validation.csv")
      if FileManager.default.fileExists(atPath: validation.path) {
        points[.heldOut] = try CSV(contentsOf: validation).numbers().filter { $0.count == 2 }
          .map { [$0[0] * Double(batch * time), $0[1]] }
      }
    }
    self.points = points.filter { !$0.value.isEmpty }
    if self.points.isEmpty { throw UpcycleError("has no step yet", at: path) }
  }

  /// At most 200 means of neighbours.
  private static func thinned(_ points: [[Double]]) -> [[Double]] {
    let size = (points.count + 199) / 200
    return stride(from: 0, to: points.count, by: max(1, size)).map { start in
      let group = points[start..<min(start + size, points.count)]
      return [group.last![0], group.reduce(0) { $0 + $1[1] } / Double(group.count)]
    }
  }

  /// Long form: run, quantity, tokens, value.
  public static func csv(_ curves: [TrainingCurve]) -> CSV {
    CSV(
      header: ["run", "quantity", "tokens", "value"],
      rows: curves.flatMap { curve in
        Quantity.allCases.flatMap { quantity in
          (curve.points[quantity] ?? []).map {
            [curve.name, quantity.rawValue, String(format: "%.0f", $0[0]), String(format: "%.6f", $0[1])]
          }
        }
      })
  }

  /// The last numbers of every run, a line each.
  public static func table(_ curves: [TrainingCurve]) -> String {
    let width = max(3, curves.map(\.name.count).max() ?? 3)
    func cell(_ text: String) -> String { " " + text.rightAligned(12) }
    let header =
      "run".leftAligned(width)
      + ["tokens", "of", "loss", "KL", "held out"].map { cell($0) }.joined()
    let lines = curves.map { curve in
      let last = Quantity.allCases.map { curve.points[$0]?.last.map { String(format: "%.4f", $0[1]) } ?? "-" }
      let tokens = curve.points.values.compactMap(\.last?[0]).max() ?? 0
      return curve.name.leftAligned(width)
        + ([formatCount(Int(tokens)), formatCount(curve.plannedTokens)] + last).map { cell($0) }.joined()
    }
    return ([header] + lines).joined(separator: "\n")
  }

  /// Draws the runs in one picture, a panel a quantity; `script` is `figures/curve.gp`.
  public static func draw(_ curves: [TrainingCurve], with script: FigureScript, to svg: URL) throws {
    let shown = Quantity.allCases.filter { quantity in curves.contains { $0.points[quantity] != nil } }
    try script.draw(
      csv(curves), to: svg,
      settings: [
        "runs": curves.map(\.name).joined(separator: "\t"),
        "quantities": shown.map(\.rawValue).joined(separator: " "),
      ])
  }
}
