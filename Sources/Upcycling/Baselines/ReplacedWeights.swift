import ModelCore
import TensorCore

/// A converted model's weights: tensors that a conversion made, and the base's for all others.
struct ReplacedWeights: WeightSource {
  let source: any WeightSource
  let base: ModelConfig
  let made: [TensorPlace: Tensor]

  var names: Set<String>? { nil }

  func read(_ tensor: TensorSpec, into destination: UnsafeMutablePointer<Float>) throws {
    guard let own = made[tensor.place] else { return try source.read(base.counterpart(of: tensor), into: destination) }
    precondition(own.shape == tensor.shape, "\(tensor.name) was made in another shape than the config's")
    destination.update(from: own.pointer, count: own.count)
  }
}
