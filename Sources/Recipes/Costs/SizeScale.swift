import Groundwork
import ModelCore

/// From a model of the ladder to the one that it stands for. Its ranks and widths are exact fractions of the published ones and
/// its layers a share of them, so that a stage's parameters grow as the model does: r_kv 16 beside n_kv d_h = 64 is 128 beside 512.
struct SizeScale {
  /// The ladder's.
  let own: ModelConfig
  /// What it stands for; the same where it stands for itself.
  let published: ModelConfig

  /// What a parameter is a share of.
  private static func size(of name: String, _ model: ModelConfig) -> Int? {
    switch name {
    case "kv_rank": model.keyValueHeads * model.headDim
    case "q_rank", "hidden_size": model.hiddenSize
    case "rope_dim", "nope_dim": model.headDim
    case "intermediate_size": model.intermediateSize
    case "num_key_value_heads": model.keyValueHeads
    case "count": model.layerCount
    default: nil
    }
  }

  /// A stage's parameters at the published size. Of lists of layers their number is kept, not where they lie, which changes no
  /// work; heads of recurrent mixers are those of the published shape.
  func scaled(_ parameters: JSONValue) -> JSONValue {
    guard own != published, var values = parameters.object else { return parameters }
    func grown(_ number: Int, from own: Int, to published: Int) -> Int {
      max(min(number, 1), Int((Double(number) * Double(published) / Double(own)).rounded()))
    }
    for (name, value) in values {
      guard let number = value.int, let size = Self.size(of: name, own), let target = Self.size(of: name, published)
      else { continue }
      values[name] = .int(grown(number, from: size, to: target))
    }
    if let layers = values["layers"]?.array, own.layerCount != published.layerCount {
      let count = grown(layers.count, from: own.layerCount, to: published.layerCount)
      values["layers"] = .array((0..<count).map(JSONValue.int))
    }
    values["heads"] = nil
    return .object(values)
  }
}
