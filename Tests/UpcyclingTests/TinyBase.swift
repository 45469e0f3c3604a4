import Groundwork
import ModelCore
import TensorCore
import XCTest

@testable import Upcycling

/// A small base model with random weights, large enough for scores to matter.
func tinyBase(
  heads: Int = 4, groups: Int = 2, headDim: Int = 8, layers: Int = 3, rope: RopeConfig = RopeConfig(),
  qkNorm: Bool = false, qkvBias: Bool = false,
  seed: UInt64 = 5
) throws -> LanguageModel {
  let config = ModelConfig(
    architecture: qkNorm ? .qwen3 : qkvBias ? .qwen2 : .llama, hiddenSize: 32, layerCount: layers,
    attentionHeads: heads,
    keyValueHeads: groups, headDim: headDim, intermediateSize: 48, vocabularySize: 64, tieWordEmbeddings: true,
    attention: AttentionConfig(qkvBias: qkvBias, qkNorm: qkNorm), rope: rope, maxPosition: 128)
  let model = try LanguageModel(config, weights: RandomWeights(seed: seed, deviation: 0.25, layers: layers))
  for (parameter, tensor) in zip(model.parameters.parameters, model.tensors) where parameter.name.hasSuffix("bias") {
    let noise = RandomStream(seed: seed, tensor.name)
    for i in 0..<tensor.count { parameter.value.pointer[i] = Float(noise.normal(at: UInt64(i))) }
  }
  return model
}

let tinyIds: [Int32] = (0..<24).map { Int32(($0 * 37 + 11) % 64) }

/// Logits of two sequences of 12 tokens.
func logits(_ model: LanguageModel) -> [Float] { model.logits(ids: tinyIds, batch: 2, time: 12).toArray() }

func tinyConversion(_ kvRank: Int = 6) -> LatentConversion {
  LatentConversion(kvRank: kvRank, nopeHeadDim: 4, ropeHeadDim: 4)
}
