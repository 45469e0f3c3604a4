import Foundation
import Groundwork
import ModelCore
import TensorCore

/// Turns attention layers of a model in memory into latent attention; `base` is left as it was.
/// - Parameter covariances: of the converted layers' inputs (`inputCovariances`), for `weighting: .covariance`.
public func convert(
  base: LanguageModel, _ conversion: LatentConversion, covariances: [Int: Matrix] = [:]
) throws -> (model: LanguageModel, report: ConversionReport) {
  let began = monotonicSeconds()
  let weights = try ConvertedWeights(
    ModelWeights(base), base: base.config, conversion: conversion, covariances: covariances)
  let model = try LanguageModel(weights.config, weights: weights, file: "converted model")
  return (model, ConversionReport(weights, seconds: monotonicSeconds() - began))
}

/// Converts a model folder into another one, layer by layer from the mapped checkpoint to the writer: the
/// model is never in memory as a whole. The output appears complete or not at all.
/// - Parameter type: element type of the output; nil: the base's
public func convertCheckpoint(
  from source: URL, to destination: URL, _ conversion: LatentConversion, covariances: [Int: Matrix] = [:],
  type: ElementType? = nil
) throws -> ConversionReport {
  let began = monotonicSeconds()
  let base = try ModelConfig(contentsOf: source)
  _ = try conversion.validate(base: base)
  let reader = try CheckpointReader(source)
  try reader.requireTensors(of: base)
  let output = try outputFolder(destination, keepingApartFrom: source)
  let weights = try ConvertedWeights(reader, base: base, conversion: conversion, covariances: covariances)
  try writeModelFolder(weights.config, from: weights, to: output.work, type: type ?? reader.writableType(of: base))
  try copyTokenizer(from: source, to: output.work)
  try output.commit()
  return ConversionReport(weights, seconds: monotonicSeconds() - began)
}

extension CheckpointReader {
  /// Refuses, before anything is written, a checkpoint that is not exactly this model's.
  fileprivate func requireTensors(of config: ModelConfig) throws {
    let wanted = config.tensors
    try wanted.forEach(check)
    let family = config.architecture.family
    let extra = (names ?? []).subtracting(wanted.map(\.storedName)).filter { !family.ignores($0, of: config) }.sorted()
    if let first = extra.first {
      throw UpcycleError(
        "\(extra.count) tensor(s) the config does not know", at: "\(folder.path): \(first)",
        hint: "the checkpoint does not fit its config.json")
    }
  }
}
