import Foundation
import Groundwork

/// A spec expanded for one profile: which stages run for which cells and seeds, each stage once.
public struct Plan: Sendable {
  /// A stage with everything that decides its output.
  public struct Node: Sendable {
    /// SHA-256 over everything that decides the output.
    public let key: String
    /// What runs.
    public let stage: Stage
    /// Its parameters, all variables filled in.
    public let config: JSONValue
    /// Role -> key.
    public let parents: [String: String]
    /// 0 where the stage has none.
    public let seed: Int
    /// Threads it runs on; part of the key.
    public let threads: Int
    /// Name -> hash of contents outside the configuration.
    public let inputs: [String: String]
    /// Cells that need it, for display.
    public var cells: [String]
  }

  /// One cell with one seed: what becomes a record.
  public struct Job: Sendable {
    /// The cell.
    public let cell: Cell
    /// nil when no stage of the cell is seeded.
    public let seed: Int?
    /// Alias -> node key, in pipeline order.
    public let steps: [(alias: String, key: String)]
    /// Identifies the result: all stage keys together.
    public let key: String
  }

  /// Of `lab run`, when it is not told.
  public static let defaultThreads = 2

  /// The spec.
  public let spec: Spec
  /// The profile.
  public let profile: Profile
  /// By key.
  public let nodes: [String: Node]
  /// Node keys in the order in which they run.
  public let order: [String]
  /// What becomes a record, in the order of cells and seeds.
  public let jobs: [Job]
  /// Whether one of its stages measures time.
  public var measuresTime: Bool { nodes.values.contains(where: \.stage.isTimed) }

  /// - Parameters:
  ///   - seeds: instead of the profile's
  ///   - wanted: only these cells
  ///   - threads: of every stage
  /// - Throws: for unknown profiles, cells, stages and parameters
  public init(
    _ spec: Spec, profile name: String, seeds: [Int]? = nil, cells wanted: [String]? = nil, threads: Int,
    registry: StageRegistry
  ) throws {
    self.spec = spec
    profile = try spec.profile(name)
    var cells =
      spec.pending == nil ? spec.cells.filter { $0.pipeline != nil && $0.pending == nil && $0.quoted == nil } : []
    if let wanted {
      for id in wanted where spec.cell(id) == nil {
        throw UpcycleError.usage(
          "\(spec.name) has no cell \"\(id)\"", hint: "cells: \(spec.cells.map(\.id).joined(separator: ", "))")
      }
      cells = cells.filter { wanted.contains($0.id) }
    } else if let limit = profile.limit {
      // The longest pipelines exercise the most; the sort is stable, so the file's order decides ties.
      let length = { (cell: Cell) in spec.pipelines[cell.pipeline!]!.count }
      cells = Array(
        cells.enumerated().sorted { (length($0.element), -$0.offset) > (length($1.element), -$1.offset) }
          .prefix(limit).map(\.element))
    }

    var nodes: [String: Node] = [:]
    var order: [String] = []
    var jobs: [Job] = []
    var inputs: [String: [String: String]] = [:]  // hashing files once per distinct configuration
    for cell in cells {
      let scope = Scope(spec: spec, profile: profile, cell: cell)
      var seen: Set<String> = []
      for seed in seeds ?? profile.seeds {
        var steps: [(alias: String, key: String)] = []
        var depends = false  // whether the seed reaches any stage of this cell
        for use in spec.pipelines[cell.pipeline!]! {
          let stage = try registry.stage(use.stage, for: spec)
          try Self.check(use, stage, spec: spec)
          let config = try scope.parameters(of: use, for: stage)
          try Self.check(use, stage, config, spec: spec)
          let parents = use.from.mapValues { alias in steps.first { $0.alias == alias }!.key }
          let seedHere = stage.seeded ? seed : 0
          depends = depends || stage.seeded
          let subject = stage.name + config.text()
          let hashes = try inputs[subject] ?? stage.inputs(config)
          inputs[subject] = hashes
          let key = Self.key(
            stage: stage, config: config, parents: parents, seed: seedHere, threads: threads, inputs: hashes)
          if nodes[key] == nil {
            nodes[key] = Node(
              key: key, stage: stage, config: config, parents: parents, seed: seedHere, threads: threads,
              inputs: hashes, cells: [])
            order.append(key)
          }
          if !nodes[key]!.cells.contains(cell.id) { nodes[key]!.cells.append(cell.id) }
          steps.append((use.alias, key))
        }
        let key = Self.key(of: steps)
        if !seen.insert(key).inserted { continue }
        jobs.append(Job(cell: cell, seed: depends ? seed : nil, steps: steps, key: key))
      }
    }
    self.nodes = nodes
    self.order = order
    self.jobs = jobs
    try requireDistinctCells()
  }

  /// Refuses cells that differ by what the profile sets for all of them, or by an axis that no stage of theirs takes: they would
  /// be recorded under different names and say the same. A profile whose numbers mean nothing may.
  private func requireDistinctCells() throws {
    guard profile.recorded else { return }
    for (key, jobs) in Dictionary(grouping: jobs, by: \.key).sorted(by: { $0.key < $1.key }) where jobs.count > 1 {
      let first = jobs[0].cell
      for other in jobs.dropFirst().map(\.cell) {
        func differ(by name: String) -> Bool {
          guard let own = first.values[name], let others = other.values[name] else { return false }
          return own != others
        }
        if let idle = spec.axes.first(where: { differ(by: $0) && profile.set[$0] == nil }) {
          throw UpcycleError(
            "\"\(first.id)\" and \"\(other.id)\" differ by \"\(idle)\", which no stage of theirs takes",
            at: spec.file.path,
            found: "one result for both, \(key.prefix(10))",
            hint: "lab stages names what each takes; a rule may set it from the axis")
        }
        guard let hidden = profile.set.keys.sorted().first(where: differ) else { continue }
        throw UpcycleError(
          "\"\(first.id)\" and \"\(other.id)\" differ by \"\(hidden)\", which the profile \(profile.name) sets for all cells",
          at: spec.file.path, found: "one result for both, \(key.prefix(10))",
          hint: "take \"\(hidden)\" out of the profile's `set`, or vary another variable")
      }
    }
  }

  /// The key that a job would have on another number of threads.
  func key(of job: Job, threads: Int) -> String {
    var keys: [String: String] = [:]
    let steps = job.steps.map { step in
      let node = nodes[step.key]!
      keys[step.key] = Self.key(
        stage: node.stage, config: node.config, parents: node.parents.mapValues { keys[$0]! }, seed: node.seed,
        threads: threads, inputs: node.inputs)
      return (alias: step.alias, key: keys[step.key]!)
    }
    return Self.key(of: steps)
  }

  /// Refuses what a stage does not know.
  private static func check(_ use: StageUse, _ stage: Stage, spec: Spec) throws {
    let known = stage.parameters(Set(use.from.keys))
    if let first = use.with.keys.filter({ !known.contains($0) }).sorted().first {
      throw UpcycleError(
        "the stage \"\(use.alias)\" (\(stage.name)) has an unknown parameter \"\(first)\"", at: spec.file.path,
        hint: "known: \(known.sorted().joined(separator: ", "))")
    }
    if let role = use.from.keys.sorted().first(where: { !stage.parents.contains($0) }) {
      throw UpcycleError(
        "the stage \"\(use.alias)\" (\(stage.name)) builds on no \"\(role)\"", at: spec.file.path,
        hint: "roles: \(stage.parents.joined(separator: ", "))")
    }
    if let role = stage.required.first(where: { use.from[$0] == nil }) {
      throw UpcycleError(
        "the stage \"\(use.alias)\" (\(stage.name)) needs a \"\(role)\" to build on", at: spec.file.path,
        hint: "name it in \"from\"")
    }
  }

  /// Refuses parameters that the stage cannot read.
  private static func check(_ use: StageUse, _ stage: Stage, _ config: JSONValue, spec: Spec) throws {
    do { try stage.check(config) } catch let error as UpcycleError {
      var named = error
      named.what = "the stage \"\(use.alias)\" (\(stage.name)), \(error.location ?? ""): \(error.what)"
      named.location = spec.file.path
      throw named
    }
  }

  private static func key(of steps: [(alias: String, key: String)]) -> String {
    sha256(steps.map { "\($0.alias)=\($0.key)" }.joined(separator: "\n"))
  }

  /// SHA-256 over everything that decides a stage's output.
  private static func key(
    stage: Stage, config: JSONValue, parents: [String: String], seed: Int, threads: Int, inputs: [String: String]
  ) -> String {
    sha256(
      JSONValue.object([
        "stage": .string(stage.name), "version": .int(stage.version), "config": config,
        "parents": .object(parents.mapValues { .string($0) }), "seed": .int(seed), "threads": .int(threads),
        "inputs": .object(inputs.mapValues { .string($0) }),
      ]).text())
  }
}

/// The variables of one cell: defaults, overlaid by the cell, overlaid by the profile and its rules.
struct Scope {
  let spec: Spec
  let cell: Cell
  let values: [String: JSONValue]

  init(spec: Spec, profile: Profile, cell: Cell) {
    self.spec = spec
    self.cell = cell
    var values = spec.defaults.merging(cell.values) { _, new in new }.merging(profile.set) { _, new in new }
    func holds(_ name: String, _ wanted: JSONValue) -> Bool {
      guard let value = values[name] else { return false }
      return value == wanted || (wanted.array ?? [wanted]).contains { $0.plainText == value.plainText }
    }
    for rule in profile.rules where rule.when.allSatisfy({ holds($0.key, $0.value) }) {
      values.merge(rule.set) { _, new in new }
    }
    self.values = values
  }

  /// The parameters that a stage is given: those of its `with`, and every other one that it understands from the variable
  /// of its name, where there is one. Null ones are dropped.
  func parameters(of use: StageUse, for stage: Stage) throws -> JSONValue {
    var given = use.with
    for name in stage.parameters(Set(use.from.keys)) where given[name] == nil && values[name] != nil {
      given[name] = .string("$\(name)")
    }
    return try resolve(.object(given))
  }

  /// Replaces `"$name"` by the variable and `"= expression"` by its value; null parameters are dropped.
  func resolve(_ value: JSONValue) throws -> JSONValue {
    switch value {
    case .string(let text) where text.hasPrefix("$"): return try variable(String(text.dropFirst()))
    case .string(let text) where text.hasPrefix("="):
      let number = try Expression(String(text.dropFirst())).evaluate { name in
        guard let number = try variable(name).double else { throw failure("\"\(name)\" is not a number") }
        return number
      }
      guard number.isFinite else { throw failure("\"\(text)\" is not a finite number") }
      return Int(exactly: number).map(JSONValue.int) ?? .double(number)
    case .double(let number) where !number.isFinite: throw failure("a parameter is not a finite number")
    case .array(let items): return .array(try items.map(resolve))
    case .object(let object):
      return .object(try object.mapValues(resolve).filter { $0.value != .null })
    default: return value
    }
  }

  private func variable(_ name: String) throws -> JSONValue {
    guard let value = values[name] else {
      throw failure("there is no variable \"\(name)\" (known: \(values.keys.sorted().joined(separator: ", ")))")
    }
    if value.double?.isFinite == false { throw failure("the variable \"\(name)\" is not a finite number") }
    return value
  }

  private func failure(_ what: String) -> UpcycleError {
    UpcycleError("cell \"\(cell.id)\": \(what)", at: spec.file.path)
  }
}
