/// What overlapping costs the computation: a collective's kernels take compute units and memory bandwidth
/// (the paper concedes it and gives no number). `factor` is kappa >= 1.
public enum Slowdown: Equatable, Sendable {
  /// Computation runs `factor` times slower exactly while a collective is in flight.
  case whileInFlight(Double)
  /// All computation of a schedule that overlaps takes `factor` times as long, as in the speed-up model
  /// `S = 1 / (kappa (1 - c) + (1 - f) c)`.
  case throughout(Double)

  /// Hidden communication costs nothing: kappa 1.
  public static let none = Slowdown.whileInFlight(1)

  /// kappa.
  public var factor: Double {
    switch self {
    case .whileInFlight(let factor), .throughout(let factor): factor
    }
  }

  /// The factor that holds while a collective is in flight only.
  var inFlight: Double { if case .whileInFlight(let factor) = self { factor } else { 1 } }
  /// The factor on everything.
  var everywhere: Double { if case .throughout(let factor) = self { factor } else { 1 } }
}

/// Milliseconds of a collective of `collective` ms with `computation` ms behind it that runs kappa times slower while
/// the collective flies: `max(collective, computation + collective (1 - 1 / kappa))`.
func window(_ collective: Double, _ computation: Double, _ kappa: Double) -> Double {
  max(collective, computation + collective * (1 - 1 / kappa))
}
