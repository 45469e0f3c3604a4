import Foundation
import Groundwork
import ModelCore
import TensorCore

/// The whole of `xecomla convert`: calibration if asked for, conversion on disk, and the loss before training
/// when there is text to measure it on.
public struct ConversionRun {
  /// The base's folder.
  public var model: URL
  /// The folder to write.
  public var out: URL
  /// What becomes of the attention layers.
  public var conversion: LatentConversion
  /// Token shards, for `weighting: .covariance`.
  public var calibration: URL?
  /// Tokens of the calibration.
  public var calibrationTokens: Int
  /// Token shards that the starting loss is measured on; nil: not measured.
  public var data: URL?
  /// nil: the base's.
  public var type: ElementType?

  /// Windows of the starting measurement.
  static let fitWindows = 128

  /// - Parameters:
  ///   - calibration: token shards, for `weighting: .covariance`
  ///   - data: token shards that the starting loss is measured on; nil: not measured
  ///   - type: nil: the base's
  public init(
    model: URL, out: URL, conversion: LatentConversion, calibration: URL? = nil, calibrationTokens: Int = 1 << 15,
    data: URL? = nil, type: ElementType? = nil
  ) {
    self.model = model
    self.out = out
    self.conversion = conversion
    self.calibration = calibration
    self.calibrationTokens = calibrationTokens
    self.data = data
    self.type = type
  }

  /// Converts, and measures where there is text.
  /// - Throws: usage errors for what cannot be asked of this base, failures for files that cannot be read or written
  public func run() throws -> ConversionReport {
    let config = try ModelConfig(contentsOf: model)
    let layers = try conversion.validate(base: config)
    let covariance = conversion.weighting == .covariance
    if covariance && calibration == nil {
      throw UpcycleError.usage("needs calibration text", at: "`svd`", hint: "give `calibration` SHARDS")
    }
    let measured = try data.map { try textWindows($0, of: model, config, count: Self.fitWindows) }
    let answers = try data.flatMap { try windowAnswers($0, of: measured ?? []) }
    let base = covariance || measured != nil ? try LanguageModel(folder: model) : nil
    var covariances: [Int: Matrix] = [:]
    if covariance, let base, let calibration {
      let count = windowCount(ofTokens: calibrationTokens, for: config)
      covariances = inputCovariances(
        of: base, layers: layers, windows: try textWindows(calibration, of: model, config, count: count))
    }
    var report = try convertCheckpoint(from: model, to: out, conversion, covariances: covariances, type: type)
    if let base, let measured {
      report.fit = try StartingFit(LanguageModel(folder: out), base: base, windows: measured, answers: answers)
    }
    return report
  }
}
