import Groundwork
import TensorCore

/// How a loaded model keeps its weights.
public enum WeightStorage: Sendable {
  /// All in float32, in one buffer: for training, and for whoever changes weights.
  case float32
  /// Matrices that a file holds in 16 bits stay where they are: mapped, shared by all processes that run the model, and
  /// converted in the kernels' registers. For inference; the rest is read into float32. Nobody may change the file in
  /// place while the model lives (our programs never do: they replace files whole).
  case asStored
  /// The same matrices rounded to 8 bits, with a scale for every row, as they are loaded: half the memory to read of 16-bit
  /// weights, and other results. For inference.
  case int8
}

extension TensorSpec {
  /// Whether it may stay in 16 bits, or be rounded to 8: matrices that every token is multiplied with, or looked up in. Those of routed
  /// experts are multiplied by kernels that have no form for them.
  var mayStayStored: Bool {
    switch role {
    case .expert, .router, .other: false
    default: shape.count == 2
    }
  }
}
