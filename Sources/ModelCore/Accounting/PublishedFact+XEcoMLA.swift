extension PublishedFact {
  /// KV percentages, parameter counts and parity ranks that X-EcoMLA prints, or that follow from its shapes.
  public static let xecomla: [PublishedFact] = kvRows + parameterRows

  private static let halfOf1B = [1, 3, 5, 7, 8, 10, 12, 14]

  private static func row(
    _ preset: String, kv: Int, q: Int? = nil, nope: Int, rope: Int, layers: [Int]? = nil, _ quantity: Quantity,
    _ published: String?, _ place: String, note: String? = nil
  ) -> PublishedFact {
    PublishedFact(
      preset: preset, latent: Latent(kvRank: kv, qRank: q, headDim: (nope, rope), layers: layers), quantity: quantity,
      published: published, place: place, note: note)
  }

  private static func kv(
    _ preset: String, _ rank: Int, _ dim: Int, layers: [Int]? = nil, _ published: String?, _ place: String,
    note: String? = nil
  ) -> PublishedFact {
    row(preset, kv: rank, nope: dim, rope: dim, layers: layers, .kvPercent, published, place, note: note)
  }

  private static let kvRows: [PublishedFact] = [
    kv("llama-3.2-1b", 512, 32, "53.1", "Tables 2, 6, 11"),
    kv("llama-3.2-1b", 256, 32, "28.1", "Tables 2, 6, 11"),
    kv("llama-3.2-1b", 128, 32, "15.6", "Tables 2, 6, 11"),
    kv("llama-3.2-1b", 64, 32, "9.4", "Tables 2, 11"),
    kv("llama-3.2-1b", 48, 32, "7.81", "Table 2"),
    kv("llama-3.2-1b", 48, 32, "6.25", "Tables 9, 11", note: "wrong: 80 of 1024 numbers; 6.25 would be r_kv 32"),
    kv("llama-3.2-1b", 512, 64, "56.3", "Table 6"),
    kv("llama-3.2-1b", 256, 64, "31.3", "Table 6"),
    kv("llama-3.2-1b", 128, 64, "18.8", "Table 6"),
    kv(
      "llama-3.2-1b", 512, 32, layers: halfOf1B, "78.1", "Table 10, 50 % of the layers",
      note: "wrong for the stated rope dim 32; rope dim 64 gives 78.1"),
    kv("llama-3.2-1b", 512, 64, layers: halfOf1B, "78.1", "Table 10, 50 % of the layers"),
    kv("llama-3.2-3b", 816, 64, "43", "Table 1"),
    kv("llama-3.2-3b", 816, 32, "43", "text", note: "wrong for the stated rope dim 32; rope dim 64 gives 43"),
    kv("llama-3.2-3b", 816, 64, "42.91", "Table 8", note: "wrong: 880 of 2048 numbers"),
    kv("llama-3.2-3b", 448, 64, "25.0", "Table 8"),
    kv("llama-3.2-3b", 128, 64, "9.37", "text"),
    kv("llama-3.2-3b", 96, 64, nil, "repository"),
    kv("llama-3.1-8b", 128, 64, "9.37", "text"),
    kv("llama-3.1-8b", 160, 64, "10.94", "Table 3"),
    kv("llama-3.1-8b", 256, 64, "15.63", "Tables 3, 5"),
    kv("smollm-135m", 160, 32, "50", "Table 1"),
    kv("smollm-135m", 16, 32, nil, "repository"),
    kv("smollm-360m", 288, 32, "50", "Table 1"),
    kv("smollm-360m", 48, 32, nil, "repository"),
    kv("smollm-1.7b", 480, 32, "12.5", "Table 4"),
    kv("smollm-1.7b", 2016, 32, "50", "Table 4"),
  ]

  private static func base(_ preset: String, _ quantity: Quantity, _ published: String, _ place: String)
    -> PublishedFact
  {
    PublishedFact(preset: preset, latent: nil, quantity: quantity, published: published, place: place)
  }

  /// Parity rank, rank used, attention parameters per layer and total of one row of the 1B model.
  private static func oneB(kv rank: Int, dim: Int, parity: String, used: Int, attention: String) -> [PublishedFact] {
    let preset = "llama-3.2-1b"
    return [
      row(
        preset, kv: rank, nope: dim, rope: dim, .parityQueryRank, parity, "follows from equal parameters",
        note: dim == 32 ? "the paper uses \(used)" : "the paper uses \(used), a multiple of 16"),
      row(
        preset, kv: rank, q: used, nope: dim, rope: dim, .millionAttentionParameters, attention, "follows from Table 6"),
      row(preset, kv: rank, q: used, nope: dim, rope: dim, .billionParameters, "1.23", "Tables 2, 6"),
    ]
  }

  private static let parameterRows: [PublishedFact] =
    [
      base("llama-3.2-1b", .billionParameters, "1.2358", "model card"),
      base("llama-3.2-1b", .millionAttentionParameters, "10.486", "follows from the model card"),
      base("llama-3.2-3b", .billionParameters, "3.2127", "model card"),
      base("llama-3.1-8b", .billionParameters, "8.0303", "model card"),
      base("smollm-135m", .billionParameters, "0.1345", "model card"),
      base("smollm-360m", .billionParameters, "0.3618", "model card"),
      base("smollm-1.7b", .billionParameters, "1.7114", "model card"),
    ]
    + oneB(kv: 512, dim: 32, parity: "880", used: 864, attention: "10.420")
    + oneB(kv: 256, dim: 32, parity: "1200", used: 1184, attention: "10.420")
    + oneB(kv: 128, dim: 32, parity: "1360", used: 1344, attention: "10.420")
    + oneB(kv: 64, dim: 32, parity: "1440", used: 1424, attention: "10.420")
    + oneB(kv: 48, dim: 32, parity: "1460", used: 1440, attention: "10.404")
    + oneB(kv: 512, dim: 64, parity: "490.7", used: 480, attention: "10.420")
    + oneB(kv: 256, dim: 64, parity: "746.7", used: 736, attention: "10.420")
    + oneB(kv: 128, dim: 64, parity: "874.7", used: 864, attention: "10.420")
    + [
      row(
        "llama-3.2-1b", kv: 512, q: 854, nope: 32, rope: 32, .millionAttentionParameters, "10.420", "text",
        note: "wrong: the text prints r_q 854, its table 864"),
      row("llama-3.2-3b", kv: 816, nope: 64, rope: 64, .parityQueryRank, "1508", "follows from equal parameters"),
      row(
        "llama-3.2-3b", kv: 96, nope: 64, rope: 64, .parityQueryRank, "2408", "follows from equal parameters",
        note: "the repository uses 2048"),
      row(
        "llama-3.2-3b", kv: 96, q: 2048, nope: 64, rope: 64, .billionParameters, "3.151", "follows from the repository"),
      row("llama-3.2-3b", kv: 128, nope: 64, rope: 64, .parityQueryRank, "2368", "follows from equal parameters"),
      row(
        "llama-3.2-3b", kv: 128, q: 2048, nope: 64, rope: 64, .billionParameters, "3.21", "Zebra-Llama, Table 1",
        note: "wrong with the repository's r_q 2048; 3.21 needs the parity rank 2368"),
      row("llama-3.2-3b", kv: 128, q: 2368, nope: 64, rope: 64, .billionParameters, "3.21", "Zebra-Llama, Table 1"),
      row("llama-3.1-8b", kv: 128, nope: 64, rope: 64, .parityQueryRank, "2880", "follows from equal parameters"),
      row(
        "llama-3.1-8b", kv: 128, q: 2048, nope: 64, rope: 64, .billionParameters, "7.81", "follows from the repository"),
      row(
        "llama-3.1-8b", kv: 128, q: 2048, nope: 64, rope: 64, .billionParameters, "8.03", "Zebra-Llama, Table 1",
        note: "wrong with the repository's r_q 2048; 8.03 needs the parity rank 2880"),
      row("llama-3.1-8b", kv: 128, q: 2880, nope: 64, rope: 64, .billionParameters, "8.03", "Zebra-Llama, Table 1"),
      row("smollm-135m", kv: 16, q: 400, nope: 32, rope: 32, .billionParameters, nil, "repository"),
      row("smollm-360m", kv: 48, q: 800, nope: 32, rope: 32, .billionParameters, nil, "repository"),
      row("smollm-1.7b", kv: 480, q: 2048, nope: 32, rope: 32, .billionParameters, nil, "repository"),
    ]
}
