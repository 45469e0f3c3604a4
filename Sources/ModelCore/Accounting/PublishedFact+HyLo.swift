extension PublishedFact {
  /// Parameter totals and KV percentages of HyLo's models, and the layer sizes of its Table 8.
  public static let hylo: [PublishedFact] =
    HyLoModel.all.flatMap { model -> [PublishedFact] in
      func fact(_ quantity: Quantity, _ published: String?, _ place: String, _ note: String? = nil) -> PublishedFact? {
        published.map {
          PublishedFact(preset: model.name, latent: nil, quantity: quantity, published: $0, place: place, note: note)
        }
      }
      let reading = model.base == "qwen3-1.7b" ? "with norms over query and key heads, 256 weights a latent layer" : nil
      return [
        fact(.parameters, model.parameters.map(String.init), "model card", reading),
        fact(.billionParameters, model.billionParameters, "HyLo, Table 7"),
        fact(.kvPercent, model.kvPercent, "HyLo, Table 7"),
        fact(.kvReduction, model.kvReduction, "announcement"),
      ].compactMap { $0 }
    }
    + [
      PublishedFact(
        preset: "hylo-llama-4mla12gdn", latent: nil, quantity: .millionLinearParameters, published: "25.2",
        place: "HyLo, Table 8"),
      PublishedFact(
        preset: "hylo-llama-4mla12gdn", latent: nil, quantity: .thousandConvolutionParameters, published: "31",
        place: "HyLo, Table 8", note: "wrong: 31 needs a bias that the released checkpoints do not have"),
    ]
}
