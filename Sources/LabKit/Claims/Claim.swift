import Groundwork

/// Something a paper asserts, as tests over cells that say what its sentence says. Only the data decide it
/// (`ClaimVerdict`).
public struct Claim: Sendable {
  /// Carries the paper: X-C1, Z-Z1, H-C1, F-C1; a sentence of an abstract has an A for its number: X-A1.
  public let id: String
  /// The paper's assertion, in our words.
  public let statement: String
  /// The published evidence.
  public let evidence: String
  /// What the models of its tests miss to show what it speaks of; nil: nothing. Whatever the tests come to then says
  /// nothing of the method.
  public let gate: String?
  /// All must hold for the claim to hold.
  public let tests: [Test]
  /// Why nothing here can test it: the stand-in that does not exist; nil when its cells run.
  public let pending: String?
  /// Whether it is a sentence of the paper's abstract; those stand on top of the page of claims.
  public let isHeadline: Bool
  /// What models of micro scale can say of it, and what they cannot.
  public let scale: String?
  /// The claim whose sentence it asks again, of other models.
  public let asksAgain: String?

  /// One quantity and the region it must lie in.
  public struct Test: Sendable {
    /// Name in the quantity -> cells and metric.
    public let terms: [String: Term]
    let quantity: Quantity
    /// The region: above `lower`, below `upper`.
    public let lower: Double?
    /// nil: no bound above; `lower` likewise.
    public let upper: Double?
    /// Bounds, equivalence or non-inferiority.
    public let kind: Kind
    /// What kind of numbers the cells give.
    public let measurement: Measurement
    /// The quantity as published, where the terms' own published columns do not give it.
    public let published: Double?
    /// Repeats a cell needs.
    public let seeds: Int
    /// Pretrainings of the base that a term's cells must come from.
    public let pretrainings: Int
    /// Whether a seed stands for the same batches in all cells, so that the quantity is taken seed by seed before its
    /// variance is.
    public let pairsSeeds: Bool
  }

  /// One measured number of a quantity.
  public struct Term: Sendable, Hashable {
    /// One cell, or several that repeat the same thing from different starts (pretrainings of the base).
    public let cells: [String]
    /// `stage.metric`, as records have it.
    public let metric: String
  }

  /// What a test looks at.
  enum Quantity: Sendable {
    case expression(Expression)
    /// The common slope of ladders of cells: the terms of every ladder in order, and the weight of every term.
    case slope([[String]], weights: [String: Double])
  }

  /// How the region is meant.
  public enum Kind: Sendable, Equatable {
    /// Beyond a bound, or between two.
    case bounds
    /// Equal to `to` within the margin (two one-sided tests), and why that margin.
    case equivalent(to: Double, margin: Double, reason: String)
    /// Not below `than` by more than the margin, and why that margin.
    case notWorse(than: Double, margin: Double, reason: String)
  }

  /// What stands behind the numbers.
  public enum Measurement: String, CaseIterable, Sendable {
    /// Trained or timed with several seeds.
    case seeds
    /// Nothing random: counts, bytes, bits, a simulator's arithmetic.
    case exact
    /// One record of repeated timings, whose standard error is over the repeats.
    case repeats
  }
}
