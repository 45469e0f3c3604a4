import Groundwork

extension RopeConfig {
  /// Reads `rope_parameters` (transformers 5) or `rope_theta` + `rope_scaling` (before).
  /// - Parameter share: of a head's dimensions that turn, where the file does not say
  init(model: JSONObject, maxPosition: Int, share: Double = 1) throws {
    var parameters = try model.object("rope_parameters")
    if let nested = try parameters?.object(MixerKind.attention.rawValue) { parameters = nested }
    if let parameters {
      try self.init(parameters: parameters, theta: model.positive("rope_theta"), maxPosition: maxPosition)
    } else if let scaling = try model.object("rope_scaling") {
      try self.init(parameters: scaling, theta: model.positive("rope_theta"), maxPosition: maxPosition)
    } else {
      try self.init(theta: model.positive("rope_theta") ?? 10_000)
    }
    let inner = try parameters?.positive("partial_rotary_factor")
    rotatedShare = try inner ?? model.positive("partial_rotary_factor") ?? share
  }

  /// Reads one object of rope parameters.
  init(parameters: JSONObject, theta outerTheta: Double?, maxPosition: Int) throws {
    let positions = 1...(1 << 40)
    theta = try parameters.positive("rope_theta") ?? outerTheta ?? 10_000
    guard theta > 1 else { throw parameters.fail("rope_theta", expected: "a number above 1") }
    frequencyDim = try parameters.int("frequency_dim", in: 2...(1 << 20))
    rotatedShare = try parameters.positive("partial_rotary_factor") ?? 1
    func factor() throws -> Double {
      guard let factor = try parameters.double("factor"), factor >= 1 else {
        throw parameters.fail("factor", expected: "a number of at least 1")
      }
      return factor
    }
    func original() throws -> Int {
      try parameters.int("original_max_position_embeddings", in: positions) ?? maxPosition
    }
    let key = parameters["rope_type"] == nil ? "type" : "rope_type"
    switch try parameters.string(key) ?? "default" {
    case "default": scaling = .none
    case "linear": scaling = .linear(factor: try factor())
    case "llama3":
      let low = try parameters.positive("low_freq_factor") ?? 1
      let high = try parameters.positive("high_freq_factor") ?? 4
      guard high >= low else {
        throw parameters.fail("high_freq_factor", expected: "at least low_freq_factor (\(low))")
      }
      scaling = .llama3(
        Llama3(
          factor: try factor(), lowFrequencyFactor: low, highFrequencyFactor: high, originalMaxPosition: try original())
      )
    case "yarn":
      scaling = .yarn(
        Yarn(
          factor: try factor(), originalMaxPosition: try original(),
          betaFast: try parameters.positive("beta_fast") ?? 32, betaSlow: try parameters.positive("beta_slow") ?? 1,
          mscale: try parameters.double("mscale"), mscaleAllDim: try parameters.double("mscale_all_dim"),
          attentionFactor: try parameters.positive("attention_factor"),
          truncate: try parameters.bool("truncate") ?? true))
    default: throw parameters.unsupported(key, "this rope scaling (known: default, linear, llama3, yarn)")
    }
  }

  /// The object of rope parameters in transformers 5's spelling.
  public var json: JSONValue {
    var object: [String: JSONValue] = ["rope_theta": .double(theta)]
    if rotatedShare != 1 { object["partial_rotary_factor"] = .double(rotatedShare) }
    if let frequencyDim { object["frequency_dim"] = .int(frequencyDim) }
    switch scaling {
    case .none: object["rope_type"] = .string("default")
    case .linear(let factor):
      object["rope_type"] = .string("linear")
      object["factor"] = .double(factor)
    case .llama3(let rule):
      object["rope_type"] = .string("llama3")
      object["factor"] = .double(rule.factor)
      object["low_freq_factor"] = .double(rule.lowFrequencyFactor)
      object["high_freq_factor"] = .double(rule.highFrequencyFactor)
      object["original_max_position_embeddings"] = .int(rule.originalMaxPosition)
    case .yarn(let rule):
      object["rope_type"] = .string("yarn")
      object["factor"] = .double(rule.factor)
      object["original_max_position_embeddings"] = .int(rule.originalMaxPosition)
      object["beta_fast"] = .double(rule.betaFast)
      object["beta_slow"] = .double(rule.betaSlow)
      object["mscale"] = rule.mscale.map { .double($0) }
      object["mscale_all_dim"] = rule.mscaleAllDim.map { .double($0) }
      object["attention_factor"] = rule.attentionFactor.map { .double($0) }
      if !rule.truncate { object["truncate"] = .bool(false) }
    }
    return .object(object)
  }
}
