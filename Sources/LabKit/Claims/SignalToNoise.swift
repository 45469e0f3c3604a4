/// Whether a metric can tell the models of an experiment apart: the spread between the cells' means over the noise
/// between seeds (Heineman et al. 2025, arXiv 2508.13144). Below 1 it cannot.
public struct SignalToNoise: Sendable {
  /// `stage.metric`.
  public let metric: String
  /// Cells that have repeats.
  public let cells: Int
  /// Standard deviation of the cells' means.
  public let signal: Double
  /// Standard deviation over seeds, pooled over the cells that stand neither at floor nor at ceiling.
  public let noise: Double
  /// Bartlett's probability that the cells share that noise.
  public let bartlett: Double
  /// Cells at floor or ceiling.
  public let limited: Int

  /// Below 1 the metric cannot tell the experiment's models apart.
  public var ratio: Double { signal / noise }

  /// Of every measured column of the report (and its graded twin) that at least two repeated cells have.
  static func all(_ source: ClaimEvidence) -> [SignalToNoise] {
    let named =
      source.spec.report.columns.compactMap(\.metric)
      + source.spec.claims.flatMap(\.tests)
      .flatMap(\.terms.values).map(\.metric)
    let metrics = Set(named).sorted().flatMap { [$0, Claim.Test.Reading.graded.metric($0)] }
    return metrics.compactMap { SignalToNoise($0, source) }
  }

  private init?(_ metric: String, _ source: ClaimEvidence) {
    let cells = Set(source.records.filter { $0.seed != nil }.map(\.cell)).sorted()
    let samples = cells.map { Sample(values: source.values(source.repeats([$0]), [metric: 1])) }
      .filter { $0.count > 1 }
    guard samples.count > 1, let pool = source.pooled([metric: 1]), pool.variance > 0 else { return nil }
    self.metric = metric
    self.cells = samples.count
    signal = Sample(values: samples.map(\.mean)).deviation!
    noise = pool.deviation
    bartlett = pool.bartlett
    limited = samples.count { source.limit(metric, $0.mean) != nil }
  }
}
