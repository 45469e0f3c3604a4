import Foundation
import Groundwork

/// A spec's report filled from records: per cell and column what was published and what we measured.
struct Table {
  /// The paper's number and ours.
  struct Pair: Equatable {
    var published: Double?
    var ours: Double?
  }

  struct Value {
    var published: String?
    /// One number per seed, scaled.
    var ours: Sample?
    /// Seeds behind it; nil where nothing in it is random: arithmetic, a base that is given.
    var seeds: Int?
    /// Half the width of its 95 % interval over seeds and items, scaled; nil for fewer than two seeds.
    var interval: Double?
    /// Item-sampling standard error of our value (mean over seeds), scaled.
    var stderr: Double?
    /// Ours when it is a setting.
    var setting: String?
    /// Differences to the baseline cell; where claims pair seeds, ours is of the seeds that both have, as is the share.
    var againstBaseline: Pair?
    /// Half the width of our difference's 95 % interval.
    var againstBaselineInterval: Double?
    /// Shares of the baseline's value in percent, each side's of its own; none of a baseline at 0.
    var kept: Pair?
    /// Half the width of our share's 95 % interval.
    var keptInterval: Double?
    /// Why ours is empty although the cell ran.
    var pending: String?
    /// Whether exact numbers can be expected to agree (not when the data choose the ranks).
    var isComparable = true

    var publishedNumber: Double? { published.flatMap { Double($0) } }

    /// Ours minus the published value.
    var difference: Double? {
      guard let ours, let number = publishedNumber else { return nil }
      return ours.mean - number
    }

    /// Whether an exact value equals the published one to its printed digits ("8e-5" has one, the fifth behind the point);
    /// nil without both.
    var agrees: Bool? {
      guard isComparable, let difference, let published else { return nil }
      let parts = published.lowercased().split(separator: "e")
      let decimals = parts.first?.split(separator: ".").dropFirst().first?.count ?? 0
      let exponent = parts.dropFirst().first.flatMap { Int($0) } ?? 0
      return difference.magnitude <= 0.5 * pow(10, Double(exponent - decimals)) * (1 + 1e-9)
    }
  }

  struct Row {
    let cell: Cell
    let values: [Value]
    let records: [Record]
    /// Why there is nothing of ours, in words.
    let pending: String?

    /// Seeds measured, such as "1, 2, 3"; "any" when none matters; empty when nothing ran.
    var seeds: String {
      if records.isEmpty { return "" }
      let seeds = records.compactMap(\.seed).sorted()
      return seeds.isEmpty ? "any" : seeds.map(String.init).joined(separator: ", ")
    }
  }

  /// A setting of ours in words. A row that is ours alone is named by its cell, where nothing else names it or where the
  /// other rows have the paper's names.
  func setting(_ row: Row, at index: Int) -> String? {
    let own = row.values[index].setting
    guard index == 0, row.cell.row == nil, own != row.cell.id, own == nil || spec.published != nil else {
      return own.map(Self.shown)
    }
    return own.map { "\(row.cell.id): \(Self.shown($0))" } ?? row.cell.id
  }

  /// A setting that is a number of more than four significant digits with four; whole numbers are counts and stay.
  static func shown(_ setting: String) -> String {
    guard let number = Double(setting), number.isFinite, number != number.rounded() else { return setting }
    let digits = setting.prefix { $0 != "e" && $0 != "E" }.filter(\.isNumber).drop { $0 == "0" }
    if digits.count <= 4 { return setting }
    return abs(number) < 1000 ? String(format: "%.4g", number) : String(format: "%.0f", number)
  }

  let spec: Spec
  let profile: String
  let rows: [Row]
  let records: [Record]
  /// Rows with records.
  var rowsRun: Int { rows.count { $0.cell.quoted == nil && !$0.records.isEmpty } }
  /// All but those that only quote the paper.
  var rowsToRun: Int { rows.count { $0.cell.quoted == nil } }
  /// How much of a table is run.
  enum Coverage: String { case complete, partial, none = "not run" }
  var coverage: Coverage { rowsRun == 0 ? .none : rowsRun == rowsToRun ? .complete : .partial }
  /// Seeds of any row.
  var seeds: [Int] { Set(records.compactMap(\.seed)).sorted() }

  /// - Parameter profile: the records'; the report's when nil
  init(_ evidence: ClaimEvidence, profile: String? = nil) throws {
    let spec = evidence.spec
    self.spec = spec
    self.profile = profile ?? spec.report.profile
    let cells = Set(spec.cells.map(\.id))
    let records = evidence.records.filter { cells.contains($0.cell) }
    self.records = records
    let byCell = Dictionary(grouping: records, by: \.cell)
    let settings = spec.profiles[self.profile]
    rows = try spec.cells.map { cell in
      let own = byCell[cell.id] ?? []
      var scope = spec.defaults.merging(cell.values) { $1 }
      scope.merge(settings?.set ?? [:]) { $1 }
      return Row(
        cell: cell,
        values: try spec.report.columns.map {
          try Self.value($0.filled(by: scope, in: spec.file.path), cell, evidence, byCell, scope: scope)
        },
        records: own,
        pending: own.isEmpty ? cell.quoted ?? Footnotes.text(cell.pending ?? spec.pending ?? "run it") : nil)
    }
  }
}

/// Rounded to at most `digits` decimals, without trailing zeros.
func plain(_ value: Double, _ digits: Int = 6) -> String {
  var text = formatDecimal(value, digits)
  if text.contains(".") {
    while text.hasSuffix("0") { text.removeLast() }
    if text.hasSuffix(".") { text.removeLast() }
  }
  return text
}

func signed(_ value: Double, _ digits: Int) -> String {
  let text = formatDecimal(value, digits)
  return text.hasPrefix("-") || Double(text) == 0 ? text : "+" + text
}
