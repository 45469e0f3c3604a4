import Groundwork

/// A test with what the records say of it.
public struct TestResult: Sendable {
  let test: Claim.Test
  /// The quantity with the cells in place of short names, `[512 SFT] - [256 SFT]`.
  public let label: String
  /// Before Holm's correction changes it: see `ClaimVerdict`.
  public private(set) var answer = ClaimVerdict.Answer.undecided
  /// Of the deciding metric: the graded score where every repeat has one and the bounds are 0, else the metric as named.
  private(set) var estimate: Uncertainty?
  /// The metric as named, where the graded score decides.
  private(set) var accuracy: Uncertainty?
  /// The quantity with the published numbers in it.
  public let published: Double?
  /// Seeds a cell to decide the published effect.
  public private(set) var seedsForPublished = SeedCount.unknown
  /// Seeds a cell to decide the effect that was observed so far.
  public private(set) var seedsForObserved = SeedCount.unknown
  /// Whether seeds are counted as if every item's result were stored, which is not so.
  private var isUnpaired = false
  /// Runs that it needs: cell -> "1 of 3 seeds".
  private(set) var missing: [String: String] = [:]
  /// Why it is undecided or out of reach, or what else a reader must know.
  public private(set) var remarks: [String] = []
  /// The probability of data this far beyond a bound if the quantity stood on it; 1 inside the region.
  private(set) var failing = 1.0
  /// Whether it is undecided, or out of reach, by an interval (of the metric as named) that the published effect lies
  /// outside of: whether there is such an effect stays open, one of the published size is not seen.
  private(set) var excludesPublished = false

  /// What a power calculation asks for.
  public enum SeedCount: Equatable, Sendable {
    /// 3 to 1000.
    case number(Int)
    /// More than a thousand, or none at all: the items alone are too few, or it lies on the bound or outside.
    case never
    /// Nothing tells the noise, or nothing was published.
    case unknown

    /// Whether it asks for more than `Power.mostSeeds`.
    var isOutOfReach: Bool {
      switch self {
      case .number(let seeds): seeds > Power.mostSeeds
      case .never: true
      case .unknown: false
      }
    }
  }

  init(_ test: Claim.Test, naming metrics: Bool, from source: ClaimEvidence) throws {
    self.test = test
    label = test.quantity.described { name in test.terms[name].map { $0.label(withMetric: metrics) } ?? name }
    published = try test.published ?? source.published(test)
    let plain = try test.estimate(from: source)
    let graded = test.isGradable ? try test.estimate(from: source, .graded) : nil
    let deciding = graded ?? plain
    estimate = deciding?.uncertainty
    if graded != nil { accuracy = plain?.uncertainty }
    isUnpaired = deciding.map { !$0.isPaired && $0.uncertainty.items > 0 } ?? false
    if let power = deciding?.power {
      // A published effect is one of the metric as named.
      if let published, let plain = plain?.power {
        let isInside = test.distance(of: published) > 0
        seedsForPublished = isInside ? Self.seeds(for: test.distances(of: published), plain) : .never
      }
      seedsForObserved = Self.seeds(for: test.distances(of: deciding!.uncertainty.value), power)
    }

    let absent = Set(test.terms.values.flatMap(\.cells).compactMap { source.absence(of: $0) })
    if !absent.isEmpty {
      (answer, remarks) = (.outOfReach, absent.sorted())
      return
    }
    missing = test.missing(from: source, wanted: wantedSeeds)
    if let deciding, missing.isEmpty {
      decide(deciding, source)
      if let graded, let plain { try compare(plain, graded, test.estimate(from: source, .calibrated)) }
      if let plain, test.limit(source) == nil { notePublished(outside: plain.uncertainty) }
    } else {
      if missing.isEmpty { remarks = ["the quantity, or its slope, is not a finite number"] }
      giveUpIfOutOfReach()
    }
  }

  private static func seeds(for distances: (Double, Double), _ power: Power) -> SeedCount {
    power.seeds(for: distances).map(SeedCount.number) ?? .never
  }

  /// What a power calculation counts: terms of several pretrainings repeat those, which no more seeds do.
  private var repeats: String { test.isOfPretrainings ? "pretrainings" : "seeds" }

  /// Seeds to run: for the published effect, or else for the observed one; what the test asks for at least. Effects
  /// that are out of reach ask for no more.
  var wantedSeeds: Int {
    if test.isOfPretrainings { return test.seeds }
    let isUntold = seedsForPublished == .unknown || seedsForPublished.isOutOfReach
    guard case .number(let seeds) = isUntold ? seedsForObserved : seedsForPublished, seeds <= Power.mostSeeds else {
      return test.seeds
    }
    return max(seeds, test.seeds)
  }

  // MARK: Answers

  private mutating func decide(_ deciding: TestEstimate, _ source: ClaimEvidence) {
    if let limit = test.limit(source) {
      remarks = ["every cell stands at the \(limit.rawValue) of the metric, which cannot tell them apart"]
      return
    }
    if test.measuresScores(source) && deciding.uncertainty.variance == 0 {
      remarks = ["all repeats and items agree, which tells no error"]
      return
    }
    answer = test.answer(deciding.uncertainty)
    // Nothing excuses an exact number.
    failing = deciding.uncertainty.variance == 0 && answer == .fails ? 0 : test.failing(deciding.uncertainty)
    if answer != .undecided { return }
    remarks = ["the interval straddles the bound"]
    if isUnpaired { remarks.append("unpaired items") }
    giveUpIfOutOfReach()
  }

  /// - Parameter plain: of the metric as named, which the published effect is one of
  private mutating func notePublished(outside plain: Uncertainty) {
    guard answer == .undecided || answer == .outOfReach, test.answer(plain) == .undecided, let published,
      test.distance(of: published) > 0,
      !plain.interval().contains(published)
    else { return }
    excludesPublished = true
    let place = accuracy == nil ? "outside" : "outside the accuracy's interval"
    remarks.append("the published \(LabKit.plain(published, 3)) lies \(place)")
  }

  private mutating func giveUpIfOutOfReach() {
    guard test.measurement == .seeds, seedsForPublished.isOutOfReach, let published else { return }
    // What was measured so far may be told from the bound where the published effect could not.
    if !seedsForObserved.isOutOfReach && seedsForObserved != .unknown { return }
    answer = .outOfReach
    let effect = "the published \(LabKit.plain(published, 3))"
    if case .number(let seeds) = seedsForPublished {
      remarks.append("\(effect) would need \(seeds) \(repeats)")
    } else {
      remarks.append(
        test.distance(of: published) > 0
          ? "\(effect) would need more than a thousand \(repeats)" : "\(effect) itself lies outside")
    }
  }

  /// The graded score decides; the accuracy may not contradict it. A change that only moves a model's temperature is none of
  /// the graded score: then the accuracy decides alone.
  private mutating func compare(_ plain: TestEstimate, _ graded: TestEstimate, _ calibrated: TestEstimate?) {
    let accuracy = test.answer(plain.uncertainty)
    if let calibrated, answer == .holds || answer == .fails {
      let (moved, left) = (test.distance(of: graded.uncertainty.value), test.distance(of: calibrated.uncertainty.value))
      if left / moved < 0.5 {
        let value = LabKit.plain(calibrated.uncertainty.value, 3)
        remarks = ["only the calibration moves: with each model's own temperature \(value)"]
        if accuracy != .undecided { remarks.append("the accuracy decides") }
        (answer, failing) = (accuracy, accuracy == .fails ? test.failing(plain.uncertainty) : 1)
        return
      }
    }
    if accuracy != .undecided && answer != .undecided && accuracy != answer {
      remarks = ["accuracy and graded score disagree beyond their errors: accuracy \(accuracy.rawValue)"]
      (answer, failing) = (.undecided, 1)
    }
  }

  /// One failure among several tests that chance explains is none.
  mutating func forgiveFailure(among count: Int) {
    answer = .undecided
    remarks.append("fails by itself, but not as one of \(count) tests (Holm)")
  }

  // MARK: Text

  /// The test on one line: quantity, interval, region, answer.
  public var text: String {
    guard let estimate else { return "\(label), wanted \(test.wanted): \(answer.rawValue)" + remarkText }
    let name = accuracy == nil ? label : "graded \(label)"
    var line = "\(name) = \(formatDecimal(estimate.value, 3))"
    if missing.isEmpty {
      let interval = estimate.interval()
      line += " [\(formatDecimal(interval.lowerBound, 3)), \(formatDecimal(interval.upperBound, 3))]"
    }
    if let accuracy, missing.isEmpty {
      let interval = accuracy.interval()
      line +=
        ", accuracy \(formatDecimal(accuracy.value, 3))"
        + " [\(formatDecimal(interval.lowerBound, 3)), \(formatDecimal(interval.upperBound, 3))]"
    }
    return (missing.isEmpty ? "" : "so far ") + line + ", wanted \(test.wanted): \(answer.rawValue)" + remarkText
  }

  private var remarkText: String { remarks.isEmpty ? "" : " (\(remarks.joined(separator: "; ")))" }

  /// Seeds (or pretrainings) that the published and the observed effect need, in words; nil where nothing tells.
  public var powerText: String? {
    func words(_ count: SeedCount, _ effect: String) -> String? {
      switch count {
      case .number(let seeds): "\(seeds) \(repeats) for \(effect)"
      case .never:
        "no number of \(repeats) up to a thousand for \(effect): it lies on the bound or outside, or the items are too few"
      case .unknown: nil
      }
    }
    let parts = [
      published.flatMap { words(seedsForPublished, "the published \(plain($0, 3))") },
      estimate.flatMap { words(seedsForObserved, "the observed \(plain($0.value, 3))") },
    ].compactMap { $0 }
    let condition = isUnpaired && missing.isEmpty ? ", once the results of all items are stored" : ""
    return parts.isEmpty ? nil : parts.joined(separator: ", ") + condition
  }
}
