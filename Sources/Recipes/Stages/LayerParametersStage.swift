import Groundwork
import LabKit
import ModelCore
import Published

/// `layer_parameters`: how many numbers some tensors of one layer's mixer have. `tensors` lists them by the first part
/// of their names below the mixer (`q_proj`), or is `all`. Metric `parameters`.
let layerParametersStage = Stage(
  name: "layer_parameters", version: 1, parameters: ["preset", "layer", "tensors"], seeded: false,
  run: { context in
    let parameters = StageParameters(context.config)
    let config = try ModelConfig.preset(try parameters.string("preset"))
    let layer = try parameters.int("layer")
    guard config.mixers.indices.contains(layer) else {
      throw UpcycleError.usage(
        "layer out of range", at: "layer", expected: "0...\(config.layerCount - 1)", found: "\(layer)")
    }
    let tensors = config.mixerTensors(layer)
    func name(_ tensor: TensorSpec) -> Substring {
      guard case .mixer(let role) = tensor.role else { return "" }
      return role.rawValue.prefix { $0 != "." }
    }
    let wanted = try parameters.spelled("tensors").split(separator: ",")
    if let unknown = wanted.first(where: { part in part != "all" && !tensors.contains { name($0) == part } }) {
      throw UpcycleError.usage(
        "no tensor of this name", at: "tensors", expected: tensors.map { String(name($0)) }.joined(separator: ", "),
        found: String(unknown))
    }
    let counted = tensors.filter { wanted == ["all"] || wanted.contains(name($0)) }
    return StageResult(metrics: ["parameters": Metric(Double(counted.reduce(0) { $0 + $1.count }))])
  })
