import ModelCore

extension PublishedFact {
  /// Parameter totals and KV percentages of HyLo's models, and the layer sizes of its Table 8.
  public static let hylo: [PublishedFact] = HyLoModel.all.flatMap(facts) + layerRows

  private static func facts(_ model: HyLoModel) -> [PublishedFact] {
    func fact(_ quantity: Quantity, _ published: String?, _ place: String, _ note: String? = nil) -> PublishedFact? {
      published.map {
        PublishedFact(preset: model.name, latent: nil, quantity: quantity, published: $0, place: place, note: note)
      }
    }
    let hasNorms = (try? ModelConfig.preset(model.base))?.attention.qkNorm == true
    let reading = hasNorms ? "with norms over query and key heads, 256 weights a latent layer" : nil
    return [
      fact(.parameters, model.parameters.map(String.init), "model card", reading),
      fact(.billionParameters, model.billionParameters, "HyLo, Table 7"),
      fact(.kvPercent, model.kvPercent, "HyLo, Table 7"),
      fact(.kvReduction, model.kvReduction, "announcement"),
    ].compactMap { $0 }
  }

  /// Of the first model with Gated DeltaNet: all of a layer's mixer, and its convolutions.
  private static let layerRows: [PublishedFact] = PublishedData.hyloLayers.rows.compactMap { row in
    let quantities: [String: Quantity] = [
      "all": .millionLinearParameters, "short convolutions of q, k, v": .thousandConvolutionParameters,
    ]
    guard let quantity = row["parameter"].flatMap({ quantities[$0] }),
      let model = HyLoModel.all.first(where: { $0.linear == .gatedDeltaNet })
    else { return nil }
    return PublishedFact(
      preset: model.name, latent: nil, quantity: quantity, published: row["printed"]?.filter { !"~MK".contains($0) },
      place: "HyLo, Table 8", note: row["remark"])
  }
}
