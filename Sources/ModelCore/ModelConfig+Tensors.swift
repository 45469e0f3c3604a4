/// The tensors of a model: roles and shapes from its parts, names from its family.
extension ModelConfig {
  /// How the family names tensors.
  public var names: TensorNames { architecture.family.names }

  /// Every tensor of a checkpoint of this model, in file order: embedding, positions, layers, final norm, head.
  public var tensors: [TensorSpec] {
    [embeddingTensor] + [positionsTensor].compactMap { $0 } + (0..<layerCount).flatMap(layerTensors)
      + [finalNormTensor] + [finalNormBiasTensor].compactMap { $0 } + (tieWordEmbeddings ? [] : [headTensor])
  }

  /// [vocabulary, d]
  public var embeddingTensor: TensorSpec {
    TensorSpec(names.embedding, [vocabularySize, hiddenSize], role: .embedding)
  }

  /// [positions, d]; nil where none are learned.
  public var positionsTensor: TensorSpec? {
    block.learnsPositions ? TensorSpec(names.positions, [maxPosition, hiddenSize], role: .positions) : nil
  }

  /// [d]
  public var finalNormTensor: TensorSpec {
    TensorSpec(names.finalNorm, [hiddenSize], role: .finalNorm, start: normStart)
  }

  /// [d]; nil where norms have none.
  public var finalNormBiasTensor: TensorSpec? {
    block.usesLayerNorm
      ? TensorSpec(names.finalNormBias, [hiddenSize], role: .finalNormBias, start: .constant(0)) : nil
  }

  /// What makes logits, [vocabulary, d]: the embedding itself when tied.
  public var headTensor: TensorSpec {
    tieWordEmbeddings ? embeddingTensor : TensorSpec(names.head, [vocabularySize, hiddenSize], role: .head)
  }

  /// How norms of the residual stream start, whose weights are differences from `normOffset`: as 1 in effect.
  public var normStart: TensorStart { .constant(1 - normOffset) }

  /// The tensors of one layer: norm, mixer, norm, feed-forward.
  public func layerTensors(_ layer: Int) -> [TensorSpec] {
    func norm(_ role: TensorRole, _ start: TensorStart) -> TensorSpec {
      TensorSpec(names.name(role, layer: layer), [hiddenSize], layer: layer, role: role, start: start)
    }
    func norms(_ isThere: Bool, _ role: TensorRole, _ bias: TensorRole? = nil) -> [TensorSpec] {
      if !isThere { return [] }
      return [norm(role, normStart)] + (block.usesLayerNorm ? bias.map { [norm($0, .constant(0))] } ?? [] : [])
    }
    let (before, behind) = (block.normsInputs, block.normsOutputs)
    let mixer = norms(before, .inputNorm, .inputNormBias) + mixerTensors(layer) + norms(behind, .mixerOutputNorm)
    if !hasFeedForward { return mixer }
    return mixer + norms(before, .transformNorm, .transformNormBias) + feedForwardTensors(layer)
      + norms(behind, .transformOutputNorm)
  }

  /// The tensors of one layer's mixer, output projection last.
  public func mixerTensors(_ layer: Int) -> [TensorSpec] {
    let (kind, names) = (mixers[layer], names)
    let tensors = kind.mixer.tensors(self, layer: layer).map {
      TensorSpec(
        names.name($0.role, layer: layer, kind), $0.shape, layer: layer, role: .mixer($0.role), start: $0.start)
    }
    return names.placed(tensors, kind)
  }

  /// One tensor of the model; nil where it has none in this place.
  public func tensor(_ place: TensorPlace) -> TensorSpec? {
    guard let layer = place.layer else {
      return [embeddingTensor, positionsTensor, finalNormTensor, finalNormBiasTensor, headTensor]
        .compactMap { $0 }.first { $0.role == place.role }
    }
    if case .mixer = place.role { return mixerTensors(layer).first { $0.role == place.role } }
    return layerTensors(layer).first { $0.role == place.role }
  }

  /// One tensor of a layer's mixer; nil where it has none of this role.
  public func tensor(_ role: MixerRole, layer: Int) -> TensorSpec? { tensor(TensorPlace(.mixer(role), layer: layer)) }
}
