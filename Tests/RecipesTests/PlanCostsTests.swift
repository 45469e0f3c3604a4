import Foundation
import Groundwork
import ModelCore
import Published
import TestKit
import XCTest

@testable import LabKit
@testable import Recipes

/// What plans cost on paper.
final class PlanCostsTests: XCTestCase {
  private let laboratory = Laboratory(root: repositoryRoot())
  private let registry = standardStages()

  private func plan(_ name: String, profile: String = "paper", cells: [String]? = nil) throws -> Plan {
    try Plan(laboratory.spec(name), profile: profile, cells: cells, threads: 2, registry: registry)
  }

  /// The cost of the job's only stage of a kind.
  private func cost(of stage: String, _ job: Plan.Job, _ plan: Plan, _ costs: PlanCosts) throws -> StageCost {
    let keys = job.steps.map(\.key).filter { plan.nodes[$0]?.stage.name == stage }
    XCTAssertEqual(keys.count, 1, "\(job.cell.id): \(stage)")
    return try XCTUnwrap(costs.stages[XCTUnwrap(keys.first)])
  }

  /// Llama-3.2-1B with r_kv 512 follows itself. Weights of products: of a layer q, k, v and o 2048 * (2048 + 512 + 512 + 2048) =
  /// 10,485,760, which latent attention of r_q 880 (at parity) has too, and the feed-forward 3 * 2048 * 8192 = 50,331,648; 16
  /// layers and the head 128,256 * 2048 = 262,668,288 make 1,235,746,816. Scores and weighted values: 32 heads * (64 + 64) of
  /// each of 16 layers at (2048 + 1) / 2 positions, 67,141,632 (latent heads are 32 + 32 wide, values 64). Twice both is a
  /// forward pass, 2,605,776,896 a token; student, its backward pass, which is two, and teacher are four. Whole steps of 96 * 2048
  /// in 3.4 B tokens: 17,293. Norms, 33 * 2048, are weights without products.
  func testADistillationOfLlama1BIsAsByHand() throws {
    let plan = try plan("xecomla/table14", cells: ["SFT Llama3.2-1B 3.4B"])
    let cost = try cost(of: "distill", XCTUnwrap(plan.jobs.first), plan, PlanCosts(plan))
    let weights = 16 * (10_485_760 + 50_331_648) + 262_668_288
    let forward = 2 * (Double(weights) + 16 * 32 * 128 * 1024.5)
    XCTAssertEqual(forward, 2_605_776_896)
    let operations = 17_293 * 96 * 2048 * 4 * forward
    XCTAssertEqual(try XCTUnwrap(cost.operations), operations, accuracy: 1e-9 * operations)
    let parameters = weights + 33 * 2048
    XCTAssertEqual(cost.read, 2 * 2 * parameters, "student and teacher, 2 bytes each")
    XCTAssertEqual(cost.written, 2 * parameters)
    XCTAssertEqual(cost.state, 18 * parameters, "16 bytes where gradients and moments are, 2 of the teacher")
  }

  /// The hours that the papers print of their distillations, layer by layer or whole, at one use of their machine.
  func testPublishedHoursAreMetWithinAThird() throws {
    var rows = 0
    for name in ["xecomla/table14", "zebra/table9"] {
      let plan = try plan(name)
      let costs = try PlanCosts(plan)
      let published = try XCTUnwrap(plan.spec.published)
      for job in plan.jobs {
        let row = try XCTUnwrap(job.cell.row)
        guard let stage = ["SFT": "distill", "ILD": "ild"][published.text("stage", row: row) ?? ""] else { continue }
        let hours = try XCTUnwrap(published.text("hours_8xMI300", row: row).flatMap { Double($0) })
        let operations = try XCTUnwrap(cost(of: stage, job, plan, costs).operations)
        XCTAssertEqual(Devices.papers.hours(operations) / hours, 1, accuracy: 0.3, "\(name): \(job.cell.id)")
        rows += 1
      }
    }
    XCTAssertEqual(rows, 13)
  }

  /// The ranks of a stand-in are fractions of the published ones: at published sizes they are the printed numbers.
  func testRanksGrowToThePublishedOnes() throws {
    let standIns = try StandIns()
    var rows = 0
    for name in ["xecomla/table2", "xecomla/table3", "xecomla/table6", "xecomla/table11"] {
      let plan = try plan(name)
      let published = try XCTUnwrap(plan.spec.published)
      for job in plan.jobs {
        let nodes = job.steps.compactMap { plan.nodes[$0.key] }
        guard let convert = nodes.first(where: { $0.stage.name == "convert" }), let row = job.cell.row else { continue }
        let base = try XCTUnwrap(convert.parents["model"].flatMap { plan.nodes[$0]?.config["preset"]?.string })
        let scale = try SizeScale(own: .preset(base), published: .preset(standIns.published(base)))
        let parameters = scale.scaled(convert.config)
        XCTAssertEqual(parameters["kv_rank"]?.int.map(String.init), published.text("r_kv", row: row), "\(name) \(row)")
        if let width = published.text("d_qk", row: row) {
          XCTAssertEqual(parameters["nope_dim"]?.int.map(String.init), width, "\(name) \(row)")
        }
        rows += 1
      }
    }
    XCTAssertGreaterThan(rows, 40)
    let scale = try SizeScale(own: .preset("nano-8b"), published: .preset("llama-3.1-8b"))
    let grown = scale.scaled(
      .object(["count": .int(2), "layers": .array([.int(0), .int(5)]), "q_rank": .string("auto"), "tokens": .int(7)]))
    XCTAssertEqual(
      grown,
      .object([
        "count": .int(8), "layers": .array((0..<8).map(JSONValue.int)), "q_rank": .string("auto"), "tokens": .int(7),
      ]))
  }

  /// Hybrids have the parameters that Zebra-Llama's Table 1 prints.
  func testHybridsGrowToThePublishedOnes() throws {
    let printed = [
      "1B 8MLA-8M2": 1.27, "1B 4MLA-12M2": 1.28, "3B 14MLA-14M2": 3.27, "3B 6MLA-22M2": 3.39, "8B 8MLA-24M2": 8.38,
    ]
    let plan = try plan("zebra/table1", cells: printed.keys.sorted().map { "Zebra-Llama-\($0)" })
    let costs = try PlanCosts(plan)
    XCTAssertEqual(plan.jobs.count, printed.count)
    for job in plan.jobs {
      let written = try XCTUnwrap(cost(of: "prefer", job, plan, costs).written)
      let billions = try XCTUnwrap(printed[String(job.cell.id.dropFirst("Zebra-Llama-".count))])
      XCTAssertEqual(Double(written) / 2e9, billions, accuracy: 0.0061, "\(job.cell.id), rounded or cut")
    }
  }

  /// Of every committed experiment, at published sizes and at ours, whatever trains is counted, and nothing is refused.
  func testEveryTrainingIsCounted() throws {
    var trainings: Set<String> = []
    for spec in try laboratory.specs([]) {
      for profile in ["micro", "paper"] where spec.profiles[profile] != nil {
        let plan = try Plan(spec, profile: profile, threads: 2, registry: registry)
        let costs = try PlanCosts(plan)
        for key in plan.order {
          let node = plan.nodes[key]!
          let name = "\(spec.name), \(profile): \(node.stage.name) \(node.config.text())"
          let cost = try XCTUnwrap(costs.stages[key], name)
          // Of one step's memory, and of models that a reader brings along.
          if node.stage.name.hasPrefix("memory") || spec.name.hasPrefix("xecomla/real") { continue }
          guard let tokens = node.config["tokens"]?.int, tokens > 0 else { continue }
          XCTAssertGreaterThan(cost.operations ?? 0, 0, name)
          XCTAssertGreaterThan(cost.state ?? 0, cost.written ?? .max, name)
          if profile == "paper" { trainings.insert(node.stage.name) }
        }
      }
    }
    let all: Set = [
      "align", "distill", "extend", "guided", "ild", "pretrain", "pretrain_hybrid", "self_distill", "super_network",
    ]
    XCTAssertEqual(trainings, all)
  }

  /// Our own sizes, in our own numbers of 4 bytes.
  func testTheLadderIsCountedAsItIs() throws {
    let plan = try plan("xecomla/table14", profile: "micro", cells: ["SFT+DPO Llama3.2-1B 3.6B"])
    let (job, costs) = (try XCTUnwrap(plan.jobs.first), try PlanCosts(plan))
    let config = try ModelConfig.preset("nano-1b")
    let distill = try cost(of: "distill", job, plan, costs)
    XCTAssertEqual(distill.read, try XCTUnwrap(distill.written) + 4 * config.parameterCount)
    let tokens = try XCTUnwrap(plan.nodes.values.first { $0.stage.name == "distill" }?.config["tokens"]?.int)
    let teacher = config.forwardFLOPsPerToken(context: 256)
    XCTAssertEqual(try XCTUnwrap(distill.operations) / Double(tokens), 4 * teacher, accuracy: 0.1 * teacher)
    XCTAssertNil(try cost(of: "prefer", job, plan, costs).operations, "nobody says how long its pairs are")
    XCTAssertNil(try cost(of: "convert", job, plan, costs).operations, "factorisations")
  }
}
