import Groundwork
import ModelCore

/// A family from outside of ModelCore: other keys and other names than anybody else's, running means below attention.
struct Toy: Family {
  let architecture = Architecture(rawValue: "toy")
  let className = "ToyForCausalLM"
  let isConvertible = false

  var names: TensorNames {
    var names = TensorNames()
    names.embedding = "toy.words"
    names.layers = "toy.blocks"
    names.inputNorm = "first"
    names.mixers = [.attention: "look", RunningMean.kind: "average"]
    names.mixerTensors = [RunningMean.kind: [.value: "in", .output: "out"]]
    names.transformNorm = "second"
    names.finalNorm = "toy.last"
    return names
  }

  /// `means` layers with a running mean, then `looks` with attention.
  func read(_ model: JSONObject) throws -> ModelConfig {
    let means = try model.required("means", in: 0...64)
    let looks = try model.required("looks", in: 0...64)
    return ModelConfig(
      architecture: architecture, hiddenSize: try model.required("d", in: 1...4096), layerCount: means + looks,
      attentionHeads: try model.required("heads", in: 1...64), keyValueHeads: try model.required("heads", in: 1...64),
      intermediateSize: try model.required("f", in: 1...4096),
      vocabularySize: try model.required("words", in: 1...4096), tieWordEmbeddings: true,
      mixers: Array(repeating: RunningMean.kind, count: means) + Array(repeating: .attention, count: looks))
  }

  func json(_ config: ModelConfig) -> [String: JSONValue] {
    identityJSON.merging([
      "d": .int(config.hiddenSize), "heads": .int(config.attentionHeads), "f": .int(config.intermediateSize),
      "words": .int(config.vocabularySize), "means": .int(config.layers(of: RunningMean.kind).count),
      "looks": .int(config.layers(of: .attention).count),
    ]) { $1 }
  }
}
