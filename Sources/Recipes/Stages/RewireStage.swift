import Foundation
import Groundwork
import LabKit
import ModelCore
import TokenData
import Upcycling

/// `rewire`: some layers of the parent model are connected otherwise, its weights stay (FarSkip's naive conversion).
/// `layers` as on the command line (`last:90%`); `none` leaves the model as it is. Metrics `base_loss` and `loss` on
/// held-out text before and after, their difference `damage`, and how many layers are `rewired`.
let rewireStage = Stage(
  name: "rewire", version: 1, parents: ["model"], parameters: ["layers", "connectivity"], seeded: false,
  run: { context in
    let parameters = StageParameters(context.config)
    let source = try context.parent("model").folder
    let layers = try parameters.spelled("layers")
    let connectivity = try parameters.choice("connectivity", Connectivity.self)
    let heldOut = try MicroworldText(try Places().microworld).shards(
      .instruction, .validation, tokens: heldOutTokens, tokenizer: Tokenizer.load(from: source))
    let isLeft = layers == "none"
    let outcome = try Rewiring(
      model: source, layers: isLeft ? .all : LayerSelection(layers), connectivity: isLeft ? .standard : connectivity,
      heldOut: heldOut
    ).run(to: context.folder)
    guard let losses = outcome.losses else {
      throw UpcycleError("the damage was not measured", at: context.folder.path)
    }
    return StageResult(metrics: [
      "base_loss": Metric(losses.before), "loss": Metric(losses.after), "damage": Metric(losses.after - losses.before),
      "rewired": Metric(Double(outcome.config.rewiredLayers.count)),
    ])
  })
