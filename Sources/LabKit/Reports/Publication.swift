import Foundation
import Groundwork

/// Writes what readers see - csv, md and svg under `figures/` - from specs and records only.
/// The same records give the same bytes.
public struct Publication {
  /// Whose records are published.
  public let laboratory: Laboratory
  /// Which of its records.
  public let recordSet: Laboratory.RecordSet
  /// Where the files go; the scripts are always those of the checkout.
  public let folder: URL

  /// - Parameters:
  ///   - records: those committed, or this checkout's own
  ///   - folder: where the files go; `figures/` when nil, `runs/figures/` for own records
  public init(_ laboratory: Laboratory, records: Laboratory.RecordSet = .committed, into folder: URL? = nil) {
    self.laboratory = laboratory
    recordSet = records
    self.folder = folder ?? laboratory.figures(of: records)
  }

  /// The records a spec's report shows: those of its cells. (One of a cell that was renamed is nobody's.)
  public func records(_ spec: Spec, profile: String? = nil) throws -> [Record] {
    guard let settings = spec.profiles[profile ?? spec.report.profile] else { return [] }
    let cells = Set(spec.cells.map(\.id))
    return try RecordFile(url: laboratory.recordFile(spec, settings, recordSet)).read().filter {
      cells.contains($0.cell)
    }
  }

  /// Recorded runs that were made with other settings than the spec has now, or by another version of a stage.
  /// - Returns: in the order of the cells; the seed is nil where none matters
  public func staleRuns(_ spec: Spec, profile: String, registry: StageRegistry) throws -> [(cell: String, seed: Int?)] {
    let records = try records(spec, profile: profile)
    if records.isEmpty { return [] }
    let seeds = Set(records.compactMap(\.seed)).sorted()
    let recorded = Set(records.map(\.cell))
    let plan = try Plan(
      spec, profile: profile, seeds: seeds.isEmpty ? nil : seeds, cells: recorded.sorted(),
      threads: Plan.defaultThreads,
      registry: registry)
    let index = RecordIndex(records)
    return plan.jobs.filter { job in
      // Of a cell that takes seeds since then, or takes none, all records are old.
      records.contains { $0.cell == job.cell.id && ($0.seed == job.seed || $0.seed == nil || job.seed == nil) }
        && index.record(of: job, in: plan) == nil
    }.map { ($0.cell.id, $0.seed) }
  }

  /// Metrics that columns of the report show and no record has; none where there are no records.
  public func emptyColumns(_ spec: Spec) throws -> [String] {
    let table = try Table(evidence(spec))
    return spec.report.columns.indices.filter { index in
      let column = spec.report.columns[index]
      return !table.records.isEmpty && column.metric != nil && column.pending == nil
        && table.rows.allSatisfy { $0.values[index].ours == nil && $0.values[index].pending == nil }
    }.compactMap { spec.report.columns[$0].metric }
  }

  /// The answer to each claim of a spec.
  /// - Parameter profile: whose records decide; the report's when nil
  public func verdicts(_ spec: Spec, profile: String? = nil) throws -> [ClaimVerdict] {
    if spec.claims.isEmpty { return [] }
    let evidence = try evidence(spec, profile: profile)
    return try spec.claims.map { try ClaimVerdict($0, from: evidence) }
  }

  /// What claims of a spec are answered from, or would be.
  func evidence(_ spec: Spec, profile: String? = nil) throws -> ClaimEvidence {
    guard let settings = spec.profiles[profile ?? spec.report.profile] else { return ClaimEvidence(spec, records: []) }
    return ClaimEvidence(spec, records: try records(spec, profile: profile)) { record in
      let file = laboratory.itemFile(spec, settings, key: record.key, recordSet)
      return file.exists ? try file.read() : [:]
    }
  }

  /// The claims of some experiments.
  public func claims(_ specs: [Spec], profile: String? = nil) throws -> ClaimsPage {
    ClaimsPage(
      try specs.flatMap { spec in
        let records = try records(spec, profile: profile)
        return try verdicts(spec, profile: profile).map { ClaimsPage.Entry(spec: spec, verdict: $0, records: records) }
      })
  }

  /// Writes claims.md: every claim of every experiment.
  public func writeClaims() throws -> ClaimsPage {
    let page = try claims(laboratory.specs([]))
    try writeFile(page.markdown, to: folder.appendingPathComponent("claims.md"))
    return page
  }

  /// What the metrics of an experiment can tell apart.
  public func signals(_ spec: Spec, profile: String? = nil) throws -> [SignalToNoise] {
    SignalToNoise.all(try evidence(spec, profile: profile))
  }

  // MARK: Tables

  /// What is shown of a spec: our numbers with their intervals, and the answers to its claims.
  private struct Shown {
    let spec: Spec
    let table: Table
    let verdicts: [ClaimVerdict]
  }

  private func shown(_ spec: Spec, profile: String? = nil) throws -> Shown {
    let evidence = try evidence(spec, profile: profile)
    return Shown(
      spec: spec, table: try Table(evidence, profile: profile),
      verdicts: try spec.claims.map { try ClaimVerdict($0, from: evidence) })
  }

  /// A spec's report with our numbers and their intervals.
  func table(_ spec: Spec, profile: String? = nil) throws -> Table {
    try Table(evidence(spec, profile: profile), profile: profile)
  }

  /// Writes NAME.csv and, for a table, NAME.md; gives back what was written.
  /// - Parameter profile: whose records are shown; the report's when nil
  public func writeTable(_ spec: Spec, profile: String? = nil) throws -> [URL] {
    try write(shown(spec, profile: profile))
  }

  @discardableResult
  private func write(_ shown: Shown) throws -> [URL] {
    let (spec, table) = (shown.spec, shown.table)
    let base = folder.appendingPathComponent(spec.name)
    let fields = spec.report.fields
    let csv =
      spec.report.series.map { fields.isEmpty ? table.curves($0) : table.points($0, fields: fields) } ?? table.csv
    try writeFile(csv.text, to: base.appendingPathExtension("csv"))
    if spec.report.kind == .figure { return [base.appendingPathExtension("csv")] }
    try writeFile(table.markdown(shown.verdicts), to: base.appendingPathExtension("md"))
    return [base.appendingPathExtension("csv"), base.appendingPathExtension("md")]
  }

  // MARK: Figures

  /// Draws NAME.svg from NAME.csv with NAME.gp; nil when a table has no script.
  public func writeFigure(_ spec: Spec, profile: String? = nil, png: Bool = false) throws -> URL? {
    guard let script = try script(of: spec) else { return nil }
    let shown = try shown(spec, profile: profile)
    try write(shown)
    return try draw(shown, script, png: png)
  }

  private func script(of spec: Spec) throws -> FigureScript? {
    let file = laboratory.figures.appendingPathComponent("\(spec.name).gp")
    if FileManager.default.fileExists(atPath: file.path) { return FigureScript(file: file) }
    if spec.report.kind == .table { return nil }
    throw UpcycleError("this figure has no gnuplot script", at: file.path)
  }

  private func svg(of spec: Spec) -> URL { folder.appendingPathComponent("\(spec.name).svg") }

  /// The script writes "not run yet" where no row holds numbers of ours; one that cannot is left out until there are.
  @discardableResult
  private func draw(_ shown: Shown, _ script: FigureScript, png: Bool) throws -> URL? {
    let svg = svg(of: shown.spec)
    do {
      try script.draw(
        csv: folder.appendingPathComponent("\(shown.spec.name).csv"), to: svg,
        ours: shown.table.rowsRun, png: png)
    } catch let error as UpcycleError where shown.table.rowsRun == 0 {
      printNote("note: \(shown.spec.name) has no records, and no picture: \(error)")
      try? FileManager.default.removeItem(at: svg)
      return nil
    }
    return svg
  }

  // MARK: One page

  /// Writes index.html and README.md: every claim, table and figure, and their list, from the records and the pictures in
  /// `folder`; gives back the first.
  public func writePage() throws -> URL { try writePage(laboratory.specs([]).map { try shown($0) }) }

  @discardableResult
  private func writePage(_ everything: [Shown]) throws -> URL {
    let items = try everything.map { shown in
      let svg = svg(of: shown.spec)
      return ReportPage.Item(
        spec: shown.spec, table: shown.table,
        svg: FileManager.default.fileExists(atPath: svg.path)
          ? String(decoding: try readFile(svg), as: UTF8.self) : nil,
        verdicts: shown.verdicts)
    }
    let file = folder.appendingPathComponent("index.html")
    try writeFile(ReportPage(items: items, claims: claims(of: everything)).html, to: file)
    try writeFile(FigureList(items: items).markdown, to: folder.appendingPathComponent("README.md"))
    return file
  }

  private func claims(of everything: [Shown]) -> ClaimsPage {
    ClaimsPage(
      everything.flatMap { shown in
        shown.verdicts.map { ClaimsPage.Entry(spec: shown.spec, verdict: $0, records: shown.table.records) }
      })
  }

  // MARK: Everything

  /// Regenerates every file; gives back the paths below `folder`, sorted.
  @discardableResult
  public func writeEverything(png: Bool = false) throws -> [String] {
    let everything = try laboratory.specs([]).map { try shown($0) }
    for shown in everything {
      try write(shown)
      if let script = try script(of: shown.spec) { try draw(shown, script, png: png) }
    }
    try writeFile(claims(of: everything).markdown, to: folder.appendingPathComponent("claims.md"))
    try writePage(everything)
    return try Self.generated(in: folder)
  }

  /// Regenerates everything into a temporary folder and lists every file that differs from the committed
  /// one, is missing, or is left over; empty when all is as it should be. Pictures (png) are not compared.
  public func differences() throws -> [String] {
    let temporary = FileManager.default.temporaryDirectory
      .appendingPathComponent("upcycle-figures-\(getpid())-\(UInt32.random(in: 0...UInt32.max))")
    defer { try? FileManager.default.removeItem(at: temporary) }
    let expected = Set(try Publication(laboratory, into: temporary).writeEverything())
    let present = Set(try Self.generated(in: folder))
    return try expected.union(present).sorted().compactMap { name in
      if !present.contains(name) { return "\(name): missing" }
      if !expected.contains(name) { return "\(name): nothing generates it" }
      let (old, new) = (
        try readFile(folder.appendingPathComponent(name)), try readFile(temporary.appendingPathComponent(name))
      )
      return old == new ? nil : "\(name): differs from what the records give"
    }
  }

  /// Tables of exact numbers without a record: they cost arithmetic only, so an empty one was forgotten.
  public func emptyExactTables() throws -> [String] {
    try laboratory.specs([]).filter { try $0.pending == nil && $0.report.isExact && records($0).isEmpty }
      .map { "\($0.name): empty although its numbers are exact; lab run \($0.name) fills it" }
  }

  private static func generated(in folder: URL) throws -> [String] {
    var names = ["README.md", "claims.md", "index.html"].filter {
      FileManager.default.fileExists(atPath: folder.appendingPathComponent($0).path)
    }
    for paper in try Laboratory.entries(folder) {
      guard (try? paper.resourceValues(forKeys: [.isDirectoryKey]).isDirectory) == true else { continue }
      names += try Laboratory.entries(paper).filter { ["csv", "md", "svg"].contains($0.pathExtension) }
        .map { "\(paper.lastPathComponent)/\($0.lastPathComponent)" }
    }
    return names.sorted()
  }
}
