import Foundation
import Groundwork
import ModelCore

extension ExportedModel {
  /// The model for transformers: as it is where its family is the library's, as stock DeepSeek-V3 where every layer is
  /// latent attention that this class computes, else with a modelling file.
  static func transformers(_ config: ModelConfig, type: ExportedType, source: URL) throws -> ExportedModel {
    var model: ExportedModel
    if config.isStockInTransformers {
      model = ExportedModel(
        layout: "stock \(config.architecture.rawValue)", tensors: config.tensors.map { ExportedTensor($0) },
        files: ["config.json": .configuration(config.stockKeys, type)])
    } else if let layout = DeepSeekV3Layout(config, type: type) {
      model = ExportedModel(
        layout: "stock deepseek_v3", tensors: layout.tensors, files: ["config.json": .configuration(layout.json, type)])
    } else {
      model = try modelingFile(config, type: type)
    }
    if !FileManager.default.fileExists(atPath: source.appendingPathComponent("generation_config.json").path) {
      model.files["generation_config.json"] = JSONValue.configuration(config.tokenIds)
    }
    return model
  }
}

extension String {
  /// config.json with the element type that the weights are written in.
  static func configuration(_ object: [String: JSONValue], _ type: ExportedType) -> String {
    JSONValue.configuration(object.merging(["dtype": .string(type.rawValue)]) { $1 })
  }
}

extension ModelConfig {
  /// `bos_token_id` and `eos_token_id`, where there are any.
  var tokenIds: [String: JSONValue] {
    var object: [String: JSONValue] = [:]
    object["bos_token_id"] = bosTokenId.map { .int($0) }
    if let first = eosTokenIds.first {
      object["eos_token_id"] = eosTokenIds.count == 1 ? .int(first) : .array(eosTokenIds.map { .int($0) })
    }
    return object
  }
}
