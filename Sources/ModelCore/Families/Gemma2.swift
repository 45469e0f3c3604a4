import Groundwork

/// Gemma 2: norms before and behind mixer and feed-forward, their weights differences from 1; GELU; an embedding scaled
/// by the root of the width; windows in every other layer; soft caps on scores and logits.
struct Gemma2: Family {
  let architecture = Architecture.gemma2
  let className = "Gemma2ForCausalLM"

  var names: TensorNames { .gemma }

  func read(_ model: JSONObject) throws -> ModelConfig {
    var config = try readGemma(model, context: 8192) { $0 % 2 == 0 }
    config.attention.scoreCap = try capping(model, "attn_logit_softcapping", 50)
    config.block.logitCap = try capping(model, "final_logit_softcapping", 30)
    return config
  }

  /// A cap; an explicit null is none.
  private func capping(_ model: JSONObject, _ key: String, _ absent: Double) throws -> Double? {
    try model.positive(key) ?? (model.values[key] == nil ? absent : nil)
  }

  func json(_ config: ModelConfig) -> [String: JSONValue] {
    var object = gemmaJSON(config)
    object["attn_logit_softcapping"] = config.attention.scoreCap.map { .double($0) } ?? .null
    object["final_logit_softcapping"] = config.block.logitCap.map { .double($0) } ?? .null
    return object
  }
}

// MARK: What Gemma 2 and 3 share

extension TensorNames {
  /// Gemma's four norms.
  static var gemma: TensorNames {
    var names = TensorNames()
    names.mixerOutputNorm = "post_attention_layernorm.weight"
    names.transformNorm = "pre_feedforward_layernorm.weight"
    return names
  }
}

extension Family {
  /// - Parameters:
  ///   - context: where the file does not say
  ///   - isWindowed: of a layer, likewise
  func readGemma(_ model: JSONObject, context: Int, _ isWindowed: (Int) -> Bool) throws -> ModelConfig {
    try refuseUnsupported(
      model, except: ["hidden_act", "attn_logit_softcapping", "final_logit_softcapping", "sliding_window"])
    if try model.bool("use_bidirectional_attention") ?? false {
      throw model.unsupported("use_bidirectional_attention", "attention to later tokens")
    }
    let layers = try layerCount(model)
    var values = model.values
    values["hidden_act"] = values["hidden_activation"] ?? .string("gelu_pytorch_tanh")
    var config = try readCommonKeys(
      JSONObject(values: values, file: model.file),
      defaults: FamilyDefaults {
        $0.headDim = 256
        $0.tiesHead = true
        $0.maxPosition = context
      }, mixers: Array(repeating: .attention, count: layers))
    config.normOffset = 1
    config.block.norms = .around
    config.block.embeddingMultiplier = Double(config.hiddenSize).squareRoot()
    config.attention.scale = 1 / (try model.positive("query_pre_attn_scalar") ?? 256).squareRoot()
    config.attention.windows = try windows(model, layerCount: layers, size: 4096, where: isWindowed)
    return config
  }

  func gemmaJSON(_ config: ModelConfig) -> [String: JSONValue] {
    var object = commonJSON(config).merging(windowsJSON(config)) { $1 }
    object["hidden_activation"] = object["hidden_act"]
    for key in ["hidden_act", "norm_placement", "embedding_multiplier"] { object[key] = nil }
    let scale = config.attentionScale
    let squared = 1 / (scale * scale)
    // A whole number in published files, whose square root need not be one.
    object["query_pre_attn_scalar"] =
      abs(squared - squared.rounded()) < 1e-9 * squared ? .int(Int(squared.rounded())) : .double(squared)
    return object
  }
}

extension Architecture {
  /// Gemma 2 (`Gemma2`).
  public static let gemma2 = Architecture(rawValue: "gemma2")
}
