import Groundwork

extension RopeConfig {
  /// Reads `rope_scaling` + `rope_theta` or, where no scaling stands beside them, `rope_parameters` (transformers 5):
  /// model cards tell people to add the former to files that hold the latter.
  /// - Parameters:
  ///   - share: of a head's dimensions that turn, where the file does not say
  ///   - theta: where the file does not say
  init(model: JSONObject, maxPosition: Int, share: Double = 1, theta: Double = 10_000) throws {
    var parameters = try model.object("rope_parameters")
    if let scaling = try model.object("rope_scaling"), !scaling.values.isEmpty {
      parameters = try Self.scaling(scaling, insteadOf: parameters, model)
    }
    // Where each type of layer has its own.
    if let nested = try parameters?.object(MixerKind.attention.rawValue) { parameters = nested }
    let outer = try model.positive("rope_theta") ?? theta
    if let parameters {
      // Phi-3 keeps the original context beside the rope's own keys, where it counts more than among them.
      var values = parameters.values
      if let original = model["original_max_position_embeddings"] {
        values["original_max_position_embeddings"] = original
      }
      try self.init(
        parameters: JSONObject(values: values, file: model.file, path: parameters.path), theta: outer,
        maxPosition: maxPosition)
    } else {
      self.init(theta: outer)
    }
    let inner = try parameters?.positive("partial_rotary_factor")
    rotatedShare = try inner ?? model.positive("partial_rotary_factor") ?? share
  }

  /// `rope_scaling` beside `rope_parameters`: it stands for the whole of them, so that a base frequency that only they
  /// hold would be lost.
  private static func scaling(
    _ scaling: JSONObject, insteadOf parameters: JSONObject?, _ model: JSONObject
  ) throws -> JSONObject {
    if let parameters, let theta = try parameters.positive("rope_theta"), scaling["rope_theta"] == nil,
      theta != (try model.positive("rope_theta") ?? 10_000)
    {
      throw UpcycleError(
        "\"rope_scaling\" stands beside \"rope_parameters\" without its rope_theta", at: model.file,
        expected: "\"rope_theta\": \(theta) in rope_scaling", found: "it in rope_parameters alone",
        hint: "write the scaling into rope_parameters, or the theta into rope_scaling")
    }
    return scaling
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
    case "longrope", "su":
      func factors(_ key: String) throws -> [Double] {
        let list = try parameters.array(key) ?? []
        let factors = list.compactMap(\.double).filter { $0.isFinite && $0 > 0 }
        guard !factors.isEmpty, factors.count == list.count else {
          throw parameters.fail(key, expected: "a list of numbers above 0, one for every pair of dimensions")
        }
        return factors
      }
      let original = try original()
      let factor = try parameters.positive("factor") ?? Double(maxPosition) / Double(original)
      scaling = .longRope(
        LongRope(
          shortFactors: try factors("short_factor"), longFactors: try factors("long_factor"),
          originalMaxPosition: original,
          attentionFactor: try parameters.positive("attention_factor")
            ?? LongRope.magnitude(factor: factor, original: original)))
    default: throw parameters.unsupported(key, "this rope scaling (known: default, linear, llama3, longrope, yarn)")
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
    case .longRope(let rule):
      object["rope_type"] = .string("longrope")
      object["short_factor"] = .array(rule.shortFactors.map { .double($0) })
      object["long_factor"] = .array(rule.longFactors.map { .double($0) })
      object["original_max_position_embeddings"] = .int(rule.originalMaxPosition)
      object["attention_factor"] = .double(rule.attentionFactor)
    }
    return .object(object)
  }
}
