import Groundwork

extension ModelConfig {
  /// Refuses impossible values, naming the key, the allowed range and the value.
  /// - Parameter file: what errors name as the place
  public func validate(file: String) throws {
    let check = ConfigCheck(file: file)
    let limit = 1 << 26
    for (key, value) in [
      ("hidden_size", hiddenSize), ("num_attention_heads", attentionHeads), ("num_key_value_heads", keyValueHeads),
      ("head_dim", headDim), ("vocab_size", vocabularySize),
    ] { try check.require((1...limit).contains(value), key, "1...\(limit)", value, "out of range") }
    try check.require(
      (0...limit).contains(intermediateSize), "intermediate_size", "1...\(limit)", intermediateSize, "out of range")
    try check.require((1...4096).contains(layerCount), "num_hidden_layers", "1...4096", layerCount, "out of range")
    try check.require(
      keyValueHeads <= attentionHeads && attentionHeads % keyValueHeads == 0, "num_key_value_heads",
      "a divisor of num_attention_heads (\(attentionHeads))", keyValueHeads, "query heads must fill whole groups")
    try check.require(
      mixers.count == layerCount, "layer_types", "\(layerCount) entries", mixers.count, "one kind per layer")
    try check.require(rope.theta > 1, "rope_theta", "a number above 1", rope.theta, "out of range")
    let family = architecture.family
    if !family.rotatesPartOfHeads {
      let share = rope.rotatedShare != 1 ? rope.rotatedShare : latentRope.rotatedShare
      try check.require(
        share == 1, "partial_rotary_factor", "1", share, "rotating only a part of each head is not implemented")
    }
    for (key, ids) in [("eos_token_id", eosTokenIds), ("bos_token_id", bosTokenId.map { [$0] } ?? [])] {
      for id in ids {
        try check.require(
          (0..<vocabularySize).contains(id), key, "0..<\(vocabularySize)", id, "outside the vocabulary")
      }
    }
    if let experts {
      try check.require(
        family.hasExperts, "num_experts", "none", experts.count,
        "\(architecture.rawValue) models with experts are not implemented")
      try experts.validate(check, layerCount: layerCount)
    } else {
      try check.require(
        rewiredLayers.isEmpty, "farskip_connectivity", "a model with experts", architecture.rawValue,
        "a dense model has no collectives to hide")
    }
    try check.require(
      connectivities.isEmpty || connectivities.count == layerCount, "farskip_connectivity", "\(layerCount) entries",
      connectivities.count, "one connectivity per layer")
    try family.validate(self, check)
    for kind in kinds { try kind.mixer.validate(self, check) }
  }
}
