import Foundation
import Groundwork
import ModelCore
import TensorCore

/// A method that the papers are compared with and that makes a base smaller without training.
public enum Baseline: Sendable {
  /// Caches latents of low rank, of keys and of values, by group of heads (arXiv 2407.21118).
  case palu(LowRankConversion)
  /// Keeps some rotary pairs of every head, and one latent for the rest (arXiv 2502.14837).
  case mha2mla(PartialRopeConversion)
  /// Removes channels and heads of the smallest activations (arXiv 2407.14679).
  case minitron(WidthPruning)

  /// Whether it looks at text before it converts.
  public var needsCalibration: Bool {
    switch self {
    case .palu, .minitron: true
    case .mha2mla(let conversion): conversion.keep == .twoNorm
    }
  }

  /// Refuses what cannot be done to this base model, naming the option; returns the layers to convert.
  public func validate(base: ModelConfig) throws -> [Int] {
    switch self {
    case .palu(let conversion): try conversion.validate(base: base)
    case .mha2mla(let conversion): try conversion.validate(base: base)
    case .minitron(let pruning): try pruning.validate(base: base)
    }
  }

  /// Converts a model in memory; `base` is left as it was.
  /// - Parameter calibration: token ids, equally long; where `needsCalibration`
  /// - Returns: the model, and what share of the projections each layer lost (`convert`)
  public func convert(
    _ base: LanguageModel, calibration: [[Int32]]
  ) throws -> (model: LanguageModel, lost: [Int: Double]) {
    let layers = try validate(base: base.config)
    if needsCalibration && calibration.isEmpty {
      throw UpcycleError.usage("needs calibration text", field: "calibration", expected: "token shards")
    }
    switch self {
    case .palu(let conversion):
      return try Upcycling.convert(
        base: base, conversion, covariances: inputCovariances(of: base, layers: layers, windows: calibration),
        information: fisherInformation(
          of: base, layers: layers, groups: conversion.groups(base.config), windows: calibration))
    case .mha2mla(let conversion):
      return try Upcycling.convert(
        base: base, conversion,
        norms: needsCalibration ? rotaryPairNorms(of: base, layers: layers, windows: calibration) : [:])
    case .minitron(let pruning):
      return try Upcycling.convert(
        base: base, pruning, importance: activationImportance(of: base, windows: calibration))
    }
  }
}

/// A baseline's conversion of a model folder into another one.
public struct BaselineRun {
  /// The base's folder.
  public var model: URL
  /// The folder to write.
  public var out: URL
  /// How.
  public var baseline: Baseline
  /// Token shards; nil: none.
  public var calibration: URL?
  /// Tokens of the calibration.
  public var calibrationTokens: Int
  /// Token shards that the starting loss is measured on; nil: not measured.
  public var data: URL?
  /// Type of the numbers that are written.
  public var type: ElementType

  /// - Parameters:
  ///   - calibration: token shards, where the method needs them
  ///   - data: token shards that the starting loss is measured on; nil: not measured
  ///   - type: of the numbers that are written
  public init(
    model: URL, out: URL, baseline: Baseline, calibration: URL? = nil, calibrationTokens: Int = 1 << 15,
    data: URL? = nil, type: ElementType = .float32
  ) {
    self.model = model
    self.out = out
    self.baseline = baseline
    self.calibration = calibration
    self.calibrationTokens = calibrationTokens
    self.data = data
    self.type = type
  }

  /// Converts, and measures where there is text; the output appears complete or not at all.
  /// - Throws: usage errors for what cannot be asked of this base, failures for files that cannot be read or written
  public func run() throws -> BaselineReport {
    let began = monotonicSeconds()
    let config = try ModelConfig(contentsOf: model)
    _ = try baseline.validate(base: config)
    if baseline.needsCalibration && calibration == nil {
      throw UpcycleError.usage(
        "is needed", field: "calibration", expected: "token shards", hint: "shards pack makes them")
    }
    let output = try outputFolder(out, keepingApartFrom: model)
    let count = windowCount(ofTokens: calibrationTokens, for: config)
    let windows = try calibration.map { try textWindows($0, of: model, config, count: count) } ?? []
    let measured = try data.map { try textWindows($0, of: model, config, count: ConversionRun.fitWindows) }
    let answers = try data.flatMap { try windowAnswers($0, of: measured ?? []) }
    let base = try LanguageModel(folder: model)
    let (converted, lost) = try baseline.convert(base, calibration: windows)
    try converted.save(to: output.work, type: type)
    try converted.config.saveForTransformers(to: output.work)
    try copyTokenizer(from: model, to: output.work)
    try output.commit()
    var report = BaselineReport(converted.config, base: config, lost: lost)
    // Of the numbers as they are stored.
    report.fit = try measured.map {
      try StartingFit(
        type == .float32 ? converted : LanguageModel(folder: out), base: base, windows: $0, answers: answers)
    }
    report.seconds = monotonicSeconds() - began
    return report
  }
}

/// What a baseline's conversion did.
public struct BaselineReport: Codable, Sendable {
  /// One converted layer.
  public struct Layer: Codable, Sendable {
    /// Its number.
    public var layer: Int
    /// Numbers that it caches per token.
    public var kvNumbersPerToken: Int
    /// What was dropped: a share of the squared singular values, or of what pruning calls important.
    public var lost: Double
  }

  /// Converted layers, ascending.
  public var layers: [Layer]
  /// Of the converted model.
  public var parameters: Int
  /// Of the base.
  public var baseParameters: Int
  /// Numbers that the whole model caches per token.
  public var kvNumbersPerToken: Int
  /// The same of the base.
  public var baseKVNumbersPerToken: Int
  /// KV cache as a share of the base model's.
  public var kvPercent: Double
  /// Of the whole conversion.
  public var seconds = 0.0
  /// Measured before any training when there is text to measure on.
  public var fit: StartingFit?

  init(_ config: ModelConfig, base: ModelConfig, lost: [Int: Double]) {
    layers = lost.keys.sorted().map {
      Layer(layer: $0, kvNumbersPerToken: config.kvNumbersPerToken(layer: $0), lost: lost[$0]!)
    }
    parameters = config.parameterCount
    baseParameters = base.baseModel.parameterCount
    kvNumbersPerToken = config.kvNumbersPerToken
    baseKVNumbersPerToken = base.baseKVNumbersPerToken
    kvPercent = 100 * Double(kvNumbersPerToken) / Double(max(1, baseKVNumbersPerToken))
  }

  /// For people.
  public var summary: String {
    var lines = ["layer  KV numbers         lost"]
    lines += layers.map { String(format: "%5d %11d  %11.2e", $0.layer, $0.kvNumbersPerToken, $0.lost) }
    lines += sizeLines(
      kvNumbersPerToken: kvNumbersPerToken, baseKVNumbersPerToken: baseKVNumbersPerToken, kvPercent: kvPercent,
      parameters: parameters, baseParameters: baseParameters, fit: fit, seconds: seconds)
    return lines.joined(separator: "\n")
  }
}
