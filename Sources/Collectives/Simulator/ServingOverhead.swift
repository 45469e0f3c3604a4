import Groundwork

/// What a serving system spends on a forward pass outside the simulated blocks: gaps between kernels, scheduler and
/// framework, embedding and head. Kernels are launched and waited for layer by layer, so it is counted per layer, which
/// lets one number serve models of any depth. It is the same for every method, and hides nothing.
public struct ServingOverhead: Codable, Equatable, Sendable {
  /// At least 0.
  public let millisecondsPerLayer: Double

  /// A pass with and without FarSkip, the overhead included.
  public struct Times: Equatable, Sendable {
    /// Milliseconds of a pass of the ordinary blocks.
    public let standard: Double
    /// Of a pass of FarSkip's.
    public let farskip: Double
    /// Of FarSkip over the ordinary blocks.
    public var speedup: Double { standard / farskip }
  }

  /// A known overhead, such as 0 for the blocks alone.
  public init(millisecondsPerLayer: Double) { self.millisecondsPerLayer = millisecondsPerLayer }

  /// The overhead with which the largest speed-up among `scenarios` is the published one; 0 where it is not larger even
  /// without one, so that no overhead explains it.
  /// - Parameter speedup: the published one
  /// - Throws: usage errors of `published` for no speed-up, and without scenarios
  public init(fittedTo speedup: Double, asLargestOf scenarios: [Scenario], gpus: Int) throws {
    guard speedup > 1, speedup.isFinite, !scenarios.isEmpty else {
      throw UpcycleError.usage(
        "gives no overhead", field: "published", expected: "a speed-up above 1, and a case that it was measured on",
        found: "\(speedup) of \(scenarios.count)")
    }
    let passes = scenarios.map {
      (times: ServingOverhead(millisecondsPerLayer: 0).times($0, gpus: gpus), layers: Double($0.shape.layers))
    }
    func largest(_ overhead: Double) -> Double {
      passes.map { ($0.times.standard + overhead * $0.layers) / ($0.times.farskip + overhead * $0.layers) }.max()!
    }
    // The more overhead, the nearer to 1: double until it is too much, then halve the range.
    var (low, high) = (0.0, 0.0)
    if largest(0) > speedup {
      high = 1
      while largest(high) > speedup { (low, high) = (high, 2 * high) }
      for _ in 0..<100 {
        let middle = (low + high) / 2
        if largest(middle) > speedup { low = middle } else { high = middle }
      }
    }
    millisecondsPerLayer = high
  }

  /// One pass of a scenario's blocks by events, and the overhead of all its layers.
  public func times(_ scenario: Scenario, gpus: Int) -> Times {
    let overhead = millisecondsPerLayer * Double(scenario.shape.layers)
    return Times(
      standard: scenario.times(.standard, gpus: gpus).milliseconds + overhead,
      farskip: scenario.times(.farskip, gpus: gpus).milliseconds + overhead)
  }
}
