import Foundation
import Groundwork

/// How Mamba2's own parameters start (torch's defaults and those of the official module; Zebra brief 2.3):
/// dt log-uniform in [1e-3, 1e-1], A uniform in [1, 16], D one, the convolution as torch's Conv1d.
public enum MambaStart: String {
  case stepBias = "dt_bias"
  case logRate = "A_log"
  case skip = "D"
  case convWeight = "conv1d.weight"
  case convBias = "conv1d.bias"

  /// The parameter that a checkpoint name ends in; nil for any other.
  public init?(_ name: String) {
    let parts = name.split(separator: ".")
    guard let last = parts.last else { return nil }
    let own = parts.dropLast().last == "conv1d" ? "conv1d.\(last)" : String(last)
    self.init(rawValue: own)
  }

  /// Writes the starting values; they depend on seed and name only.
  public func write(_ shape: [Int], seed: UInt64, name: String, to destination: UnsafeMutablePointer<Float>) {
    let stream = RandomStream(seed: seed, name)
    for i in 0..<shape.reduce(1, *) { destination[i] = Float(value(stream.uniform(at: UInt64(i)))) }
  }

  /// The value that a number uniform in [0, 1) stands for.
  func value(_ uniform: Double) -> Double {
    switch self {
    case .stepBias:
      let step = max(exp(log(1e-3) + uniform * (log(1e-1) - log(1e-3))), 1e-4)
      return step + log(-expm1(-step))  // softplus^-1
    case .logRate: return log(1 + 15 * uniform)
    case .skip: return 1
    case .convWeight, .convBias: return (2 * uniform - 1) / 2  // 4 taps
    }
  }
}
