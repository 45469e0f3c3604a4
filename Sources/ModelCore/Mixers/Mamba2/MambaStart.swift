import Foundation

/// How Mamba2's own parameters start (torch's defaults and those of the official module, as MambaInLlama and
/// Zebra-Llama take them): dt log-uniform in [1e-3, 1e-1], A uniform in [1, 16], the convolution as torch's Conv1d;
/// D starts at one.
public enum MambaStart {
  /// softplus^-1 of a step that is log-uniform in [1e-3, 1e-1].
  public static let stepBias = TensorStart.Draw("Mamba2 step bias") { uniform in
    let step = max(exp(log(1e-3) + uniform * (log(1e-1) - log(1e-3))), 1e-4)
    return step + log(-expm1(-step))
  }

  /// log of a rate uniform in [1, 16].
  public static let logRate = TensorStart.Draw("Mamba2 log rate") { log(1 + 15 * $0) }

  /// Uniform in +-1/sqrt(taps) of 4 taps, weights and biases.
  public static let convolution = TensorStart.Draw("convolution of 4 taps") { (2 * $0 - 1) / 2 }
}
