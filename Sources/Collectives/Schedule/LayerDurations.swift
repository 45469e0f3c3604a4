import Groundwork

/// How long one collective occupies the links, in milliseconds. Both kinds of link carry their share at the same
/// time; the collective is over when the slower one has delivered.
public struct CollectiveTime: Equatable, Sendable {
  /// Links inside a node.
  public var intra: Double
  /// Links between nodes.
  public var inter: Double

  init(intra: Double, inter: Double = 0) {
    self.intra = intra
    self.inter = inter
  }

  /// Milliseconds from its start to its end.
  public var milliseconds: Double { max(intra, inter) }
}

extension CollectiveTime: ExpressibleByFloatLiteral, ExpressibleByIntegerLiteral {
  /// Milliseconds on links inside a node.
  public init(floatLiteral value: Double) { self.init(intra: value) }
  /// The same.
  public init(integerLiteral value: Int) { self.init(intra: Double(value)) }
}

/// The seven sub-operations of one mixture-of-experts block in milliseconds, alone on their stream. The letters are
/// those of `farskip simulate --durations`.
///
/// In training with expert parallelism `dispatch` and `combine` are the two all-to-alls. In inference with tensor and
/// expert parallelism they are the two all-reduces: of the attention output (merged with the shared expert's in
/// FarSkip) and of the routed output.
public struct LayerDurations: Equatable, Sendable {
  /// A: LN1 and the query, key and value projections.
  public var projections: Double
  /// B: core attention, output projection, residual sum.
  public var core: Double
  /// G: LN2, router, permutation by destination.
  public var gate: Double
  /// D: the collective before the experts.
  public var dispatch: CollectiveTime
  /// E: the routed experts.
  public var experts: Double
  /// C: the collective after the experts.
  public var combine: CollectiveTime
  /// S: the shared expert; 0 where there is none.
  public var shared: Double

  /// Milliseconds, 0 or more.
  public init(
    projections: Double, core: Double, gate: Double, dispatch: CollectiveTime, experts: Double,
    combine: CollectiveTime, shared: Double
  ) {
    self.projections = projections
    self.core = core
    self.gate = gate
    self.dispatch = dispatch
    self.experts = experts
    self.combine = combine
    self.shared = shared
  }

  /// Durations of the backward pass: twice the products, the same bytes. `combine` is then the all-to-all of the
  /// combine's gradient, which comes first.
  public var backward: LayerDurations { slowed(by: 2) }

  /// All computation multiplied by `factor`, communication as it is.
  func slowed(by factor: Double) -> LayerDurations {
    LayerDurations(
      projections: factor * projections, core: factor * core, gate: factor * gate, dispatch: dispatch,
      experts: factor * experts, combine: combine, shared: factor * shared)
  }

  /// Half the tokens on links without latency: half of everything.
  public var half: LayerDurations {
    var half = slowed(by: 0.5)
    half.dispatch = CollectiveTime(intra: dispatch.intra / 2, inter: dispatch.inter / 2)
    half.combine = CollectiveTime(intra: combine.intra / 2, inter: combine.inter / 2)
    return half
  }

  /// Milliseconds of computation in one block.
  public var computation: Double { projections + core + gate + experts + shared }
  /// Milliseconds of communication in one block, alone.
  public var communication: Double { dispatch.milliseconds + combine.milliseconds }
}

extension LayerDurations {
  /// Reads `A=2,B=3,G=1,D=4,E=5,C=4,S=2` (milliseconds, any order, every letter once).
  /// - Throws: usage errors that name the letter
  public init(parsing text: String) throws {
    let letters = ["A", "B", "G", "D", "E", "C", "S"]
    let form = "such as A=2,B=3,G=1,D=4,E=5,C=4,S=2"
    var values: [String: Double] = [:]
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let sides = part.split(separator: "=", omittingEmptySubsequences: false).map { $0.trimmingSpaces }
      guard sides.count == 2, letters.contains(sides[0]) else {
        throw UpcycleError.usage("is not a list of durations", field: "durations", expected: form, found: String(part))
      }
      guard let value = Double(sides[1]), value.isFinite, value >= 0 else {
        throw UpcycleError.usage(
          "\(sides[0]) is no duration", field: "durations", expected: "milliseconds, 0 or more", found: sides[1])
      }
      if values.updateValue(value, forKey: sides[0]) != nil {
        throw UpcycleError.usage("gives \(sides[0]) twice", field: "durations", expected: form)
      }
    }
    let missing = letters.filter { values[$0] == nil }
    if !missing.isEmpty {
      throw UpcycleError.usage("lacks \(missing.joined(separator: ", "))", field: "durations", expected: form)
    }
    self.init(
      projections: values["A"]!, core: values["B"]!, gate: values["G"]!, dispatch: CollectiveTime(intra: values["D"]!),
      experts: values["E"]!, combine: CollectiveTime(intra: values["C"]!), shared: values["S"]!)
  }
}

extension Substring {
  fileprivate var trimmingSpaces: String {
    String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
  }
}
