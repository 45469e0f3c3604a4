import Groundwork

/// The sizes that a family's configuration class in transformers takes where config.json does not say (5.24), by key. A
/// family that is not listed wants them all.
enum FamilySizes {
  static let known: [Architecture: [String: Int]] = [
    .llama: sizes(hidden: 4096, layers: 32, heads: 32, intermediate: 11_008, vocabulary: 32_000),
    .mistral: sizes(
      hidden: 4096, layers: 32, heads: 32, keyValueHeads: 8, intermediate: 14_336, vocabulary: 32_000),
    .qwen2: sizes(
      hidden: 4096, layers: 32, heads: 32, keyValueHeads: 32, intermediate: 22_016, vocabulary: 151_936),
    .qwen3: sizes(
      hidden: 4096, layers: 32, heads: 32, keyValueHeads: 32, intermediate: 22_016, vocabulary: 151_936),
    .smolLM3: sizes(
      hidden: 2048, layers: 36, heads: 16, keyValueHeads: 4, intermediate: 11_008, vocabulary: 128_256),
    .olmo2: sizes(hidden: 4096, layers: 32, heads: 32, intermediate: 11_008, vocabulary: 50_304),
    .phi3: sizes(hidden: 3072, layers: 32, heads: 32, intermediate: 8192, vocabulary: 32_064),
    .granite: sizes(hidden: 4096, layers: 32, heads: 32, intermediate: 11_008, vocabulary: 32_000),
    .gemma2: sizes(hidden: 2304, layers: 26, heads: 8, keyValueHeads: 4, intermediate: 9216, vocabulary: 256_000),
    .gemma3: sizes(hidden: 2304, layers: 26, heads: 8, keyValueHeads: 4, intermediate: 9216, vocabulary: 262_208),
    .gpt2: ["n_embd": 768, "n_layer": 12, "n_head": 12, "vocab_size": 50_257],
  ]

  /// - Parameter keyValueHeads: nil: as many as queries have, which `readCommonKeys` takes
  private static func sizes(
    hidden: Int, layers: Int, heads: Int, keyValueHeads: Int? = nil, intermediate: Int, vocabulary: Int
  ) -> [String: Int] {
    var sizes = [
      "hidden_size": hidden, "num_hidden_layers": layers, "num_attention_heads": heads,
      "intermediate_size": intermediate, "vocab_size": vocabulary,
    ]
    sizes["num_key_value_heads"] = keyValueHeads
    return sizes
  }
}

extension JSONObject {
  /// With the sizes that the family takes where the file does not say. An explicit null says something: as many key heads
  /// as queries have, or for any other size nothing that can be read.
  func withSizes(of architecture: Architecture) -> JSONObject {
    guard var sizes = FamilySizes.known[architecture] else { return self }
    // Of a width of its own nobody knows how many heads share it.
    for (width, heads) in [("hidden_size", "num_attention_heads"), ("n_embd", "n_head")] {
      if let own = values[width]?.int, own != sizes[width] { sizes[heads] = nil }
    }
    return JSONObject(values: sizes.mapValues { JSONValue.int($0) }.merging(values) { $1 }, file: file, path: path)
  }
}
