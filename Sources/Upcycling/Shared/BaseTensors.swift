import Groundwork
import ModelCore
import TensorCore

extension ModelConfig {
  /// This base model's tensor in the place of a converted model's.
  func counterpart(of tensor: TensorSpec) -> TensorSpec {
    guard let own = self.tensor(tensor.place) else { preconditionFailure("the base has no \(tensor.name)") }
    return own
  }

  /// A tensor of a layer that is attention.
  func attentionTensor(_ role: MixerRole, layer: Int) -> TensorSpec {
    guard let tensor = tensor(role, layer: layer) else {
      preconditionFailure("layer \(layer) has no \(role.rawValue)")
    }
    return tensor
  }
}

/// The layers of a selection, all attention without gates.
/// - Throws: usage errors for layers out of range, for one that has another mixer, and for gated attention
func attentionLayers(_ selection: LayerSelection, of base: ModelConfig) throws -> [Int] {
  let layers = try selection.resolve(layerCount: base.layerCount)
  for layer in layers where base.mixers[layer] != .attention {
    throw UpcycleError.usage(
      "is not an attention layer", field: "layers", expected: "attention",
      found: "layer \(layer): \(base.mixers[layer].rawValue)")
  }
  // The rows of its queries stand between those of its gates.
  if base.attention.outputGate {
    throw UpcycleError.usage(
      "has gates behind its attention, for which the method has no place", field: "model",
      expected: "attention without gates", found: "attn_output_gate")
  }
  return layers
}

extension TensorSpec {
  /// As torch's `Linear` starts: uniform in +-1/sqrt(inputs); depends on seed and name only.
  func writeLinearStart(seed: UInt64, to destination: UnsafeMutablePointer<Float>) {
    let bound = 1 / Double(shape[1]).squareRoot()
    let stream = RandomStream(seed: seed, name)
    for i in 0..<count { destination[i] = Float((2 * stream.uniform(at: UInt64(i)) - 1) * bound) }
  }

  /// As an untrained mixer starts in a conversion: norms, biases and what it prescribes as ever, matrices as torch's
  /// `Linear`. Depends on seed and name only.
  func writeUntrained(seed: UInt64, to destination: UnsafeMutablePointer<Float>) {
    if !writeFixedStart(seed: seed, to: destination) { writeLinearStart(seed: seed, to: destination) }
  }
}

/// A model in memory as a weight source.
struct ModelWeights: WeightSource {
  private let tensors: [String: Tensor]

  init(_ model: LanguageModel) {
    tensors = Dictionary(uniqueKeysWithValues: model.parameters.parameters.map { ($0.name, $0.value) })
  }

  var names: Set<String>? { Set(tensors.keys) }

  func read(_ tensor: TensorSpec, into destination: UnsafeMutablePointer<Float>) throws {
    guard let own = tensors[tensor.name], own.shape == tensor.shape else {
      throw UpcycleError(
        "tensor is missing or has another shape", at: tensor.name, expected: "\(tensor.shape)",
        found: tensors[tensor.name].map { "\($0.shape)" } ?? "nothing")
    }
    destination.update(from: own.pointer, count: own.count)
  }
}
