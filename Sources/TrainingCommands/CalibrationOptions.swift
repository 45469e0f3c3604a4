import ArgumentParser
import Commands
import Foundation
import Groundwork
import Upcycling

/// The text that a baseline looks at, and what is reported.
public struct CalibrationOptions: ParsableArguments {
  /// A folder.
  @Option(help: "Token shards of calibration text.") public var calibration: String?
  /// A count; nil: 32K.
  @Option(help: "Calibration tokens (default: 32K).") public var calibrationTokens: String?
  /// A folder.
  @Option(help: "Token shards to measure loss and KL on before training (default: the calibration's).")
  public var data: String?
  @OptionGroup var stored: StoredType
  /// Instead of text.
  @Flag(help: "Print the report as JSON.") public var json = false

  /// For the argument parser.
  public init() {}

  /// Converts and prints the report.
  public func run(_ baseline: Baseline, model: String, to output: OutputFolder) throws {
    try refuse(
      ["--calibration-tokens": calibrationTokens != nil && calibration == nil], "is of calibration text",
      hint: "--calibration names it")
    let tokens = try parsedCount(calibrationTokens ?? "32K", "--calibration-tokens", such: "32K", atLeast: 1)
    try output.write(from: [model, calibration, data], json: json) { folder in
      let base = URL(fileURLWithPath: model)
      let report = try BaselineRun(
        model: base, out: folder, baseline: baseline, calibration: calibration.map { URL(fileURLWithPath: $0) },
        calibrationTokens: tokens, data: (data ?? calibration).map { URL(fileURLWithPath: $0) },
        type: stored.type(of: base)
      ).run()
      return .init(
        report.summary + "\nmodel: \(output.out)", json: output.naming(try jsonValue(report, snakeCase: true)))
    }
  }
}
