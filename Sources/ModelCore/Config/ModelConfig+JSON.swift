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

  /// Reads `config.json` of a model folder, or the file itself.
  public init(contentsOf url: URL) throws {
    var isDirectory: ObjCBool = false
    _ = FileManager.default.fileExists(atPath: url.path, isDirectory: &isDirectory)
    let file = isDirectory.boolValue ? url.appendingPathComponent("config.json") : url
    try self.init(json: JSONValue(contentsOf: file), file: file.path)
    if isDirectory.boolValue { try Released.apply(folder: url, to: &self) }
  }

  /// Reads and validates a configuration in its family's keys.
  /// - Parameter file: what errors name as the place
  /// - Throws: failures that name the key, what was expected and what was found; an unknown family, or a feature that
  ///   is not implemented, is refused by name
  public init(json: JSONValue, file: String) throws {
    guard let values = json.object else {
      throw UpcycleError("is not a model configuration", at: file, expected: "a JSON object")
    }
    let model = JSONObject(values: values, file: file)
    self = try Families.family(naming: model).read(model)
    try validate(file: file)
  }

  /// The configuration in its family's keys; reading it back gives an equal value.
  public var json: JSONValue { .object(architecture.family.json(self)) }

  /// Writes `config.json` into a model folder.
  public func save(to folder: URL) throws {
    try writeFile(json.text(pretty: true) + "\n", to: folder.appendingPathComponent("config.json"))
  }
}
