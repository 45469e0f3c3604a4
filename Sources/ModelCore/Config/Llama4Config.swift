import Groundwork

/// What Llama-4's attention has beside Llama's: layers without rotary positions, norms of queries and keys without
/// weights, attention in chunks, and queries that grow with the position.
public struct Llama4Config: Equatable, Sendable {
  /// Layers whose queries and keys are rotated (`no_rope_layers`, where 1 means rotated).
  public var rotatedLayers: [Int]
  /// Layers in which a token sees only its own chunk of `chunk` positions (`layer_types`, chunked_attention).
  public var chunkedLayers: [Int]
  /// Positions of a chunk (`attention_chunk_size`).
  public var chunk: Int
  /// In rotated layers queries and keys are divided by their root mean square, head by head, after the rotation
  /// (`use_qk_norm`).
  public var hasQKNorm: Bool
  /// Factor of the queries of layers without rotation: log(floor((position + 1) / floorScale) + 1) * slope + 1
  /// (`attn_temperature_tuning`, `floor_scale`, `attn_scale`); nil for none.
  public var temperature: Temperature?

  public struct Temperature: Equatable, Sendable {
    public var floorScale: Int
    public var slope: Double
    public init(floorScale: Int = 8192, slope: Double = 0.1) {
      self.floorScale = floorScale
      self.slope = slope
    }
  }

  public init(
    rotatedLayers: [Int], chunkedLayers: [Int], chunk: Int = 8192, hasQKNorm: Bool = true,
    temperature: Temperature? = Temperature()
  ) {
    self.rotatedLayers = rotatedLayers
    self.chunkedLayers = chunkedLayers
    self.chunk = chunk
    self.hasQKNorm = hasQKNorm
    self.temperature = temperature
  }

  private static let chunkedName = "chunked_attention"

  init(model: ConfigObject, layerCount: Int) throws {
    let interval = try model.int("no_rope_layer_interval", in: 1...4096) ?? 4
    let listed = try model.array("no_rope_layers") ?? []
    let flags = try listed.map { value in
      guard let flag = value.int, (0...1).contains(flag) else {
        throw model.fail("no_rope_layers", expected: "0 or 1 per layer")
      }
      return flag == 1
    }
    guard flags.isEmpty || flags.count == layerCount else {
      throw model.fail("no_rope_layers", expected: "\(layerCount) entries")
    }
    rotatedLayers = (0..<layerCount).filter { flags.isEmpty ? ($0 + 1) % interval != 0 : flags[$0] }
    chunkedLayers = rotatedLayers
    if let types = try model.array("layer_types") {
      let names = types.compactMap(\.string)
      let known = [Self.chunkedName, MixerKind.attention.rawValue]
      guard names.count == layerCount, types.count == layerCount, names.allSatisfy({ known.contains($0) }) else {
        throw model.fail("layer_types", expected: "\(layerCount) of \(known.joined(separator: ", "))")
      }
      chunkedLayers = (0..<layerCount).filter { names[$0] == Self.chunkedName }
    }
    chunk = try model.int("attention_chunk_size", in: 1...(1 << 40)) ?? 8192
    hasQKNorm = try model.bool("use_qk_norm") ?? true
    let isTuned = try model.bool("attn_temperature_tuning") ?? true
    temperature =
      isTuned
      ? Temperature(
        floorScale: try model.int("floor_scale", in: 1...(1 << 40)) ?? 8192,
        slope: try model.double("attn_scale") ?? 0.1)
      : nil
  }

  func json(layerCount: Int) -> [String: JSONValue] {
    var object: [String: JSONValue] = [
      "no_rope_layers": .array((0..<layerCount).map { .int(rotatedLayers.contains($0) ? 1 : 0) }),
      "layer_types": .array(
        (0..<layerCount).map { .string(chunkedLayers.contains($0) ? Self.chunkedName : MixerKind.attention.rawValue) }),
      "attention_chunk_size": .int(chunk), "use_qk_norm": .bool(hasQKNorm),
      "attn_temperature_tuning": .bool(temperature != nil),
    ]
    if let temperature {
      object["floor_scale"] = .int(temperature.floorScale)
      object["attn_scale"] = .double(temperature.slope)
    }
    return object
  }
}
