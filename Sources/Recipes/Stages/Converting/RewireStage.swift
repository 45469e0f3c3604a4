import Foundation
import Groundwork
import LabKit
import ModelCore
import TokenData
import Upcycling

/// Which layers are connected how.
struct RewireParameters: StageParameters {
  /// nil: none; the spec says `"none"`.
  var layers: LayerSelection?
  var connectivity: Connectivity

  enum CodingKeys: String, CodingKey, CaseIterable { case layers, connectivity }

  init(from decoder: any Decoder) throws {
    let box = try decoder.container(keyedBy: CodingKeys.self)
    let isNone = (try? box.decode(String.self, forKey: .layers)) == "none"
    layers = isNone ? nil : try box.decode(LayerSelection.self, forKey: .layers)
    connectivity = try box.decode(OneOf<Connectivity>.self, forKey: .connectivity).wrappedValue
  }
}

/// `rewire`: some layers of the parent model are connected otherwise, its weights stay (FarSkip's naive conversion).
/// `layers` as on the command line (`last:90%`); `none` leaves the model as it is. Metrics `base_loss` and `loss` on
/// held-out text before and after, their difference `damage`, and how many layers are `rewired`.
let rewireStage = Stage(
  name: "rewire", version: 1, parents: ["model"], parameters: RewireParameters.self, seeded: false,
  run: { context, parameters in
    let source = try context.parent("model").folder
    let tokenizer = try Tokenizer.load(from: source)
    let heldOut = try MicroworldText(for: tokenizer).heldOut(tokenizer: tokenizer)
    let outcome = try Rewiring(
      model: source, layers: parameters.layers ?? .all,
      connectivity: parameters.layers == nil ? .standard : parameters.connectivity, heldOut: heldOut
    ).run(to: context.folder)
    guard let losses = outcome.losses else {
      throw UpcycleError("the damage was not measured", at: context.folder.path)
    }
    return StageResult(metrics: [
      "base_loss": Metric(losses.before), "loss": Metric(losses.after), "damage": Metric(losses.after - losses.before),
      "rewired": Metric(Double(outcome.config.rewiredLayers.count)),
    ])
  })
