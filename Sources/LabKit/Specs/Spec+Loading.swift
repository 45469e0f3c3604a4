import Foundation
import Groundwork

extension Spec {
  /// Reads an experiment file: strict JSON5, laid over the file it extends (`extends`, beside it).
  public init(name: String, contentsOf file: URL) throws {
    let tree = try Self.tree(file, depth: 0)
    let path = file.path
    let object = try JSONObject(
      tree, at: "", in: path,
      known: [
        "title", "place", "pending", "defaults", "profiles", "pipelines", "fragments", "matrix", "column_sets",
        "note_sets", "report", "claims", "gates", "chance", "noise",
      ])
    self.name = name
    self.file = file
    title = try object.required("title", object.string)
    place = try object.required("place", object.string)
    pending = try object.string("pending")
    let defaults = try object.object("defaults")?.values ?? [:]
    self.defaults = defaults

    var profiles: [String: Profile] = [:]
    for (name, value) in try object.object("profiles")?.values ?? [:] {
      profiles[name] = try Profile(value, name: name, path: "profiles.\(name)", file: path)
      if let unknown = profiles[name]!.variables.sorted().first(where: { defaults[$0] == nil }) {
        throw UpcycleError(
          "profiles.\(name).set names an unknown variable \"\(unknown)\"", at: path,
          hint: "\"defaults\" declares \(defaults.keys.sorted().joined(separator: ", "))")
      }
    }
    self.profiles = profiles

    var pipelines: [String: [StageUse]] = [:]
    let lists = try object.object("pipelines")?.values ?? [:]
    // Parts of pipelines that do not stand alone.
    let reusable = lists.merging(try object.object("fragments")?.values ?? [:]) { pipeline, _ in pipeline }
    for (name, value) in lists {
      guard let list = value.array else {
        throw UpcycleError("pipelines.\(name) is not a list", at: path, found: value.kind)
      }
      let stages = try Self.spliced(list, reusable, place: "pipelines.\(name)", file: path, depth: 0)
      pipelines[name] = try Self.pipeline(stages, place: "pipelines.\(name)", file: path)
    }
    self.pipelines = pipelines

    let matrix = try Matrix(object.required("matrix") { object.values[$0] }, file: file, defaults: defaults)
    cells = matrix.cells
    published = matrix.published
    axes = matrix.axes
    report = try Report(
      object.required("report") { object.values[$0] }, columnSets: object.object("column_sets")?.values ?? [:],
      noteSets: object.object("note_sets")?.values ?? [:], path: "report", file: path)
    let gates = try object.object("gates")?.values ?? [:]
    claims = try object.list("claims") { try Claim($0, path: $1, file: path, gates: gates) }
    chance = try Self.numbers(object, "chance", in: 0...100)
    noise = try Self.numbers(object, "noise", in: 0...Double.greatestFiniteMagnitude)
    try check()
  }

  private static func numbers(
    _ object: JSONObject, _ key: String, in range: ClosedRange<Double>
  ) throws -> [String: Double] {
    try (object.object(key)?.values ?? [:]).mapValues { value in
      guard let number = value.double, range.contains(number) else {
        throw UpcycleError(
          "\(key) holds a number out of range", at: object.file,
          expected:
            "\(plain(range.lowerBound)) or more\(range.upperBound < 1e9 ? ", at most \(plain(range.upperBound))" : "")",
          found: value.kind)
      }
      return number
    }
  }

  private static func tree(_ file: URL, depth: Int) throws -> JSONValue {
    let value = try JSONValue(contentsOf: file, json5: true)
    guard var object = value.object else {
      throw UpcycleError("is not an object", at: file.path, found: value.kind)
    }
    guard let parent = object.removeValue(forKey: "extends") else { return value }
    guard let name = parent.string, depth < 8 else {
      throw UpcycleError("\"extends\" must name a file, without cycles", at: file.path, found: parent.kind)
    }
    let base = try tree(Self.file(name, beside: file), depth: depth + 1)
    return base.merging(.object(object))
  }

  /// A file that a spec names: beside it, or elsewhere under `experiments/`, symbolic links followed.
  static func file(_ name: String, beside spec: URL) throws -> URL {
    let folder = spec.deletingLastPathComponent()
    let file = folder.appendingPathComponent(name)
    let experiments = resolvedPath(folder.deletingLastPathComponent())
    let target = resolvedPath(file)
    guard !name.hasPrefix("/"), target.hasPrefix(experiments + "/") else {
      throw UpcycleError(
        "names a file outside the experiments folder", at: spec.path, expected: "a file under \(experiments)",
        found: "\"\(name)\"")
    }
    return file
  }

  /// Replaces `{ use: "name" }` by the stages of that pipeline or fragment.
  private static func spliced(
    _ list: [JSONValue], _ all: [String: JSONValue], place: String, file: String, depth: Int
  ) throws -> [JSONValue] {
    try list.flatMap { item -> [JSONValue] in
      guard let use = item["use"] else { return [item] }
      guard item.object?.count == 1, let name = use.string, let inner = all[name]?.array, depth < 8 else {
        throw UpcycleError(
          "\(place) uses no pipeline", at: file, expected: "{ use: \"name\" } alone, without cycles",
          found: item.text(), hint: "known: \(all.keys.sorted().joined(separator: ", "))")
      }
      return try spliced(inner, all, place: place, file: file, depth: depth + 1)
    }
  }

  private static func pipeline(_ list: [JSONValue], place: String, file: String) throws -> [StageUse] {
    if list.isEmpty { throw UpcycleError("\(place) is empty", at: file, expected: "one stage or more") }
    var uses: [StageUse] = []
    for (index, value) in list.enumerated() {
      let use = try StageUse(value, path: "\(place)[\(index)]", file: file)
      for (role, alias) in use.from.sorted(by: { $0.key < $1.key })
      where !uses.contains(where: { $0.alias == alias }) {
        throw UpcycleError(
          "\(place)[\(index)].from.\(role) names \"\(alias)\", which no earlier stage is called", at: file,
          hint: "earlier: \(uses.map(\.alias).joined(separator: ", "))")
      }
      if uses.contains(where: { $0.alias == use.alias }) {
        throw UpcycleError("\(place) has two stages called \"\(use.alias)\"", at: file, hint: "set \"as\"")
      }
      uses.append(use)
    }
    return uses
  }

  /// What only the whole file can tell: names that point at each other.
  private func check() throws {
    let path = file.path
    for cell in cells where cell.pipeline != nil && pipelines[cell.pipeline!] == nil {
      throw UpcycleError(
        "cell \"\(cell.id)\" runs an unknown pipeline \"\(cell.pipeline!)\"", at: path,
        hint: "known: \(pipelines.keys.sorted().joined(separator: ", "))")
    }
    for cell in cells where [cell.pipeline, cell.pending, cell.quoted, pending].allSatisfy({ $0 == nil }) {
      throw UpcycleError(
        "cell \"\(cell.id)\" neither runs nor says why not", at: path,
        hint: "set \"pipeline\", \"pending\" or \"quoted\"")
    }
    if pending == nil && profiles[report.profile] == nil {
      throw UpcycleError("report.profile is unknown: \"\(report.profile)\"", at: path)
    }
    for column in report.columns {
      if let name = column.published, published?.columns.contains(name) != true {
        throw UpcycleError(
          "the column \"\(column.header)\" shows \"\(name)\", which was not published", at: path,
          hint: published.map { "published: \($0.columns.joined(separator: ", "))" } ?? "set matrix.published")
      }
    }
    let stages = Set(pipelines.values.joined().map(\.alias)).union(["record"])
    func requireStage(of metric: String, _ place: String) throws {
      // Of templates each row's is another.
      let isTemplate = metric.prefix { $0 != "." }.contains("{")
      if stages.count == 1 || isTemplate || stages.contains(where: { metric.hasPrefix("\($0).") }) { return }
      throw UpcycleError(
        "\(place) shows \"\(metric)\" of a stage that no pipeline has", at: path,
        hint: "stages: \(stages.sorted().joined(separator: ", "))")
    }
    for column in report.columns {
      for metric in [column.metric, column.reach].compactMap({ $0 }) + column.meanOf {
        try requireStage(of: metric, "the column \"\(column.header)\"")
      }
    }
    if let series = report.series { try requireStage(of: series, "report.series") }
    for claim in claims {
      for metric in claim.tests.flatMap({ $0.terms.values }).map(\.metric) { try requireStage(of: metric, claim.id) }
    }
    if let id = claims.map(\.id).first(where: { id in claims.count { $0.id == id } > 1 }) {
      throw UpcycleError("two claims are called \(id)", at: path)
    }
    for claim in claims {
      for id in claim.tests.flatMap({ $0.terms.values }).flatMap(\.cells) where cell(id) == nil {
        throw UpcycleError(
          "\(claim.id) refers to an unknown cell \"\(id)\"", at: path,
          hint: "cells: \(cells.prefix(12).map(\.id).joined(separator: ", "))\(cells.count > 12 ? ", …" : "")")
      }
    }
  }
}
