/// The tensors of a model: roles and shapes from its parts, names from its family.
extension ModelConfig {
  /// How the family names tensors.
  public var names: TensorNames { architecture.family.names }

  /// Every tensor of a checkpoint of this model, in file order: embedding, layers, final norm, head.
  public var tensors: [TensorSpec] {
    [embeddingTensor] + (0..<layerCount).flatMap(layerTensors) + [finalNormTensor]
      + (tieWordEmbeddings ? [] : [headTensor])
  }

  /// [vocabulary, d]
  public var embeddingTensor: TensorSpec {
    TensorSpec(names.embedding, [vocabularySize, hiddenSize], role: .embedding)
  }

  /// [d]
  public var finalNormTensor: TensorSpec {
    TensorSpec(names.finalNorm, [hiddenSize], role: .finalNorm, start: normStart)
  }

  /// What makes logits, [vocabulary, d]: the embedding itself when tied.
  public var headTensor: TensorSpec {
    tieWordEmbeddings ? embeddingTensor : TensorSpec(names.head, [vocabularySize, hiddenSize], role: .head)
  }

  /// How norms of the residual stream start, whose weights are differences from `normOffset`: as 1 in effect.
  public var normStart: TensorStart { .constant(1 - normOffset) }

  /// The tensors of one layer: norm, mixer, norm, feed-forward.
  public func layerTensors(_ layer: Int) -> [TensorSpec] {
    func norm(_ role: TensorRole) -> TensorSpec {
      TensorSpec(names.name(role, layer: layer), [hiddenSize], layer: layer, role: role, start: normStart)
    }
    func norms(_ isThere: Bool, _ role: TensorRole) -> [TensorSpec] { isThere ? [norm(role)] : [] }
    let (before, behind) = (block.normsInputs, block.normsOutputs)
    let mixer = norms(before, .inputNorm) + mixerTensors(layer) + norms(behind, .mixerOutputNorm)
    if !hasFeedForward { return mixer }
    return mixer + norms(before, .transformNorm) + feedForwardTensors(layer) + norms(behind, .transformOutputNorm)
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
      return [embeddingTensor, finalNormTensor, headTensor].first { $0.role == place.role }
    }
    if case .mixer = place.role { return mixerTensors(layer).first { $0.role == place.role } }
    return layerTensors(layer).first { $0.role == place.role }
  }

  /// One tensor of a layer's mixer; nil where it has none of this role.
  public func tensor(_ role: MixerRole, layer: Int) -> TensorSpec? { tensor(TensorPlace(.mixer(role), layer: layer)) }
}
