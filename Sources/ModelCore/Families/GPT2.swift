import Groundwork

/// GPT-2: learned positions instead of rotary ones, LayerNorm, biases everywhere, a feed-forward without a gate; matrices
/// are stored in x out, q, k and v in one.
struct GPT2: Family {
  let architecture = Architecture.gpt2
  let className = "GPT2LMHeadModel"
  let isConvertible = false

  var names: TensorNames {
    var names = TensorNames()
    names.embedding = "transformer.wte.weight"
    names.positions = "transformer.wpe.weight"
    names.layers = "transformer.h"
    names.inputNorm = "ln_1.weight"
    names.mixers = [.attention: "attn"]
    names.mixerTensors = [.attention: [.output: "c_proj.weight", .outputBias: "c_proj.bias"]]
    let (weight, bias) = ("c_attn.weight", "c_attn.bias")
    names.fusedMixers = [
      .attention: [
        .query: weight, .key: weight, .value: weight, .queryBias: bias, .keyBias: bias, .valueBias: bias,
      ]
    ]
    names.transformNorm = "ln_2.weight"
    names.projections = [.up: "c_fc", .down: "c_proj"]
    names.finalNorm = "transformer.ln_f.weight"
    names.storesTransposed = true
    return names
  }

  /// The key of each size, by the name that other families have for it.
  private static let sizes = (
    width: "n_embd", layers: "n_layer", heads: "n_head", positions: "n_positions", inner: "n_inner"
  )
  /// Keys that change what is computed, with the only value that we compute.
  private static let fixed: [(key: String, value: Bool)] = [
    ("scale_attn_weights", true), ("scale_attn_by_inverse_layer_idx", false), ("add_cross_attention", false),
  ]

  func read(_ model: JSONObject) throws -> ModelConfig {
    try refuseUnsupported(model)
    for (key, value) in Self.fixed where try model.bool(key) ?? value != value {
      throw model.unsupported(key, "attention of this kind")
    }
    if let name = try model.string("activation_function"), !["gelu_new", "gelu_pytorch_tanh"].contains(name) {
      throw model.unsupported("activation_function", "this activation (known: gelu_new)")
    }
    let width = try model.required(Self.sizes.width, in: 1...(1 << 20))
    let heads = try model.required(Self.sizes.heads, in: 1...(1 << 20))
    let layers = try model.required(Self.sizes.layers, in: 1...4096)
    if width % heads != 0 { throw model.fail(Self.sizes.width, expected: "a multiple of n_head (\(heads))") }
    return ModelConfig(
      architecture: architecture, hiddenSize: width, layerCount: layers, attentionHeads: heads, keyValueHeads: heads,
      intermediateSize: try model.int(Self.sizes.inner, in: 1...(1 << 24)) ?? 4 * width,
      vocabularySize: try model.required("vocab_size", in: 1...(1 << 26)),
      tieWordEmbeddings: try model.bool("tie_word_embeddings") ?? true,
      rmsNormEps: try model.positive("layer_norm_epsilon") ?? 1e-5,
      block: BlockConfig(activation: .gelu, usesLayerNorm: true, isUngated: true, learnsPositions: true),
      attention: AttentionConfig(qkvBias: true, unrotatedLayers: Array(0..<layers), outputBias: true),
      maxPosition: try model.int(Self.sizes.positions, in: 1...(1 << 30)) ?? 1024,
      bosTokenId: try bosTokenId(model), eosTokenIds: try eosTokenIds(model))
  }

  func json(_ config: ModelConfig) -> [String: JSONValue] {
    identityJSON.merging(tokenJSON(config)) { $1 }.merging([
      Self.sizes.width: .int(config.hiddenSize), Self.sizes.layers: .int(config.layerCount),
      Self.sizes.heads: .int(config.attentionHeads), Self.sizes.positions: .int(config.maxPosition),
      Self.sizes.inner: .int(config.intermediateSize), "vocab_size": .int(config.vocabularySize),
      "tie_word_embeddings": .bool(config.tieWordEmbeddings), "layer_norm_epsilon": .double(config.rmsNormEps),
      "activation_function": .string("gelu_new"),
    ]) { $1 }
  }

  /// Also the causal masks that older files hold.
  func ignores(_ name: String, of config: ModelConfig) -> Bool {
    name.hasSuffix(".attn.bias") || name.hasSuffix(".attn.masked_bias") || isBufferOrTiedHead(name, of: config)
  }
}

extension Architecture {
  /// GPT-2 (`GPT2`).
  public static let gpt2 = Architecture(rawValue: "gpt2")
}
