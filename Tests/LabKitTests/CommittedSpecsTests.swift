import Foundation
import Groundwork
import XCTest

@testable import LabKit

/// The experiment files of this repository, run with stages that make numbers up.
final class CommittedSpecsTests: XCTestCase {
  private var root: URL {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
  }

  override func setUp() { Interrupt.clear() }

  /// Specs that between them use every layout, kind and pipeline.
  private let items = [
    "common", "long", "table2", "table3", "table10", "table11", "figure2", "figure3", "initialisers", "kv", "sizes",
    "simulated", "golden", "rivals", "measured", "figure11",
  ]

  /// A copy of some experiments without records, and of their figure scripts.
  private func copy() throws -> Laboratory {
    let target = FileManager.default.temporaryDirectory.appendingPathComponent(
      "specs-\(getpid())-\(UInt32.random(in: 0...UInt32.max))")
    for (folder, endings) in [("experiments", ["json5", "csv"]), ("figures", ["gp"])] {
      let source = root.appendingPathComponent(folder)
      let names = FileManager.default.enumerator(atPath: source.path)?.compactMap { $0 as? String } ?? []
      for name in names where endings.contains((name as NSString).pathExtension) {
        let item = ((name as NSString).lastPathComponent as NSString).deletingPathExtension
        guard !name.contains("real-checkpoints") else { continue }
        guard items.contains(item) || name.contains("published") || item == "style" || item == "timeline" else {
          continue
        }
        try writeFile(
          readFile(source.appendingPathComponent(name)), to: target.appendingPathComponent("\(folder)/\(name)"))
      }
    }
    return Laboratory(root: target)
  }

  private func registry() -> StageRegistry {
    var registry = StageRegistry()
    registry.register(
      Stage(name: "teacher", version: 1, parameters: ["preset", "seed"], seeded: false) { _ in StageResult() })
    registry.register(
      Stage(
        name: "convert", version: 1, parents: ["model"],
        parameters: [
          "kv_rank", "q_rank", "rope_dim", "nope_dim", "layers", "init", "rank_rule", "delta_q", "delta_kv",
          "sigma", "latent_norm", "rope_init", "svd",
        ]
      ) { context in
        StageResult(metrics: ["loss": Metric(context.config["init"]?.string == "random" ? 7.6 : 5.2)])
      })
    registry.register(
      Stage(
        name: "distill", version: 1, parents: ["student", "teacher"],
        parameters: ["tokens", "kl_weight", "ce_weight", "lr", "batch", "sequence", "warmup", "mixture"]
      ) { context in
        let tokens = context.config["tokens"]!.int!
        var random = RandomStream(seed: UInt64(context.seed), try context.parent("student").key)
        let slow = 2 + 3 * random.nextUniform()
        let curve = (0...20).map { step -> [Double] in
          let x = Double(tokens) * Double(step) / 20
          return [x, 0.3 + slow / (1 + x / 60000)]
        }
        return StageResult(
          metrics: ["loss": Metric(curve.last![1])], series: ["loss": curve, "heldout": curve], tokens: tokens)
      })
    registry.register(
      Stage(name: "rewire", version: 1, parents: ["model"], parameters: ["layers", "connectivity"], seeded: false) {
        _ in
        StageResult(metrics: [
          "base_loss": Metric(1.2), "loss": Metric(6.5), "damage": Metric(5.3), "rewired": Metric(8),
        ])
      })
    registry.register(
      Stage(
        name: "self_distill", version: 1, parents: ["student", "teacher"],
        parameters: [
          "objective", "tokens", "lr", "batch", "sequence", "warmup", "mixture", "answers_only", "freeze_embeddings",
          "hidden_weight", "patience", "validate_every", "validate_task",
        ]
      ) { _ in
        StageResult(metrics: ["loss": Metric(1.4), "recovered": Metric(96)], series: ["loss": [[0, 5], [1, 1]]])
      })
    registry.register(
      Stage(
        name: "pretrain", version: 1,
        parameters: ["preset", "connectivity", "tokens", "lr", "batch", "sequence", "instructions"]
      ) { _ in
        StageResult(
          metrics: ["training_loss": Metric(2.2), "loss": Metric(2.3)], series: ["loss": [[0, 7], [1, 2]]])
      })
    registry.register(
      Stage(
        name: "prefer", version: 1, parents: ["model"], parameters: ["pairs", "beta", "lr", "batch", "warmup"]
      ) { context in
        StageResult(metrics: ["accuracy": Metric(70)], tokens: 70 * context.config["pairs"]!.int!)
      })
    registry.register(
      Stage(
        name: "info", version: 1, parents: ["model"],
        parameters: ["preset", "kv_rank", "q_rank", "rope_dim", "nope_dim", "layers", "up_heads", "rest"], seeded: false
      ) { context in
        let rank = context.config["kv_rank"]?.double ?? 64
        return StageResult(metrics: [
          "kv_percent": Metric(100 * (rank + 4) / 128), "parameters": Metric(1_234_567), "q_rank": Metric(880),
          "kv_numbers_per_token": Metric(544), "attention_parameters_per_layer": Metric(10_420_000),
        ])
      })
    registry.register(
      Stage(name: "layer_parameters", version: 1, parameters: ["preset", "layer", "tensors"], seeded: false) { _ in
        StageResult(metrics: ["parameters": Metric(512)])
      })
    registry.register(
      Stage(
        name: "placement", version: 1, parameters: ["scores", "layer_count", "strategy", "count", "layers", "layer"],
        seeded: false
      ) { context in
        let layer = context.config["layer"]?.double ?? 0
        return StageResult(metrics: [
          "total": Metric(100 * layer), "violations": Metric(0), "chosen": Metric(layer > 7 ? 1 : 0),
        ])
      })
    registry.register(
      Stage(
        name: "ild", version: 1, parents: ["base"],
        parameters: [
          "mixer", "init", "heads", "kv_rank", "q_rank", "rope_dim", "nope_dim", "loss", "trained", "tokens", "lr",
          "batch",
          "sequence", "warmup", "mixture", "layers", "output_gate", "position_free",
        ]
      ) { _ in StageResult(metrics: ["error": Metric(0.3)], series: ["error": [[0, 0.3], [1, 0.4]]]) })
    registry.register(
      Stage(
        name: "extend", version: 1, parents: ["student", "teacher"],
        parameters: [
          "context", "yarn", "original_context", "tokens", "kl_weight", "ce_weight", "lr", "batch", "warmup", "mixture",
          "cache_teacher",
        ]
      ) { context in
        StageResult(metrics: ["loss": Metric(1.2), "yarn": Metric(4)], tokens: context.config["tokens"]!.int!)
      })
    for (name, parameters) in [
      ("ruler", ["tasks", "lengths", "samples"]), ("needles", ["task", "lengths", "depth", "samples"]),
    ] {
      registry.register(
        Stage(name: name, version: 1, parents: ["model"], parameters: parameters, seeded: false) { _ in
          let names = [128, 256, 512, 1024, 2048].flatMap { length in
            ["\(length)"] + ["niah_single_1", "vt", "cwe", "fwe", "qa_1", "qa_2"].map { "\($0)_\(length)" }
          }
          return StageResult(metrics: Dictionary(uniqueKeysWithValues: (names + ["avg"]).map { ($0, Metric(25)) }))
        })
    }
    for (name, parents, parameters, metric) in [
      ("sensitivity", ["base", "latent", "linear"], ["windows"], "divergence"),
      ("layer_score", ["scores"], ["layer"], "sensitivity"),
      ("compose", ["base", "latent", "linear", "scores"], ["layers", "strategy", "count", "windows"], "total"),
    ] {
      registry.register(
        Stage(name: name, version: 1, parents: parents, parameters: parameters, seeded: false) { _ in
          StageResult(metrics: [metric: Metric(1.5)])
        })
    }
    registry.register(
      Stage(
        name: "speed", version: 1,
        parameters: [
          "preset", "kv_rank", "q_rank", "rope_dim", "nope_dim", "layers", "up_heads", "rest", "batch", "context",
          "new_tokens", "memory_gb",
        ], seeded: false
      ) { context in
        let names = ["batch", "context", "throughput", "peak_gb"]
        return StageResult(
          metrics: Dictionary(uniqueKeysWithValues: names.map { ($0, Metric(context.config[$0]?.double ?? 1.5)) }))
      })
    let step = [
      "preset", "kv_rank", "q_rank", "rope_dim", "nope_dim", "layers", "up_heads", "rest", "vocabulary", "tied",
      "teacher", "tokens", "loss", "checkpointing", "train_teacher",
    ]
    for (name, parents, parameters) in [
      ("memory", [], step + ["budget_gib", "repeats"]), ("memory_formula", [], step + ["shards", "bytes"]),
      ("memory_saving", ["without", "with"], []),
    ] {
      registry.register(
        Stage(name: name, version: 1, parents: parents, parameters: parameters, seeded: false) { _ in
          let names = ["peak_gib", "estimate_gib", "fits", "seconds", "saved_gib", "saved_matrices", "factor"]
          return StageResult(metrics: Dictionary(uniqueKeysWithValues: names.map { ($0, Metric(1.5)) }))
        })
    }
    registry.register(
      Stage(
        name: "latency", version: 1,
        parameters: [
          "preset", "kv_rank", "q_rank", "rope_dim", "nope_dim", "layers", "up_heads", "rest", "context", "new_tokens",
          "chunk", "longest_prefill", "memory_gb",
        ], seeded: false
      ) { context in
        let names = ["context", "cache_gb", "seconds_to_first_token", "ms_per_token"]
        return StageResult(
          metrics: Dictionary(uniqueKeysWithValues: names.map { ($0, Metric(context.config[$0]?.double ?? 1.5)) }))
      })
    let scenario = [
      "model", "mode", "gpus", "batch", "sequence", "method", "peak", "efficiency", "kappa", "intra", "inter",
    ]
    for (name, parameters, metrics) in [
      (
        "simulate", scenario,
        ["speedup", "ms", "standard_ms", "overlap", "overlap_forward", "overlap_backward", "share"]
      ),
      ("simulate_shares", scenario + ["percents"], ["best_speedup"]),
      ("simulate_durations", ["durations", "layers", "method", "kappa"], ["speedup"]),
      ("simulate_sensitivity", ["assumption", "low", "high"], ["base", "low", "high", "reach"]),
    ] {
      registry.register(
        Stage(name: name, version: 1, parameters: parameters, seeded: false) { _ in
          StageResult(
            metrics: Dictionary(uniqueKeysWithValues: metrics.map { ($0, Metric(1.5)) }),
            series: ["speedup": [[10, 1.1], [20, 1.2]]])
        })
    }
    registry.register(
      Stage(
        name: "overlap", version: 1,
        parameters: ["durations", "layers", "mode", "method", "compute", "link", "ranks", "repeats"]
      ) { _ in
        let passes = ["forward", "backward", "prefill"]
        let names = passes.flatMap { ["overlap_\($0)", "dispatches_behind_\($0)", "combines_behind_\($0)"] }
        let events = [[1.0, 1, 1, 1, 0, 2], [1, 1, 4, 2, 2, 5.25], [1, 1, 4, 3, 2, 5.25], [2, 2, 1, 1, 0.5, 2]]
        return StageResult(
          metrics: Dictionary(
            uniqueKeysWithValues: (names + ["ms", "standard_ms", "speedup", "overlap", "late", "slowdown"]).map {
              ($0, Metric(0.9))
            }),
          series: Dictionary(uniqueKeysWithValues: passes.map { ($0, events) }))
      })
    registry.register(
      Stage(
        name: "parallel", version: 1, parents: ["model"], parameters: ["connectivity", "sharing", "ranks", "text"],
        seeded: false
      ) { _ in
        let names = ["hidden", "gradients", "overlap", "control", "fewest"]
        return StageResult(metrics: Dictionary(uniqueKeysWithValues: names.map { ($0, Metric(0.5)) }))
      })
    registry.register(
      Stage(name: "evaluate", version: 1, parents: ["model"], parameters: ["tasks", "items", "shots"], seeded: false) {
        context in
        var random = RandomStream(seed: 1, try context.parent("model").key)
        let tasks = [
          "combine", "recall", "endings", "quiz", "rules", "goals", "claims", "passages", "pronouns", "problems",
          "programs",
          "edits", "avg", "avg_all",
        ]
        return StageResult(
          metrics: Dictionary(
            uniqueKeysWithValues: tasks.map { ($0, Metric(40 + 5 * random.nextUniform(), stderr: 1)) }))
      })
    return registry
  }

  func testEverySpecDecodesAndPlansInEveryProfile() throws {
    let laboratory = Laboratory(root: root)
    let specs = try laboratory.specs([])
    XCTAssertGreaterThanOrEqual(specs.count, 56)
    for spec in specs {
      for profile in spec.profiles.keys.sorted() {
        let plan = try Plan(spec, profile: profile, threads: 2, registry: registry())
        if spec.pending == nil { XCTAssertFalse(plan.jobs.isEmpty, spec.name) }
      }
    }
    let claims = specs.flatMap(\.claims).map(\.id)
    let (hylo, farskip) = (Set(claims.filter { $0.hasPrefix("H-") }), Set(claims.filter { $0.hasPrefix("F-") }))
    XCTAssertTrue(hylo.isSubset(of: (1...16).map { "H-C\($0)" }), "\(hylo)")
    XCTAssertTrue(farskip.isSubset(of: (1...8).map { "F-C\($0)" }), "\(farskip)")
    XCTAssertEqual(
      Set(claims).subtracting(hylo).subtracting(farskip), Set((1...16).map { "X-C\($0)" } + (1...14).map { "Z-Z\($0)" })
    )
    XCTAssertEqual(claims.count, Set(claims).count, "every claim stands in one spec")
  }

  /// Columns of the published files that no printed table has: means worked out anew, remarks.
  private let added: Set = ["avg_recomputed", "avg_of_7", "backbone", "note"]

  /// Tables of our own beside the paper's show other columns of the same rows.
  func testEveryPublishedRowAndColumnStandsInItsTable() throws {
    for spec in try Laboratory(root: root).specs([]) {
      guard let published = spec.published, !spec.place.hasPrefix("beyond the paper") else { continue }
      XCTAssertEqual(spec.cells.compactMap(\.row), Array(published.rows.indices), spec.name)
      let shown = Set(spec.report.columns.compactMap(\.published))
      let absent = Set(published.columns).subtracting(shown).subtracting(added)
      XCTAssertEqual(absent, [], spec.name)
    }
  }

  func testSmokeRunsOneCellEachAndEveryFileRegeneratesToTheByte() throws {
    let laboratory = try copy()
    defer { try? FileManager.default.removeItem(at: laboratory.root) }
    let specs = try laboratory.specs([])
    let registry = registry()
    let plans = try specs.map { try Plan($0, profile: "smoke", threads: 2, registry: registry) }
    var smoke = Sweep(plans, in: laboratory)
    smoke.quiet = true
    let running = plans.count { !$0.jobs.isEmpty }
    XCTAssertGreaterThan(running, 8)
    XCTAssertEqual(try smoke.run().added.count, running, "one cell of every spec that runs")

    let empty = try Publication(laboratory).writeEverything()
    XCTAssertTrue(empty.contains("xecomla/table3.svg"))
    XCTAssertEqual(try Publication(laboratory).differences(), [])

    var sweep = Sweep(
      try specs.map { try Plan($0, profile: $0.report.profile, seeds: [1, 2, 3], threads: 2, registry: registry) },
      in: laboratory)
    sweep.quiet = true
    try sweep.run()
    XCTAssertFalse(try Publication(laboratory).differences().isEmpty, "new records change the tables")
    try Publication(laboratory).writeEverything()
    XCTAssertEqual(try Publication(laboratory).differences(), [])
    try writeFile("stray", to: laboratory.figures.appendingPathComponent("xecomla/table99.md"))
    XCTAssertEqual(try Publication(laboratory).differences(), ["xecomla/table99.md: nothing generates it"])
  }
}
