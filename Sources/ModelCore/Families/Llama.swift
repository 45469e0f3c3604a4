import Groundwork

/// Llama 2 and 3, SmolLM and all that share their layout: grouped-query attention and SwiGLU, the defaults of all we
/// have.
struct Llama: Family {
  let architecture = Architecture.llama
  let className = "LlamaForCausalLM"

  func read(_ model: JSONObject) throws -> ModelConfig {
    try refuseUnsupported(model)
    var config = try readCommonKeys(model)
    try readMixerShapes(model, into: &config)
    return config
  }

  func json(_ config: ModelConfig) -> [String: JSONValue] { commonJSON(config) }
}

extension Architecture {
  /// Llama 2 and 3 (`Llama`).
  public static let llama = Architecture(rawValue: "llama")

  /// The family of dense attention-only models whose attention has these traits.
  static func plain(_ attention: AttentionConfig) -> Architecture {
    attention.qkNorm ? .qwen3 : attention.qkvBias ? .qwen2 : .llama
  }
}
