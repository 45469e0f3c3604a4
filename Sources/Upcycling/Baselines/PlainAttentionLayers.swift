import Groundwork
import ModelCore

/// The layers of a selection, all attention of projections and rotary positions alone.
/// - Throws: usage errors for a layer that is no attention, and for a base whose attention has more (biases, norms, …)
func plainAttentionLayers(_ selection: LayerSelection, of base: ModelConfig) throws -> [Int] {
  let layers = try attentionLayers(selection, of: base)
  if let key = base.extraAttentionKey {
    throw UpcycleError.usage(
      "the method has no place for all of this attention", field: "model",
      expected: "projections and rotary positions alone, as in Llama", found: key)
  }
  return layers
}
