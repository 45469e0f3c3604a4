import Autograd
import Groundwork

/// What FarSkip's models bring along, in the keys that the modelling file of exports reads: experts under `routing`, and
/// Llama-4's attention under `attention_traits`.
extension Hybrid {
  static let routingKey = "routing"
  static let traitsKey = "attention_traits"

  // MARK: Experts

  /// nil where the model has none.
  func experts(_ model: JSONObject, _ layerCount: Int) throws -> ExpertConfig? {
    guard let routing = try model.object(Self.routingKey) else { return nil }
    let most = 1...4096
    guard let score = try routing.string("score").flatMap(RoutingRule.Score.init) else {
      throw routing.fail("score", expected: "softmax or sigmoid")
    }
    guard let layers = try layerNumbers(routing, "layers", layerCount), !layers.isEmpty else {
      throw routing.fail("layers", expected: "layer indices in 0...\(layerCount - 1)")
    }
    let rule = RoutingRule(
      score: score, groups: try routing.int("groups", in: most) ?? 1,
      keptGroups: try routing.int("kept_groups", in: most) ?? 1,
      groupScore: try routing.int("group_best", in: 1...2) == 2 ? .twoBest : .best,
      isNormalized: try routing.bool("normalized") ?? false, scale: try routing.positive("scale") ?? 1)
    return ExpertConfig(
      count: try routing.required("experts", in: most), perToken: try routing.required("per_token", in: most),
      width: try routing.required("width", in: 1...(1 << 20)),
      sharedWidth: try routing.int("shared_width", in: 0...(1 << 24)) ?? 0, layers: layers.sorted(), rule: rule,
      hasCorrectionBias: try routing.bool("has_bias") ?? false,
      weighsInput: try routing.bool("weighs_input") ?? false)
  }

  /// The same keys.
  func routing(_ experts: ExpertConfig) -> JSONValue {
    let rule = experts.rule
    return .object([
      "experts": .int(experts.count), "per_token": .int(experts.perToken), "width": .int(experts.width),
      "shared_width": .int(experts.sharedWidth), "layers": layerList(experts.layers),
      "has_bias": .bool(experts.hasCorrectionBias), "weighs_input": .bool(experts.weighsInput),
      "score": .string(rule.score.rawValue), "groups": .int(rule.groups), "kept_groups": .int(rule.keptGroups),
      "group_best": .int(rule.groupScore == .best ? 1 : 2), "normalized": .bool(rule.isNormalized),
      "scale": .double(rule.scale),
    ])
  }

  // MARK: Llama-4's attention

  /// Reads what no other key of ours says.
  func readTraits(_ model: JSONObject, _ layerCount: Int, into attention: inout AttentionConfig) throws {
    guard let traits = try model.object(Self.traitsKey) else { return }
    // An export says it beside the angles.
    let rotary = try model.object("rotary")?.object("attention")
    attention.ropeInterleaved = try traits.bool("rope_interleaved") ?? rotary?.bool("interleaved") ?? false
    attention.normsRotated = try traits.bool("norms_rotated") ?? false
    if let temperature = try traits.object("temperature") {
      guard let slope = try temperature.double("slope") else { throw temperature.fail("slope", expected: "a number") }
      attention.temperature = AttentionConfig.Temperature(
        floorScale: try temperature.required("floor_scale", in: 1...(1 << 40)), slope: slope)
    }
    guard let chunks = try traits.object("chunks"), let first = chunks.values.keys.min() else { return }
    let size = try chunks.required(first, in: 1...(1 << 40))
    var layers: [Int] = []
    for key in chunks.values.keys {
      guard let layer = Int(key), (0..<layerCount).contains(layer), try chunks.int(key) == size else {
        throw chunks.fail(key, expected: "a layer in 0...\(layerCount - 1) with chunks of \(size)")
      }
      layers.append(layer)
    }
    attention.chunks = AttentionConfig.Chunks(layers: layers.sorted(), size: size)
  }

  /// The same keys; nil where attention has nothing of the kind.
  func traits(_ attention: AttentionConfig) -> JSONValue? {
    var object: [String: JSONValue] = [:]
    if attention.ropeInterleaved { object["rope_interleaved"] = .bool(true) }
    if attention.normsRotated { object["norms_rotated"] = .bool(true) }
    if let temperature = attention.temperature {
      object["temperature"] = .object([
        "floor_scale": .int(temperature.floorScale), "slope": .double(temperature.slope),
      ])
    }
    if let chunks = attention.chunks {
      let sizes = chunks.layers.map { (String($0), JSONValue.int(chunks.size)) }
      object["chunks"] = .object(Dictionary(uniqueKeysWithValues: sizes))
    }
    return object.isEmpty ? nil : .object(object)
  }
}
