import Groundwork
import ModelCore

/// The layers of a selection, all attention of projections and rotary positions alone.
/// - Throws: usage errors for a layer that is no attention, and for a base whose attention has more (biases, norms, …)
func plainAttentionLayers(_ selection: LayerSelection, of base: ModelConfig) throws -> [Int] {
  let layers = try selection.resolve(layerCount: base.layerCount)
  for layer in layers where base.mixers[layer] != .attention {
    throw UpcycleError.usage(
      "is not an attention layer", field: "layers", expected: "attention",
      found: "layer \(layer): \(base.mixers[layer].rawValue)")
  }
  if let key = base.extraAttentionKey {
    throw UpcycleError.usage(
      "the method has no place for all of this attention", field: "model",
      expected: "projections and rotary positions alone, as in Llama", found: key)
  }
  return layers
}
