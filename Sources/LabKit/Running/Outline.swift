import Foundation
import Groundwork

/// Plans in words: every stage with its key, whether it is finished and how long it may take, here or on some devices.
public struct Outline {
  private struct Line {
    let node: Plan.Node
    let done: Bool
    let seconds: Double?
  }

  private let plans: [Plan]
  private let lines: [[Line]]
  private let walls: [Double]
  private let runs: [Int]
  private let processes: Int
  private let devices: Devices?
  /// Of each plan, where devices are given.
  private let tables: [CostTable?]

  /// - Parameters:
  ///   - jobs: processes that would run stages at once
  ///   - trustsRecords: leave out what records settle, own and committed, as `Sweep.trustsRecords`
  ///   - costs: of the plans' stages, by key; what is not there is not known
  ///   - devices: that they are counted for; nil: none
  /// - Throws: where the cache or records cannot be read
  public init(
    _ plans: [Plan], in laboratory: Laboratory, jobs: Int = 1, trustsRecords: Bool = false,
    costs: [String: StageCost] = [:], on devices: Devices? = nil
  ) throws {
    self.plans = plans
    self.devices = devices
    processes = jobs
    var sweep = Sweep(plans, in: laboratory)
    (sweep.trustsRecords, sweep.records) = (trustsRecords, .own)
    let open = try sweep.unrecorded()
    let needed = open.map { Set($0.flatMap { $0.steps.map(\.key) }) }
    let estimates = try sweep.estimates()
    runs = open.map(\.count)
    walls = zip(plans, needed).map { plan, needed in
      Forecast(plan, estimates: estimates.filter { needed.contains($0.key) }, jobs: jobs).wall
    }
    let lines: [[Line]] = zip(plans, needed).map { plan, needed in
      plan.order.filter(needed.contains).map { key in
        let node = plan.nodes[key]!
        guard let seconds = estimates[key] else { return Line(node: node, done: true, seconds: nil) }
        return Line(node: node, done: false, seconds: seconds)
      }
    }
    self.lines = lines
    tables = lines.map { lines in
      devices.map { devices in
        // What is finished costs nothing any more.
        CostTable(
          lines.map { $0.done ? StageCost(operations: 0) : costs[$0.node.key] ?? StageCost() }, on: devices)
      }
    }
  }

  /// For people.
  public var text: String {
    var text = ""
    for (index, plan) in plans.enumerated() {
      let lines = lines[index]
      let todo = lines.filter { !$0.done }
      text += "\(plan.spec.name), profile \(plan.profile.name): \(plan.profile.about)\n"
      if let reason = plan.spec.pending { text += "  not run yet: needs \(reason)\n" }
      let table = lines.isEmpty ? nil : tables[index]
      let width = lines.map(\.node.stage.name.count).max() ?? 0
      if let devices, let table {
        text += "  \(devices.description): \(devices.summary)\n"
        text += String(repeating: " ", count: 28 + width) + "\(table.head)\n"
      }
      for (place, line) in lines.enumerated() {
        let state = line.done ? "done" : line.seconds.map { "about \(formatDuration($0))" } ?? "to do"
        let cells = line.node.cells.count == 1 ? line.node.cells[0] : "\(line.node.cells.count) cells"
        let stage = line.node.stage.name.leftAligned(width)
        let seed = line.node.stage.seeded ? "seed \(line.node.seed)" : "any seed"
        text += "  \(line.node.key.prefix(10))  \(stage) \(state.leftAligned(12)) "
        if let table { text += "\(table.line(place))  " }
        text += "\(seed)  \(cells)\n"
      }
      let known = todo.compactMap(\.seconds).reduce(0, +)
      let unknown = todo.filter { $0.seconds == nil }.count
      let recorded = plan.jobs.count - runs[index]
      text += "  \(runs[index]) \(runs[index] == 1 ? "run" : "runs")\(recorded > 0 ? " (\(recorded) recorded)" : ""), "
      text += "\(lines.count) stages, \(lines.count - todo.count) done"
      if !todo.isEmpty {
        text += "; to do: \(todo.count)"
        if known > 0 { text += ", about \(formatDuration(known))" }
        if known > 0, processes > 1 { text += " of work, \(formatDuration(walls[index])) by \(processes) jobs" }
        if unknown > 0, table == nil { text += " (\(unknown) of unknown length)" }
      }
      text += "\n"
      if let table { text += "  \(table.total)\n" }
    }
    return text
  }

  /// For scripts.
  public var json: JSONValue {
    .array(
      plans.indices.map { index -> JSONValue in
        let (plan, lines, table) = (plans[index], lines[index], tables[index])
        let stages = lines.enumerated().map { place, line -> JSONValue in
          let own: [String: JSONValue] = [
            "key": .string(line.node.key), "stage": .string(line.node.stage.name), "done": .bool(line.done),
            "seconds": line.seconds.map(JSONValue.double) ?? .null, "config": line.node.config,
            "cells": .array(line.node.cells.map(JSONValue.string)), "seed": .int(line.node.seed),
          ]
          return .object(own.merging(table?.json(place) ?? [:]) { own, _ in own })
        }
        let whole: [String: JSONValue] = [
          "spec": .string(plan.spec.name), "profile": .string(plan.profile.name), "runs": .int(runs[index]),
          "jobs": .int(processes), "wall_seconds": .double(walls[index]), "stages": .array(stages),
        ]
        return .object(whole.merging(table?.json ?? [:]) { own, _ in own })
      })
  }
}

/// How many of a plan's runs have records, and whether those were made from the present settings, on any number of
/// threads.
public struct RunState {
  /// The spec.
  public let spec: Spec
  private let profile: String
  private let runs: Int
  private let current: Int
  private let stale: Int
  private let waiting: Int

  /// - Throws: where the records cannot be read
  public init(_ plan: Plan, in laboratory: Laboratory, records set: Laboratory.RecordSet = .committed) throws {
    spec = plan.spec
    profile = plan.profile.name
    runs = plan.jobs.count
    let records = try RecordFile(url: laboratory.recordFile(plan.spec, plan.profile, set)).read()
    let index = RecordIndex(records)
    let isCurrent = plan.jobs.map { index.record(of: $0, in: plan) != nil }
    current = isCurrent.filter { $0 }.count
    stale =
      zip(plan.jobs, isCurrent).filter { job, isCurrent in
        !isCurrent && records.contains { $0.cell == job.cell.id && $0.seed == job.seed }
      }.count
    waiting = plan.spec.cells.count { cell in
      cell.quoted == nil && (cell.pipeline == nil || cell.pending != nil || plan.spec.pending != nil)
    }
  }

  /// Why rows have no run here.
  private var reasons: [String] { Set(spec.cells.compactMap(\.pending) + (spec.pending.map { [$0] } ?? [])).sorted() }

  /// For people.
  public var text: String {
    if let reason = spec.pending { return "not run yet: needs \(reason)" }
    var parts = ["\(profile): \(current) of \(runs) runs recorded"]
    if stale > 0 { parts.append("\(stale) stale (made with other settings)") }
    if waiting > 0 {
      let reasons = self.reasons.joined(separator: "; ")
      parts.append(
        "\(waiting) \(waiting == 1 ? "row" : "rows") without a run here\(reasons.isEmpty ? "" : " (\(reasons))")")
    }
    return parts.joined(separator: ", ")
  }

  /// For scripts.
  public var json: JSONValue {
    .object([
      "spec": .string(spec.name), "profile": .string(profile), "runs": .int(runs), "recorded": .int(current),
      "stale": .int(stale), "waiting": .int(waiting), "needs": .array(reasons.map { .string($0) }),
    ])
  }
}
