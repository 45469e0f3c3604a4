import Foundation
import Groundwork

/// config.json: which family spells the model is read from the file; the rest is the family's.
extension ModelConfig: Codable {
  /// As config.json.
  public init(from decoder: Decoder) throws {
    try self.init(json: JSONValue(from: decoder), file: "model config")
  }

  /// As config.json.
  public func encode(to encoder: Encoder) throws { try json.encode(to: encoder) }

  /// Reads `config.json` of a model folder, or the file itself. In a folder a stored head that differs from the
  /// embedding counts more than `tie_word_embeddings` (as in transformers).
  public init(contentsOf url: URL) throws {
    var isDirectory: ObjCBool = false
    _ = FileManager.default.fileExists(atPath: url.path, isDirectory: &isDirectory)
    let file = isDirectory.boolValue ? url.appendingPathComponent("config.json") : url
    if isDirectory.boolValue {
      if fileKind(file.path) == nil, !CheckpointReader.holdsWeights(url) {
        try CheckpointReader.refuseOtherFormats(url)
      }
    } else {
      try CheckpointReader.refuseWeights(url)
    }
    try self.init(json: JSONValue(contentsOf: file, dialect: .nonFinite), file: file.path)
    guard isDirectory.boolValue else { return }
    try Released.apply(folder: url, to: &self)
    if tieWordEmbeddings, CheckpointReader.holdsHeadOfItsOwn(url, of: self) { tieWordEmbeddings = false }
  }

  /// Reads and validates a configuration in its family's keys.
  /// - Parameter file: what errors name as the place
  /// - Throws: failures that name the key, what was expected and what was found; an unknown family, or a feature that
  ///   is not implemented, is refused by name
  public init(json: JSONValue, file: String) throws {
    guard let values = json.object else {
      throw UpcycleError("is not a model configuration", at: file, expected: "a JSON object")
    }
    let model = try JSONObject(values: values, file: file).textPart().baseOfRewired()
    let family = try Families.family(naming: model)
    self = try family.read(model.withSizes(of: family.architecture))
    try validate(file: file)
  }

  /// The configuration in its family's keys; reading it back gives an equal value.
  public var json: JSONValue {
    let object = architecture.family.json(self)
    return .object(rewiredLayers.isEmpty ? object : object.merging(rewiredIdentity) { $1 })
  }

  /// Writes `config.json` into a model folder. Numbers that need not be whole keep their point (1.0), without which
  /// typed readers refuse them.
  public func save(to folder: URL) throws {
    try writeFile(
      json.text(pretty: true, keepingFloats: true) + "\n", to: folder.appendingPathComponent("config.json"))
  }
}

extension JSONObject {
  /// The language model inside of a multimodal configuration (`text_config`), with what stands beside it about tokens,
  /// the head and quantisation; the object itself where there is none.
  fileprivate func textPart() throws -> JSONObject {
    guard let inner = try object("text_config") ?? object("llm_config") ?? object("language_config") else {
      return self
    }
    let tied = "tie_word_embeddings"
    let shared = [tied, "bos_token_id", "eos_token_id", "quantization_config"]
    let outer = values.filter { shared.contains($0.key) && $0.value != .null }
    var model = outer.merging(inner.values) { $1 }
    // A head that the whole model ties is tied; of one that it does not, several classes ask the language model.
    if outer[tied]?.bool == true { model[tied] = .bool(true) }
    return JSONObject(values: model, file: file)
  }
}
