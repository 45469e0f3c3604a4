import Foundation

/// How Gated DeltaNet's own parameters start where it is not as in Mamba2 (flash-linear-attention's defaults): dt and
/// the convolutions as Mamba2's, A uniform in (0, 16]. Most heads then forget within some ten tokens.
public enum DeltaStart {
  /// log of a rate uniform in (0, 16]; a rate of 0 has no logarithm.
  public static let logRate = TensorStart.Draw("Gated DeltaNet log rate") { log(max(16 * $0, 1e-4)) }
}
