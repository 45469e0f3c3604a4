import Foundation
import Groundwork

/// A step of an experiment as a recipe offers it: named, versioned, cached by what goes into it.
public struct Stage: Sendable {
  /// As specs call it.
  public let name: String
  /// Raise it when the same inputs give another output: everything cached or recorded becomes stale.
  public let version: Int
  /// Roles of the outputs it may build on, such as `student` and `teacher`.
  public let parents: [String]
  /// Those that it cannot do without.
  public let required: [String]
  /// Parameters it understands when it builds on these roles; others are errors before anything runs. A parameter that
  /// a spec does not give takes the variable of its name.
  public let parameters: @Sendable (Set<String>) -> [String]
  /// Throws where it cannot read its resolved parameters.
  let check: @Sendable (JSONValue) throws -> Void
  /// Whether the run's seed changes its output; a stage without is shared by all seeds.
  public let seeded: Bool
  /// Whether it measures time: nothing else of the sweep runs beside it.
  public let isTimed: Bool
  /// Contents outside the configuration that decide the output: name -> hash (checkpoint, tokenizer, data).
  public let inputs: @Sendable (JSONValue) throws -> [String: String]
  /// Does the work; what it leaves in its folder is what stages behind it find.
  public let run: @Sendable (StageContext) throws -> StageResult

  /// - Parameter parents: roles; of one that may be left out with a question mark behind it
  init(
    name: String, version: Int, parents: [String], names: @escaping @Sendable (Set<String>) -> [String],
    check: @escaping @Sendable (JSONValue) throws -> Void, seeded: Bool, isTimed: Bool = false,
    inputs: @escaping @Sendable (JSONValue) throws -> [String: String],
    run: @escaping @Sendable (StageContext) throws -> StageResult
  ) {
    self.name = name
    self.version = version
    self.parents = parents.map { $0.replacingOccurrences(of: "?", with: "") }
    required = parents.filter { !$0.hasSuffix("?") }
    parameters = names
    self.check = check
    self.seeded = seeded
    self.isTimed = isTimed
    self.inputs = inputs
    self.run = run
  }

  /// A stage that reads its configuration itself.
  /// - Parameter parameters: the names that it understands
  public init(
    name: String, version: Int, parents: [String] = [], parameters: [String], seeded: Bool = true,
    isTimed: Bool = false,
    run: @escaping @Sendable (StageContext) throws -> StageResult
  ) {
    self.init(
      name: name, version: version, parents: parents, names: { _ in parameters }, check: { _ in }, seeded: seeded,
      isTimed: isTimed, inputs: { _ in [:] }, run: run)
  }
}

/// Thrown by a stage whose input a reader has to bring along and did not: a sweep leaves the cell out with a word.
public struct InputAbsent: Error {
  /// Such as "data/text.txt in the folder that UPCYCLE_SHARED names".
  public let what: String

  /// - Parameter what: the input, and where it was looked for
  public init(_ what: String) { self.what = what }
}

/// A number a stage measured.
public struct Metric: Codable, Equatable, Sendable {
  /// In the unit that the metric's name says.
  public var value: Double
  /// Standard error over the items it was measured on; nil for exact numbers.
  public var stderr: Double?

  /// - Parameter stderr: standard error of the value, where it is an estimate
  public init(_ value: Double, stderr: Double? = nil) {
    self.value = value
    self.stderr = stderr
  }
}

/// What a stage hands back besides the files in its folder.
public struct StageResult: Codable, Equatable, Sendable {
  /// Name -> value.
  public var metrics: [String: Metric]
  /// Curves, such as `loss`: [[tokens, value], …], thinned to what a figure can show.
  public var series: [String: [[Double]]]
  /// What a model wrote; nil: nothing.
  public var texts: [String: String]?
  /// Training tokens it consumed.
  public var tokens: Int

  /// See the properties.
  public init(
    metrics: [String: Metric] = [:], series: [String: [[Double]]] = [:], texts: [String: String]? = nil, tokens: Int = 0
  ) {
    self.metrics = metrics
    self.series = series
    self.texts = texts
    self.tokens = tokens
  }

  /// The first metric or curve, by name, that holds NaN or an infinity: it could not be recorded.
  var firstNonFinite: String? {
    let bad = metrics.filter { !$0.value.value.isFinite || $0.value.stderr?.isFinite == false }.keys
    let curves = series.filter { $0.value.contains { $0.contains { !$0.isFinite } } }.keys
    return (Array(bad) + Array(curves)).min()
  }
}

/// What a running stage is given.
public struct StageContext: Sendable {
  /// A finished stage this one builds on.
  public struct Parent: Sendable {
    /// The parent's key.
    public let key: String
    /// Its output folder; read only.
    public let folder: URL

    /// - Parameter folder: the parent's output
    public init(key: String, folder: URL) {
      self.key = key
      self.folder = folder
    }
  }

  /// Resolved parameters: no variables left.
  public let config: JSONValue
  /// Role -> output.
  public let parents: [String: Parent]
  /// Where to write. It may hold what an interrupted attempt at exactly this stage left: go on from it.
  public let folder: URL
  /// A folder that the stages of all experiments share, for what saves them time and decides no result; nil: none.
  public let shared: URL?
  /// 0 for a stage that is not seeded.
  public let seed: Int
  /// Threads to work on.
  public let threads: Int
  let awaited: @Sendable (String) -> Bool
  let show: @Sendable (Int, Int, Int, String) -> Void

  /// - Parameters:
  ///   - awaited: see `isAwaited`
  ///   - show: receives (done, total, later, detail) of `progress`.
  public init(
    config: JSONValue, parents: [String: Parent] = [:], folder: URL, shared: URL? = nil, seed: Int = 0,
    threads: Int = 1, awaited: @escaping @Sendable (String) -> Bool = { _ in false },
    show: @escaping @Sendable (Int, Int, Int, String) -> Void = { _, _, _, _ in }
  ) {
    self.config = config
    self.parents = parents
    self.folder = folder
    self.shared = shared
    self.seed = seed
    self.threads = threads
    self.awaited = awaited
    self.show = show
  }

  /// The output of a role; an error names the stages that lack it.
  public func parent(_ role: String) throws -> Parent {
    guard let parent = parents[role] else {
      throw UpcycleError(
        "this stage needs a \"\(role)\" to build on", at: folder.path,
        hint: "name it in \"from\" of the experiment file")
    }
    return parent
  }

  /// Keeps what every item came to, beside the metrics; it is stored with the record of every cell that uses the stage.
  public func keep(_ items: [ItemScores]) throws { try Self.itemFile(in: folder).write([Self.itemStage: items]) }

  /// The items that a finished stage kept; nil when it kept none.
  static func items(in folder: URL) throws -> [ItemScores]? {
    let file = itemFile(in: folder)
    return file.exists ? try file.read()[itemStage] : nil
  }

  private static let itemStage = "items"
  private static func itemFile(in folder: URL) -> ItemFile {
    ItemFile(url: folder.appendingPathComponent("items.zst"))
  }

  /// Shows how far it is: `done` of `total` and a short detail such as `loss 3.2  2,140 tok/s`.
  /// - Parameter later: units of like size that will follow these
  public func progress(_ done: Int, of total: Int, _ detail: String = "", later: Int = 0) {
    show(done, total, later, detail)
  }

  /// Whether another stage of this sweep will build on the output of that role, with the same seed, in the same way.
  public func isAwaited(_ role: String) -> Bool { awaited(role) }

  /// True after Ctrl-C: save what helps to go on and return through `checkInterrupt`.
  public var isInterrupted: Bool { Interrupt.isRaised }

  /// - Throws: `Interrupted` after Ctrl-C
  public func checkInterrupt() throws { try Interrupt.check() }
}

/// The stages that experiment files may name.
public struct StageRegistry: Sendable {
  private var stages: [String: Stage] = [:]

  /// A registry without stages.
  public init() {}

  /// Adds a stage; its name must be new.
  public mutating func register(_ stage: Stage) {
    precondition(stages[stage.name] == nil, "two stages are called \(stage.name)")
    stages[stage.name] = stage
  }

  /// Names of all stages, sorted.
  public var names: [String] { stages.keys.sorted() }

  /// The stage of a name.
  /// - Throws: a usage error that lists the known ones
  public func stage(_ name: String) throws -> Stage {
    guard let stage = stages[name] else {
      throw UpcycleError.usage("no stage is called \"\(name)\"", hint: "known: \(names.joined(separator: ", "))")
    }
    return stage
  }

  func stage(_ name: String, for spec: Spec) throws -> Stage {
    guard let stage = stages[name] else {
      throw UpcycleError(
        "no stage is called \"\(name)\"", at: spec.file.path,
        hint: names.isEmpty ? "no stages are registered" : "known: \(names.joined(separator: ", "))")
    }
    return stage
  }
}
