import Collectives
import Foundation
import Groundwork
import ModelCore

/// The shape that a name stands for: a published model, another preset with experts, or the folder of a checkpoint.
/// - Throws: usage errors of `model` for an unknown name (with the known ones) and for a dense model
public func modelShape(_ name: String) throws -> ModelShape {
  if let shape = ModelShape.published.first(where: { $0.name == name }) { return shape }
  let folder = URL(fileURLWithPath: name, isDirectory: true)
  let config: ModelConfig
  if ModelConfig.presetNames.contains(name) {
    config = try .preset(name)
  } else if FileManager.default.fileExists(atPath: folder.appendingPathComponent("config.json").path) {
    config = try ModelConfig(contentsOf: folder)
  } else {
    throw UpcycleError.usage(
      "no such model", field: "model",
      expected: ModelShape.published.map(\.name).joined(separator: ", ") + ", or the folder of a checkpoint",
      found: name)
  }
  guard let shape = ModelShape(config, named: folder.lastPathComponent) else {
    throw UpcycleError.usage(
      "is a dense model: it has no experts, and so no communication to hide", field: "model", found: name)
  }
  return shape
}

extension ModelShape {
  /// nil where no layer has experts. Layers count as having the first layer's kind of attention.
  init?(_ config: ModelConfig, named name: String) {
    guard let experts = config.experts else { return nil }
    let latent = config.mixers[0] == .latentAttention ? config.latent : nil
    let attention: Attention =
      latent.map {
        .latent(
          queryRank: $0.qRank, kvRank: $0.kvRank, nope: $0.nopeHeadDim, rope: $0.ropeHeadDim, value: $0.valueHeadDim)
      } ?? .grouped(kvHeads: config.keyValueHeads, headDim: config.headDim)
    self.init(
      name, layers: config.layerCount, dense: config.layerCount - experts.layers.count, width: config.hiddenSize,
      heads: config.attentionHeads, attention, gated: latent?.outputGate ?? false, experts: experts.count,
      perToken: experts.perToken, shared: experts.sharedWidth / experts.width, expertWidth: experts.width,
      sharedWidth: experts.sharedWidth, denseWidth: config.intermediateSize, vocabulary: config.vocabularySize)
  }
}
