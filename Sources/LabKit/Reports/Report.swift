import Groundwork

/// What of a spec's records is shown, and how.
public struct Report: Sendable {
  /// What the spec's records become.
  public enum Kind: String, CaseIterable, Sendable { case table, figure }
  /// `beside`: one line a row, paper and ours in neighbouring columns (few values).
  /// `stacked`: a line for the paper and one for ours below it (many values).
  public enum Layout: String, CaseIterable, Sendable { case beside, stacked }

  /// A table or a figure.
  public let kind: Kind
  /// How a table sets the paper's and our numbers.
  public let layout: Layout
  /// The profile whose records are shown.
  public let profile: String
  /// From left to right.
  public let columns: [Column]
  /// A figure of curves shows this recorded series (`alias.name`) instead of the columns.
  public let series: String?
  /// What the numbers of a point of `series` are, where it is no curve; such points are shown as the first seed has
  /// them.
  public let fields: [String]
  /// What a cell's baseline is, in words: "base" unless said otherwise.
  public let baseline: String
  /// Lines below the table.
  public let notes: [String]

  /// Whether every number of ours that stands beside a published one must equal it: arithmetic, nothing is trained.
  public var isExact: Bool {
    let compared = columns.filter { $0.published != nil && $0.metric != nil }
    return !compared.isEmpty && compared.allSatisfy(\.exact)
  }

  /// - Parameters:
  ///   - columnSets: lists of columns that several reports share; `{ use: "name" }` stands for one
  ///   - noteSets: the same of notes
  init(
    _ value: JSONValue, columnSets: [String: JSONValue], noteSets: [String: JSONValue], path: String, file: String
  ) throws {
    let object = try JSONObject(
      value, at: path, in: file,
      known: ["kind", "layout", "profile", "columns", "series", "fields", "baseline", "notes"])
    kind = try Self.choice(object, "kind", .table)
    layout = try Self.choice(object, "layout", .beside)
    profile = try object.string("profile") ?? "micro"
    columns = try Self.spliced(object, "columns", columnSets, named: "column_sets") {
      try Column($0, path: $1, file: file)
    }
    series = try object.string("series")
    fields = try object.strings("fields") ?? []
    baseline = try object.string("baseline") ?? "base"
    notes = try Self.spliced(object, "notes", noteSets, named: "note_sets") { value, place in
      guard let note = value.string else {
        throw UpcycleError("\(place) is no note", at: file, expected: "text, or { use: \"name\" }", found: value.kind)
      }
      return note
    }
    if layout == .stacked, let column = columns.first(where: \.sameScale) {
      throw UpcycleError(
        "\(path) shows the difference of \"\(column.header)\" (same_scale), for which stacked lines have no room",
        at: file,
        expected: "layout \"beside\"")
    }
    let names = columns.map(\.name)
    if let twice = names.first(where: { name in names.filter { $0 == name }.count > 1 }) {
      throw UpcycleError("two columns are named \"\(twice)\"", at: file, hint: "give one a \"name\"")
    }
  }

  /// A list in which `{ use: "name" }` stands for the items of a set.
  private static func spliced<Item>(
    _ object: JSONObject, _ key: String, _ sets: [String: JSONValue], named name: String,
    _ item: (JSONValue, String) throws -> Item
  ) throws -> [Item] {
    try object.list(key) { value, place -> [Item] in
      guard value.object?["use"] != nil else { return [try item(value, place)] }
      let use = try JSONObject(value, at: place, in: object.file, known: ["use"]).string("use") ?? ""
      guard let set = sets[use]?.array else {
        throw UpcycleError(
          "\(place) uses unknown \(key) \"\(use)\"", at: object.file,
          hint: "\(name): \(sets.keys.sorted().joined(separator: ", "))")
      }
      return try set.enumerated().map { try item($1, "\(name).\(use)[\($0)]") }
    }.flatMap { $0 }
  }

  private static func choice<T: RawRepresentable & CaseIterable>(
    _ object: JSONObject, _ key: String, _ fallback: T
  ) throws -> T where T.RawValue == String {
    guard let text = try object.string(key) else { return fallback }
    guard let value = T(rawValue: text) else {
      throw UpcycleError(
        "\(object.place(key)) is unknown", at: object.file,
        expected: T.allCases.map(\.rawValue).joined(separator: " or "),
        found: "\"\(text)\"")
    }
    return value
  }
}

/// One column: a published value, ours, or both.
public struct Column: Sendable {
  /// What stands above it.
  public let header: String
  /// Its name in the CSV.
  public let name: String
  /// The published table's column.
  public let published: String?
  /// Whose value that is: "paper" unless said otherwise.
  public let publishedBy: String
  /// `alias.metric` of the records; variables in braces are those of a cell.
  public private(set) var metric: String?
  /// Or the mean of these, where the paper's average is over fewer tasks than a stage's; empty: not so.
  public let meanOf: [String]
  /// Ours when it is a setting and not a measurement: text with `{variable}`s.
  public let ours: String?
  /// Digits behind the point, 0 to 6.
  public let digits: Int
  /// Our value is multiplied by this (published values are taken as printed).
  public let scale: Double
  /// An exact number, in which nothing is random: must equal the published one to its printed digits, or the table says
  /// so.
  public let exact: Bool
  /// Whether paper and ours measure the same thing on one scale: then their difference stands beside them.
  public let sameScale: Bool
  /// Also show the difference to the cell's baseline, for the paper and for ours.
  public let againstBaseline: Bool
  /// Also show what share of the baseline's value is kept, of the paper's base for the paper and of our base for ours: two
  /// benchmarks whose scores cannot be compared are compared by it.
  public let kept: Bool
  /// Why our side of the column is empty.
  public let pending: String?
  /// Where this recorded series falls to the final level of the cell's baseline (tokens, for a loss).
  public let reach: String?

  init(_ value: JSONValue, path: String, file: String) throws {
    let object = try JSONObject(
      value, at: path, in: file,
      known: [
        "header", "name", "published", "published_by", "metric", "mean_of", "ours", "digits", "scale", "exact",
        "same_scale", "against_baseline", "kept", "pending", "reach",
      ])
    header = try object.required("header", object.string)
    name =
      try object.string("name")
      ?? String(header.lowercased().map { $0.isLetter || $0.isNumber ? $0 : $0 == "%" ? "p" : "_" })
    published = try object.string("published")
    publishedBy = try object.string("published_by") ?? "paper"
    metric = try object.string("metric")
    meanOf = try object.strings("mean_of") ?? []
    if Set(meanOf).count != meanOf.count { throw object.fail("mean_of", expected: "metrics, each once") }
    ours = try object.string("ours")
    digits = try object.int("digits") ?? 2
    scale = try object.double("scale") ?? 1
    exact = try object.bool("exact") ?? false
    sameScale = try object.bool("same_scale") ?? false
    againstBaseline = try object.bool("against_baseline") ?? false
    kept = try object.bool("kept") ?? false
    pending = try object.string("pending")
    reach = try object.string("reach")
    if !(0...6).contains(digits) {
      throw UpcycleError("\(path).digits is out of range", at: file, expected: "0 to 6", found: "\(digits)")
    }
  }

  /// With a cell's variables put into its metric.
  func filled(by scope: [String: JSONValue], in file: String) throws -> Column {
    guard let metric, metric.contains("{") else { return self }
    var column = self
    column.metric = try Matrix.fill(metric, scope, in: file)
    return column
  }

  /// What its number is the mean of; empty: it measures none.
  var metrics: [String] { metric.map { [$0] } ?? meanOf }

  /// Whether paper and ours may be subtracted.
  var isCompared: Bool { published != nil && (exact || sameScale) }

  /// Whether records (rather than settings) fill it.
  public var isMeasured: Bool { metric != nil || !meanOf.isEmpty || reach != nil || pending != nil }
}
