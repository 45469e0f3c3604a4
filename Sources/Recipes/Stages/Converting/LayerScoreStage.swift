import Groundwork
import LabKit
import Upcycling

/// Which layer.
struct LayerScoreParameters: StageParameters {
  var layer: Int

  enum CodingKeys: String, CodingKey, CaseIterable { case layer }
}

/// `layer_score`: one layer's score of a `sensitivity` parent, as metric `sensitivity`.
let layerScoreStage = Stage(
  name: "layer_score", version: 1, parents: ["scores"], parameters: LayerScoreParameters.self, seeded: false,
  run: { context, parameters in
    let scores = try LayerScores(contentsOf: scoreFile(in: context.parent("scores").folder)).values
    guard scores.indices.contains(parameters.layer) else {
      throw UpcycleError.usage(
        "layer out of range", field: "layer", expected: "0...\(scores.count - 1)", found: "\(parameters.layer)")
    }
    return StageResult(metrics: ["sensitivity": Metric(scores[parameters.layer])])
  })
