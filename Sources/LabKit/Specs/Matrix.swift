import Foundation
import Groundwork

/// Expands a spec's matrix into cells: every row of the published table through rules, the product of
/// axes, and cells written out.
struct Matrix {
  /// What a rule, an axis value or a written cell says about the cells it applies to.
  private struct Setting {
    var when: [String: [String]] = [:]
    var set: [String: JSONValue] = [:]
    var pipeline: String?
    var pending: String?
    var quoted: String?
    var baseline: String?
    var inexact: Bool?

    static let keys = ["set", "pipeline", "pending", "quoted", "baseline", "inexact"]

    init(_ object: JSONObject) throws {
      set = try object.object("set")?.values ?? [:]
      pipeline = try object.string("pipeline")
      pending = try object.string("pending")
      quoted = try object.string("quoted")
      baseline = try object.string("baseline")
      inexact = try object.bool("inexact")
      for (column, value) in try object.object("when")?.values ?? [:] {
        when[column] = (value.array ?? [value]).map(\.plainText)
      }
    }
  }

  let cells: [Cell]
  let published: PublishedTable?
  /// The variables of its axes.
  let axes: [String]
  private static let mostCells = 10_000

  init(_ value: JSONValue, file: URL, defaults: [String: JSONValue]) throws {
    let path = file.path
    let object = try JSONObject(
      value, at: "matrix", in: path,
      known: ["published", "id", "rules", "axes", "cells", "pipeline", "pending", "baseline"])
    let shared = try (
      pipeline: object.string("pipeline"), pending: object.string("pending"), baseline: object.string("baseline")
    )
    published = try object.string("published").map { try PublishedTable($0, beside: file) }
    let template = try object.string("id")
    let rules = try object.list("rules") { value, place in
      try Setting(JSONObject(value, at: place, in: path, known: Setting.keys + ["when"]))
    }
    let axes = try object.list("axes") { try Self.axis($0, place: $1, file: path) }
    let fields = (published?.columns ?? []) + axes.map(\.0)
    if let column = rules.flatMap({ $0.when.keys }).first(where: { !fields.contains($0) }) {
      throw UpcycleError(
        "matrix.rules asks for a column that was not published: \"\(column)\"", at: path,
        hint: "published or an axis: \(fields.joined(separator: ", "))")
    }
    var cells: [Cell] = []
    var matched: Set<Int> = []

    /// A cell of a published row or of the axes, as the rules say.
    func add(row: Int?, _ fields: [String: JSONValue], values: [String: JSONValue]) throws {
      guard let template else { throw UpcycleError("matrix.id is missing", at: path) }
      let places = rules.indices.filter { place in
        rules[place].when.allSatisfy { $0.value.contains(fields[$0.key]?.plainText ?? "") }
      }
      matched.formUnion(places)
      let applying = places.map { rules[$0] }
      cells.append(
        Cell(
          id: try Self.fill(template, fields, in: path), row: row,
          values: applying.reduce(into: values) { $0.merge($1.set) { _, new in new } },
          pipeline: applying.compactMap(\.pipeline).last ?? shared.pipeline,
          pending: applying.compactMap(\.pending).last ?? shared.pending,
          quoted: applying.compactMap(\.quoted).last,
          baseline: applying.compactMap(\.baseline).last ?? shared.baseline,
          isInexact: applying.compactMap(\.inexact).last ?? false))
    }
    for (index, row) in (published?.rows ?? []).enumerated() {
      let fields = Dictionary(zip(published!.columns, row)) { first, _ in first }
      try add(row: index, fields.mapValues { .string($0) }, values: [:])
    }
    let size = axes.reduce((published?.rows.count ?? 0) + 1) { cappedProduct($0, max(1, $1.1.count)) }
    if size > Self.mostCells {
      throw UpcycleError(
        "the matrix has too many cells", at: path, expected: "at most \(formatCount(Self.mostCells))",
        found: size == .max ? "more than can be counted" : formatCount(size))
    }
    for values in Self.product(axes) { try add(row: nil, values, values: values) }
    if let idle = rules.indices.first(where: { !matched.contains($0) }) {
      let wanted = rules[idle].when.sorted { $0.key < $1.key }.map {
        "\($0.key): \($0.value.joined(separator: " or "))"
      }
      throw UpcycleError(
        "matrix.rules[\(idle)] is of no row", at: path, expected: "a row with \(wanted.joined(separator: ", "))",
        hint: "as published, or as an axis says")
    }

    cells += try object.list("cells") { value, place in
      let inner = try JSONObject(value, at: place, in: path, known: Setting.keys + ["id"])
      let setting = try Setting(inner)
      return Cell(
        id: try inner.required("id", inner.string), row: nil, values: setting.set,
        pipeline: setting.pipeline ?? shared.pipeline, pending: setting.pending ?? shared.pending,
        quoted: setting.quoted, baseline: setting.baseline ?? shared.baseline, isInexact: setting.inexact ?? false)
    }

    try Self.check(cells, defaults, in: path)
    self.cells = cells
    self.axes = axes.map(\.0)
  }

  /// Refuses cells with variables or baselines that there are not, and two of one name.
  private static func check(_ cells: [Cell], _ defaults: [String: JSONValue], in path: String) throws {
    for cell in cells {
      if let unknown = cell.values.keys.sorted().first(where: { defaults[$0] == nil }) {
        throw UpcycleError(
          "cell \"\(cell.id)\" sets an unknown variable \"\(unknown)\"", at: path,
          hint: "\"defaults\" declares \(defaults.keys.sorted().joined(separator: ", "))")
      }
    }
    let ids = cells.map(\.id)
    if let twice = ids.first(where: { id in ids.filter { $0 == id }.count > 1 }) {
      throw UpcycleError("two cells are called \"\(twice)\"", at: path, hint: "extend matrix.id")
    }
    if let cell = cells.first(where: { $0.baseline != nil && !ids.contains($0.baseline!) }) {
      throw UpcycleError("cell \"\(cell.id)\" has an unknown baseline \"\(cell.baseline!)\"", at: path)
    }
  }

  private static func axis(_ value: JSONValue, place: String, file: String) throws -> (String, [JSONValue]) {
    let object = try JSONObject(value, at: place, in: file, known: ["variable", "values"])
    let values = try object.required("values", object.array)
    if values.isEmpty { throw object.fail("values", expected: "one value or more") }
    return (try object.required("variable", object.string), values)
  }

  /// Every combination, the last axis fastest; none without axes.
  private static func product(_ axes: [(String, [JSONValue])]) -> [[String: JSONValue]] {
    if axes.isEmpty { return [] }
    return axes.reduce([[:]]) { partial, axis in
      partial.flatMap { values in axis.1.map { values.merging([axis.0: $0]) { _, new in new } } }
    }
  }

  /// Replaces every `{name}`.
  static func fill(_ template: String, _ values: [String: JSONValue], in file: String) throws -> String {
    var result = ""
    var rest = Substring(template)
    while let open = rest.firstIndex(of: "{"), let close = rest[open...].firstIndex(of: "}") {
      let name = String(rest[rest.index(after: open)..<close])
      guard let value = values[name] else {
        throw UpcycleError(
          "\"\(template)\" names \"\(name)\"", at: file,
          hint: "known: \(values.keys.sorted().joined(separator: ", "))")
      }
      result += rest[..<open] + value.plainText
      rest = rest[rest.index(after: close)...]
    }
    return result + rest
  }
}
