import Collectives
import Foundation
import Groundwork
import LabKit

/// The published point that an overhead is fitted on.
struct OverheadPointParameters: StageParameters {
  /// Prompts of these lengths: what was published is the largest speed-up among them.
  var sequences: [Int]
  /// That speed-up.
  var published: Double

  enum CodingKeys: String, CodingKey, CaseIterable { case sequences, published }
}

/// `fit_overhead`: what a serving system spends on every layer outside the simulated blocks, from one published speed-up of
/// the time to the first token. Metrics `ms_per_layer` (0 where no overhead meets the point), `speedup` at the point
/// without it, and `residual`, predicted minus published with it.
let fitOverheadStage = Stage(
  name: "fit_overhead", version: 1, parameters: (ScenarioParameters.self, OverheadPointParameters.self), seeded: false,
  run: { context, parameters, point in
    let scenarios = try point.sequences.map { sequence in
      var parameters = parameters
      parameters.sequence = sequence
      return try parameters.scenario()
    }
    let gpus = parameters.gpus
    let overhead = try ServingOverhead(fittedTo: point.published, asLargestOf: scenarios, gpus: gpus)
    func largest(_ overhead: ServingOverhead) -> Double {
      scenarios.map { overhead.times($0, gpus: gpus).speedup }.max()!
    }
    try writeFile(JSONEncoder().encode(overhead), to: overheadFile(in: context.folder))
    return StageResult(metrics: [
      "ms_per_layer": Metric(overhead.millisecondsPerLayer),
      "speedup": Metric(largest(ServingOverhead(millisecondsPerLayer: 0))),
      "residual": Metric(largest(overhead) - point.published),
    ])
  })

/// `serve`: the time to the first token of a method at full scale with a system's fitted `overhead`, by events; nothing is
/// measured. Metrics `speedup` of FarSkip over the ordinary block, `ms` and `standard_ms`.
let serveStage = Stage(
  name: "serve", version: 1, parents: ["overhead"], parameters: ScenarioParameters.self, seeded: false,
  run: { context, parameters in
    let file = overheadFile(in: try context.parent("overhead").folder)
    guard let overhead = try? JSONDecoder().decode(ServingOverhead.self, from: readFile(file)) else {
      throw UpcycleError("holds no overhead", at: file.path, hint: "run the stage fit_overhead again")
    }
    let times = overhead.times(try parameters.scenario(), gpus: parameters.gpus)
    return StageResult(metrics: [
      "speedup": Metric(times.speedup), "ms": Metric(times.farskip), "standard_ms": Metric(times.standard),
    ])
  })

private func overheadFile(in folder: URL) -> URL { folder.appendingPathComponent("overhead.json") }
