import Foundation
import Groundwork

/// How Gated DeltaNet's own parameters start (flash-linear-attention's defaults; HyLo brief 1.4): dt as Mamba2's, A
/// uniform in (0, 16], the convolutions as torch's Conv1d. Most heads then forget within some ten tokens.
public enum DeltaStart {
  case stepBias, logRate, convWeight

  /// The parameter that a checkpoint name of a Gated DeltaNet layer ends in; nil for any other.
  public init?(_ name: String) {
    let parts = name.split(separator: ".")
    guard parts.contains(where: { ["gdn", "attn", "linear_attn"].contains($0) }), let last = parts.last else {
      return nil
    }
    switch last {
    case "dt_bias": self = .stepBias
    case "A_log": self = .logRate
    default:
      guard parts.dropLast().last?.hasSuffix("conv1d") == true else { return nil }
      self = .convWeight
    }
  }

  /// Writes the starting values; they depend on seed and name only.
  public func write(_ shape: [Int], seed: UInt64, name: String, to destination: UnsafeMutablePointer<Float>) {
    let stream = RandomStream(seed: seed, name)
    for i in 0..<shape.reduce(1, *) { destination[i] = Float(value(stream.uniform(at: UInt64(i)))) }
  }

  private func value(_ uniform: Double) -> Double {
    switch self {
    case .stepBias: MambaStart.stepBias.value(uniform)
    case .logRate: log(max(16 * uniform, 1e-4))  // a rate of 0 has no logarithm
    case .convWeight: MambaStart.convWeight.value(uniform)
    }
  }
}
