import Foundation
import Groundwork
import ModelCore

extension HybridConverting.Outcome {
  /// What a user reads at the end.
  /// - Parameter context: tokens at which the whole cache is compared with the base's
  public func summary(context: Int) -> String {
    var lines = [config.mixers.map(\.shortName).joined(separator: " ")]
    for student in students where !student.errors.after.isEmpty {
      lines.append(
        String(
          format: "%@: relative error of a layer %.3f -> %.3f (mean)", student.name, mean(student.errors.before),
          mean(student.errors.after)))
    }
    lines.append("\(formatCount(config.parameterCount)) parameters (base \(formatCount(base.parameterCount)))")
    lines.append(
      String(
        format: "KV cache %.3f %% of the base's as papers count it; with states %.2f %% at %@ tokens", config.kvPercent,
        config.cachePercent(context: context), formatCount(context)))
    return lines.joined(separator: "\n")
  }

  /// The same for scripts.
  public func json(context: Int) -> JSONValue {
    func list(_ errors: [Double]) -> JSONValue { .array(errors.map { .double($0) }) }
    return .object([
      "mixers": .array(config.mixers.map { .string($0.shortName) }),
      "parameters": .int(config.parameterCount), "base_parameters": .int(base.parameterCount),
      "kv_percent": .double(config.kvPercent), "kv_numbers_per_token": .int(config.kvNumbersPerToken),
      "state_numbers": .int(config.stateNumbers), "context": .int(context),
      "cache_percent": .double(config.cachePercent(context: context)),
      "students": .object(
        Dictionary(
          uniqueKeysWithValues: students.map {
            (
              $0.name,
              .object([
                "folder": .string($0.folder.path), "error_before": list($0.errors.before),
                "error": list($0.errors.after),
              ])
            )
          })),
    ])
  }

  private func mean(_ errors: [Double]) -> Double { errors.reduce(0, +) / Double(errors.count) }
}
