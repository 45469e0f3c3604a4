import Groundwork

/// Beam search for the layers that keep their attention (Jet-Nemotron, section 2.2). Every round adds one layer to each of the
/// best sets of the round before, and keeps the best of those; width 1 is greedy. The paper's objective is a task's loss or
/// accuracy; here it is the divergence from the base.
public struct PlacementBeam: Equatable, Sendable {
  /// K, layers that keep their attention.
  public let count: Int
  /// Sets that a round hands on.
  public let width: Int
  /// L, layers of the model.
  public let layerCount: Int

  /// - Throws: usage errors for a count or a width out of range
  public init(count: Int, width: Int, layerCount: Int) throws {
    guard count >= 1, count < layerCount else {
      throw UpcycleError.usage(
        "is out of range", field: "count", expected: "1...\(layerCount - 1) of \(layerCount) layers", found: "\(count)")
    }
    guard (1...1000).contains(width) else {
      throw UpcycleError.usage("is out of range", field: "beam", expected: "1...1000", found: "\(width)")
    }
    self.count = count
    self.width = width
    self.layerCount = layerCount
  }

  /// A set of layers that keep their attention, ascending, and what that costs.
  public struct Candidate: Codable, Equatable, Sendable {
    /// Ascending.
    public var layers: [Int]
    /// Nats per token.
    public var divergence: Double

    init(layers: [Int], divergence: Double) {
      self.layers = layers
      self.divergence = divergence
    }

    /// The smaller divergence; of equals the set that comes first.
    fileprivate static func isBetter(_ a: Candidate, _ b: Candidate) -> Bool {
      a.divergence != b.divergence ? a.divergence < b.divergence : a.layers.lexicographicallyPrecedes(b.layers)
    }
  }

  /// Sets that are measured at most.
  public var mostMeasurements: Int {
    layerCount + (1..<max(1, count)).reduce(0) { $0 + min(width, combinations($1)) * (layerCount - $1) }
  }

  /// Sets of so many layers, 1000 where there are more.
  private func combinations(_ size: Int) -> Int {
    var found = 1
    for taken in 0..<size where found < 1000 { found = found * (layerCount - taken) / (taken + 1) }
    return min(found, 1000)
  }

  /// - Parameter measure: the divergence of a set of layers, ascending; each is asked for once
  /// - Returns: the beam of every round, the best first; the last round's first is the choice
  /// - Throws: what `measure` throws, and a failure for a divergence that is no number
  public func search(_ measure: ([Int]) throws -> Double) throws -> [[Candidate]] {
    var rounds: [[Candidate]] = []
    for _ in 0..<count {
      let sets = Set(
        (rounds.last?.map(\.layers) ?? [[]]).flatMap { set in
          (0..<layerCount).filter { !set.contains($0) }.map { (set + [$0]).sorted() }
        })
      let measured = try sets.sorted { $0.lexicographicallyPrecedes($1) }.map { layers in
        let divergence = try measure(layers)
        if !divergence.isFinite {
          throw UpcycleError(
            "the divergence of a path is not finite",
            at: "attention in layers \(layers.map(String.init).joined(separator: ","))",
            hint: "the super-network's training diverged: lower its learning rate")
        }
        return Candidate(layers: layers, divergence: divergence)
      }
      rounds.append(Array(measured.sorted(by: Candidate.isBetter).prefix(width)))
    }
    return rounds
  }
}
