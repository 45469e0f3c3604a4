import Foundation
import Groundwork

/// One experiment file: one table, figure or sweep of a paper. It says what to run, which numbers the
/// run must produce, what was published, and which claims the numbers are to answer.
public struct Spec: Sendable {
  /// `paper/item`, such as `xecomla/table3`: the file's place below `experiments/` without `.json5`.
  public let name: String
  /// Where it was read from.
  public let file: URL
  /// What the table or figure is called.
  public let title: String
  /// Where in the paper, such as "X-EcoMLA Table 3".
  public let place: String
  /// What must exist before anything of this spec can run; nil when it runs.
  public let pending: String?
  /// Every variable that cells and profiles may set, with its default (null: must be set where used).
  public let defaults: [String: JSONValue]
  /// By name: smoke, micro, full, paper.
  public let profiles: [String: Profile]
  /// Stages in order, by the pipeline's name.
  public let pipelines: [String: [StageUse]]
  /// Rows of the table or points of the figure, in order.
  public let cells: [Cell]
  /// The paper's numbers, where it has any.
  public let published: PublishedTable?
  /// Variables that cells are multiplied by.
  let axes: [String]
  /// What is shown of the records.
  public let report: Report
  /// What the paper asserts.
  public let claims: [Claim]
  /// Percent that guessing scores, by task (`recall`, `avg`) or by stage (`ruler`): scores near it are at their floor.
  let chance: [String: Double]
  /// Standard deviation over seeds by task or stage, as measured elsewhere: for the plans of experiments without repeats
  /// of their own.
  let noise: [String: Double]

  /// The part of the name before the slash.
  public var paper: String { String(name.split(separator: "/").first ?? "") }
  /// The part of the name behind the slash.
  public var item: String { String(name.split(separator: "/").last ?? "") }

  /// The profile of this name.
  /// - Throws: a usage error that lists the known ones
  public func profile(_ name: String) throws -> Profile {
    guard let profile = profiles[name] else {
      throw UpcycleError.usage(
        "\(self.name) has no profile \"\(name)\"",
        hint: "known: \(profiles.keys.sorted().joined(separator: ", "))")
    }
    return profile
  }

  /// The cell of this id.
  public func cell(_ id: String) -> Cell? { cells.first { $0.id == id } }

  /// What guessing scores in a metric such as `scores.avg` or `ruler.2048`; nil for what is no score.
  func chance(of metric: String) -> Double? { Self.entry(metric, in: chance) }

  /// The standard deviation over seeds to plan a metric's repeats with; nil when none was measured.
  func noise(of metric: String) -> Double? { Self.entry(metric, in: noise) }

  /// By the metric without its stage, or else by its stage.
  private static func entry(_ metric: String, in table: [String: Double]) -> Double? {
    let parts = metric.split(separator: ".", maxSplits: 1).map(String.init)
    guard parts.count == 2 else { return nil }
    let task = parts[1].split(separator: ".").last.map(String.init) ?? parts[1]
    return table[parts[1]] ?? table[task] ?? table[parts[0]]
  }
}

/// How much work a run of a spec spends: seeds, budgets, sizes.
public struct Profile: Sendable {
  /// Its name.
  public let name: String
  /// In words, for table headers: "0.5 M tokens a trained cell, 200 items a task".
  public let about: String
  /// Seeds of the trained stages; at least one.
  public let seeds: [Int]
  /// Variables this profile sets; a profile has the last word over cells and defaults.
  public let set: [String: JSONValue]
  /// What it sets in some cells alone, in this order, over `set`.
  public let rules: [Rule]
  /// Run only this many cells (smoke: the first with the longest pipeline); nil for all.
  public let limit: Int?
  /// Why this profile needs the user's explicit consent (`--yes`), if it does.
  public let consent: String?
  /// Whether its records are kept in `experiments/` (otherwise under `runs/`).
  public let recorded: Bool
  /// Whether its sizes are the published ones, for which the models of the ladder stand in.
  public var hasPublishedSizes: Bool { name == "paper" }

  /// What a profile sets in the cells whose variables have certain values.
  public struct Rule: Sendable {
    /// Those variables, and their values.
    public let when: [String: JSONValue]
    /// Variables that are set.
    public let set: [String: JSONValue]
  }

  init(_ value: JSONValue, name: String, path: String, file: String) throws {
    let object = try JSONObject(
      value, at: path, in: file, known: ["about", "seeds", "set", "rules", "limit", "consent", "recorded"])
    self.name = name
    about = try object.string("about") ?? ""
    seeds = try object.required("seeds", object.array).map { item in
      guard let seed = item.int, seed >= 0 else {
        throw UpcycleError("\(path).seeds holds something else than seeds", at: file, found: item.kind)
      }
      return seed
    }
    if seeds.isEmpty || Set(seeds).count != seeds.count {
      throw UpcycleError("\(path).seeds is empty or repeats a seed", at: file)
    }
    set = try object.object("set")?.values ?? [:]
    rules = try object.list("rules") { value, place in
      let rule = try JSONObject(value, at: place, in: file, known: ["when", "set"])
      return Rule(
        when: try rule.required("when") { try rule.object($0) }.values,
        set: try rule.required("set") { try rule.object($0) }.values)
    }
    limit = try object.int("limit")
    if let limit, limit < 1 { throw object.fail("limit", expected: "1 or more cells") }
    consent = try object.string("consent")
    recorded = try object.bool("recorded") ?? true
  }

  /// Every variable that it names.
  var variables: Set<String> {
    rules.reduce(into: Set(set.keys)) { $0.formUnion(Array($1.when.keys) + Array($1.set.keys)) }
  }
}

/// One stage in a pipeline: which registered stage, under which alias, on whose outputs, with what.
public struct StageUse: Sendable {
  /// The name other stages, metrics and columns know it by.
  public let alias: String
  /// The registered stage's name.
  public let stage: String
  /// Role of the stage -> alias of an earlier stage of the same pipeline.
  public let from: [String: String]
  /// Parameters; `"$name"` is a variable, `"= expression"` arithmetic over variables. Those that do not stand here take
  /// the variables of their names; null says that one takes none.
  public let with: [String: JSONValue]

  init(_ value: JSONValue, path: String, file: String) throws {
    let object = try JSONObject(value, at: path, in: file, known: ["as", "stage", "from", "with"])
    stage = try object.required("stage", object.string)
    alias = try object.string("as") ?? stage
    from = try (object.object("from")?.values ?? [:]).mapValues { item in
      guard let alias = item.string else {
        throw UpcycleError("\(path).from names something else than stages", at: file, found: item.kind)
      }
      return alias
    }
    with = try object.object("with")?.values ?? [:]
  }
}

/// One thing to run and to report: a row of a table, a point of a figure.
public struct Cell: Sendable {
  /// Names the cell in records, tables and claims.
  public let id: String
  /// The published row it stands for, by index.
  public let row: Int?
  /// Variables that it sets, over the spec's defaults.
  public let values: [String: JSONValue]
  /// The pipeline it runs; nil when nothing stands for this row yet.
  public let pipeline: String?
  /// What must exist before it can run.
  public let pending: String?
  /// Why there is nothing to run: its published row is shown and no more.
  public let quoted: String?
  /// The cell that differences "against the base" refer to.
  public let baseline: String?
  /// Its exact columns depend on the data (dynamic ranks), so they are shown but not compared.
  public let isInexact: Bool
}

/// Numbers of a paper: a CSV under `experiments/<paper>/published`, whose first line names the source.
public struct PublishedTable: Sendable {
  /// Its name.
  public let name: String
  /// The paper's table or figure, as the file's first comment says.
  public let source: String
  /// Names of the columns.
  public let columns: [String]
  /// Fields as printed, by row.
  public let rows: [[String]]

  init(_ name: String, beside spec: URL) throws {
    self.name = name
    let csv = try CSV(contentsOf: Spec.file(name, beside: spec))
    try csv.requireFiniteNumbers()
    source = csv.comments.first.map { String($0.drop { $0 == "#" || $0 == " " }) } ?? ""
    columns = csv.header
    rows = csv.rows
  }

  /// The text of a published number; nil for an absent column or an empty field.
  func text(_ column: String, row: Int) -> String? {
    guard let index = columns.firstIndex(of: column), rows.indices.contains(row) else { return nil }
    return rows[row][index].isEmpty ? nil : rows[row][index]
  }
}
