import Foundation
import Groundwork

/// config.json for programs that are not ours.
extension ModelConfig {
  /// Whether transformers has the model's own class: a family of the Hub with nothing rewired.
  public var isStockInTransformers: Bool {
    ![.hybrid, .flashLinear].contains(architecture) && rewiredLayers.isEmpty
  }

  /// The family's keys, for other programs of any age (`withOlderRopeKeys`).
  public var stockKeys: [String: JSONValue] { Self.withOlderRopeKeys(json.object ?? [:], rope: rope) }

  /// Keys with the rope also where transformers before 5 and many others look for it; they know no `rope_parameters` and
  /// would turn by a base frequency of 10,000.
  /// - Parameter rope: what `rope_parameters` say
  public static func withOlderRopeKeys(_ keys: [String: JSONValue], rope: RopeConfig) -> [String: JSONValue] {
    var object = keys
    guard var parameters = object["rope_parameters"] else { return object }
    if let whole = parameters[MixerKind.attention.rawValue] {
      // Gemma 3: the layers with windows have a rope of their own.
      object["rope_local_base_freq"] = parameters["sliding_attention"]?["rope_theta"]
      parameters = whole
    }
    guard let theta = parameters["rope_theta"] else { return object }
    object["rope_theta"] = theta
    object["partial_rotary_factor"] = parameters["partial_rotary_factor"]
    if case .none = rope.scaling { return object }
    object["rope_scaling"] = parameters
    return object
  }

  /// As `save`, with `stockKeys` where transformers has the model's class.
  public func saveForTransformers(to folder: URL) throws {
    if !isStockInTransformers { return try save(to: folder) }
    try writeFile(
      JSONValue.object(stockKeys).text(pretty: true, keepingFloats: true) + "\n",
      to: folder.appendingPathComponent("config.json"))
  }
}
