import Groundwork
import ModelCore
import TensorCore

/// Minitron's pruning in width (Muralidharan et al. 2024, arXiv 2407.14679): the embedding channels, KV groups with their
/// query heads and feed-forward channels of the largest activations stay (`ActivationImportance`), the others go, in one
/// shot. What is left is a smaller model of the same family, to be distilled from its parent.
///
/// Embedding channels are the same everywhere, for the residual stream is one; groups and feed-forward channels are chosen
/// layer by layer. Head widths stay. The paper's folding of removed heads into those that stay is left out: its 8B model
/// keeps all heads.
public struct WidthPruning: Codable, Equatable, Sendable {
  /// d of the pruned model (`hidden_size`); nil: as it is.
  public var hiddenSize: Int?
  /// `intermediate_size`; nil: as it is.
  public var intermediateSize: Int?
  /// `num_key_value_heads`; nil: as it is.
  public var keyValueHeads: Int?

  /// Nothing is removed unless it is said.
  public init(hiddenSize: Int? = nil, intermediateSize: Int? = nil, keyValueHeads: Int? = nil) {
    self.hiddenSize = hiddenSize
    self.intermediateSize = intermediateSize
    self.keyValueHeads = keyValueHeads
  }

  /// Refuses what cannot be done to this base model, naming the option; returns its layers.
  public func validate(base: ModelConfig) throws -> [Int] {
    for (size, field, most, what) in [
      (hiddenSize, "hidden_size", base.hiddenSize, "embedding channels"),
      (intermediateSize, "intermediate_size", base.intermediateSize, "feed-forward channels"),
      (keyValueHeads, "num_key_value_heads", base.keyValueHeads, "KV groups"),
    ] {
      if let size, !(1...max(1, most)).contains(size) {
        throw UpcycleError.usage(
          "is not what can be left", field: field, expected: "1...\(most), the \(what) there are", found: "\(size)")
      }
    }
    if let layer = base.mixers.firstIndex(where: { $0 != .attention }) {
      throw UpcycleError.usage(
        "is not an attention layer", field: "model", expected: "attention in every layer",
        found: "layer \(layer): \(base.mixers[layer].rawValue)")
    }
    let extras = [
      (base.experts != nil, "experts"), (base.block.isUngated || !base.hasFeedForward, "no gated feed-forward"),
      (base.block.learnsPositions, "learned positions"), (base.block.usesLayerNorm, "LayerNorm"),
      (base.attention.outputGate, "attn_output_gate"), (base.attention.qkNormSpansHeads, "norms across heads"),
      (base.connectivities.contains { $0 != .standard }, "farskip_connectivity"),
    ]
    if let extra = extras.first(where: { $0.0 })?.1 {
      throw UpcycleError.usage(
        "cannot be pruned in width", field: "model", expected: "attention and gated feed-forwards, as in Llama",
        found: extra)
    }
    let pruned = shape(of: base)
    try pruned.validate(file: "pruned configuration")
    // Some families derive factors from their sizes.
    if try ModelConfig(json: pruned.json, file: "pruned configuration") != pruned {
      throw UpcycleError.usage(
        "has factors that follow from its width", field: "model", expected: "a family such as Llama",
        found: base.architecture.rawValue)
    }
    return Array(0..<base.layerCount)
  }

  /// The pruned model's shape.
  public func shape(of base: ModelConfig) -> ModelConfig {
    var config = base
    config.hiddenSize = hiddenSize ?? base.hiddenSize
    config.intermediateSize = intermediateSize ?? base.intermediateSize
    config.keyValueHeads = keyValueHeads ?? base.keyValueHeads
    config.attentionHeads = base.attentionHeads / base.keyValueHeads * config.keyValueHeads
    return config
  }
}

/// Prunes a model in memory; `base` is left as it was.
/// - Returns: the model, and what share of its importance each layer lost: the mean over what was narrowed, of embedding (which
///   all layers share), groups and channels
public func convert(
  base: LanguageModel, _ pruning: WidthPruning, importance: ActivationImportance
) throws -> (model: LanguageModel, lost: [Int: Double]) {
  let layers = try pruning.validate(base: base.config)
  let config = pruning.shape(of: base.config)
  let hidden = largest(importance.hidden, config.hiddenSize)
  let groups = importance.layers.map { largest($0.groups, config.keyValueHeads) }
  let channels = importance.layers.map { largest($0.channels, config.intermediateSize) }
  var made: [TensorPlace: Tensor] = [:]
  for (parameter, tensor) in zip(base.parameters.parameters, base.tensors) {
    let layer = tensor.layer ?? 0
    func rows(_ heads: Int) -> [Int] { spread(groups[layer], width: heads * base.config.headDim) }
    let queries = rows(base.config.attentionHeads / base.config.keyValueHeads)
    let (kept, keptColumns): ([Int]?, [Int]?) =
      switch tensor.role {
      case .embedding, .head: (nil, hidden)
      case .finalNorm, .inputNorm, .transformNorm, .mixerOutputNorm, .transformOutputNorm: (hidden, nil)
      case .mixer(.query): (queries, hidden)
      case .mixer(.key), .mixer(.value): (rows(1), hidden)
      case .mixer(.queryBias): (queries, nil)
      case .mixer(.keyBias), .mixer(.valueBias): (rows(1), nil)
      case .mixer(.output): (hidden, queries)
      case .mixer(.outputBias): (hidden, nil)
      case .feedForward(.gate), .feedForward(.up): (channels[layer], hidden)
      case .feedForward(.down): (hidden, channels[layer])
      default: (nil, nil)
      }
    made[tensor.place] = parameter.value.keeping(rows: kept, columns: keptColumns)
  }
  let model = try LanguageModel(
    config, weights: ReplacedWeights(source: ModelWeights(base), base: base.config, made: made), file: "pruned model")
  func dropped(_ all: [Double], _ kept: [Int]) -> Double? {
    let sum = all.reduce(0, +)
    if kept.count == all.count { return nil }
    return sum > 0 ? 1 - kept.reduce(0) { $0 + all[$1] } / sum : 0
  }
  let lost = layers.map { layer in
    let own = importance.layers[layer]
    let parts = [
      dropped(importance.hidden, hidden), dropped(own.groups, groups[layer]), dropped(own.channels, channels[layer]),
    ].compactMap { $0 }
    return (layer, parts.reduce(0, +) / Double(max(1, parts.count)))
  }
  return (model, Dictionary(uniqueKeysWithValues: lost))
}

/// Indices of the largest values, ascending; of equal ones the first.
private func largest(_ values: [Double], _ count: Int) -> [Int] {
  values.indices.sorted { values[$0] == values[$1] ? $0 < $1 : values[$0] > values[$1] }.prefix(count).sorted()
}

/// Numbers of blocks of `width`.
private func spread(_ blocks: [Int], width: Int) -> [Int] { blocks.flatMap { $0 * width..<($0 + 1) * width } }

extension Tensor {
  /// Some rows and columns; a vector is one column. nil: all.
  fileprivate func keeping(rows: [Int]?, columns: [Int]?) -> Tensor {
    let isVector = shape.count == 1
    let (height, width) = isVector ? (count, 1) : (shape[0], count / shape[0])
    let (rows, columns) = (rows ?? Array(0..<height), columns ?? Array(0..<width))
    let result = Tensor(
      isVector ? [rows.count] : [rows.count] + (shape.count == 2 ? [columns.count] : shape.dropFirst()))
    var next = result.pointer
    for row in rows {
      for column in columns {
        next.pointee = pointer[row * width + column]
        next += 1
      }
    }
    return result
  }
}
