import Collectives
import Groundwork
import LabKit

/// How much of the ordinary step is communication.
struct SharesParameters: StageParameters {
  var percents: [Double]

  enum CodingKeys: String, CodingKey, CaseIterable { case percents }
}

/// `simulate_shares`: one method against how much there is to hide. The collectives of the scenario are stretched until
/// they take each of `percents` of the ordinary step. Series `speedup` [[percent, speed-up]]; metrics `best_speedup` and
/// `best_percent`, where it is.
let simulateSharesStage = Stage(
  name: "simulate_shares", version: 1, parameters: (ScenarioParameters.self, SharesParameters.self), seeded: false,
  run: { _, parameters, shares in
    var scenario = try parameters.scenario()
    let (gpus, percents) = (parameters.gpus, shares.percents)
    guard !percents.isEmpty, percents.allSatisfy({ $0 > 0 && $0 < 100 }) else {
      throw UpcycleError.usage("are no shares", field: "percents", expected: "a list of numbers between 0 and 100")
    }
    let curve = percents.map { percent in
      scenario.share = percent / 100
      let standard = scenario.times(.standard, gpus: gpus).milliseconds
      return [percent, standard / scenario.times(parameters.method, gpus: gpus).milliseconds]
    }
    let best = curve.max { $0[1] < $1[1] }!
    return StageResult(
      metrics: ["best_percent": Metric(best[0]), "best_speedup": Metric(best[1])], series: ["speedup": curve])
  })
