import Foundation
import Groundwork
import ModelCore
import TensorCore

/// A model of latent attention alone in the spelling of DeepSeek-V3, which transformers, mlx-lm and others compute.
///
/// That class norms both latents. Where ours has no such norm, a constant channel makes it the identity: with R
/// channels, x in the first r, B in the last and zeros between, RMS norm gives
///
///   x w / sqrt((|x|^2 + B^2) / R) = x / sqrt(1 + |x|^2 / B^2)   for w = B / sqrt(R),
///
/// which is x to float32 as long as |x| is far below B = 2^14. The channel comes from the down-projection's bias, and
/// the up-projection has zero columns behind r. Up-projections that have biases (those of Qwen2 come to stand there) keep
/// them in the constant's column: its norm weight is then 1, so that it is sqrt(R) behind the norm.
struct DeepSeekV3Layout {
  let config: ModelConfig
  let latent: LatentConfig
  /// Without a width of its own.
  let rope: RopeConfig
  private let (channel, queryChannel): (Float, Float)
  private let type: ExportedType

  /// - Returns: nil where the class does not compute the model
  init?(_ config: ModelConfig, type: ExportedType) {
    guard let latent = config.latent, config.kinds == [.latentAttention], config.experts == nil,
      config.hasFeedForward, config.normOffset == 0, config.rewiredLayers.isEmpty, config.isKnownToExports,
      !latent.qkNorm, !latent.outputGate, !latent.isPositionFree, config.attention.unrotatedLayers.isEmpty,
      !latent.latentNorm || latent.latentNormEps == Self.latentEps
    else { return nil }
    self.config = config
    self.latent = latent
    let ranks = (0..<config.layerCount).map { latent.ranks(layer: $0) }
    // A layer with direct queries among others could have no norm on its latent.
    if latent.latentNorm, Set(ranks.map { $0.q == nil }).count > 1 { return nil }
    // Nor have direct queries, or up-projections of normed latents, a place for a bias.
    if latent.qkvBias, latent.latentNorm || ranks.contains(where: { $0.q == nil }) { return nil }
    guard let rope = Self.rope(config.latentRope, dim: latent.ropeHeadDim) else { return nil }
    self.rope = rope
    self.type = type
    channel = Self.channel(width: Self.width(ranks.map(\.kv).max() ?? 0, latent.latentNorm), type: type)
    queryChannel = Self.channel(width: Self.width(ofQueries: ranks.map(\.q), latent.latentNorm) ?? 0, type: type)
  }

  /// The epsilon of the class's latent norms, which no key sets.
  private static let latentEps = 1e-6

  // MARK: Ranks

  private var ranks: [LatentConfig.Ranks] { (0..<config.layerCount).map { latent.ranks(layer: $0) } }

  /// Channels of a latent: those of the largest rank, and without norms the constant one, together an even number.
  private static func width(_ rank: Int, _ isNormed: Bool) -> Int { isNormed ? rank : (rank + 2) / 2 * 2 }
  var keyValueWidth: Int { Self.width(ranks.map(\.kv).max() ?? 0, latent.latentNorm) }
  /// nil where some layer has direct queries: then all do.
  var queryWidth: Int? { Self.width(ofQueries: ranks.map(\.q), latent.latentNorm) }

  private static func width(ofQueries ranks: [Int?], _ isNormed: Bool) -> Int? {
    let widths = ranks.compactMap { $0 }
    return widths.count < ranks.count ? nil : widths.max().map { isNormed ? $0 : $0 + 1 }
  }

  /// B: 2^14, or of the 128 next numbers that bfloat16 has the one whose w that type holds best.
  private static func channel(width: Int, type: ExportedType) -> Float {
    let power = Float(1 << 14)
    guard type == .bfloat16, width > 0 else { return power }
    func error(_ candidate: Float) -> Float {
      let exact = candidate / Float(width).squareRoot()
      return abs(BFloat16.decode(BFloat16.encode(exact)) / exact - 1)
    }
    return (0..<128).map { power * (1 + Float($0) / 128) }.min { error($0) < error($1) } ?? power
  }

  // MARK: Positions

  /// Rotary parameters without a width of their own: theta^(d_r / D) has the frequencies of D. nil where the scaling
  /// rule does not follow.
  private static func rope(_ rope: RopeConfig, dim: Int) -> RopeConfig? {
    var rope = rope
    // The rule has factors for every pair of a base's head, the class for those that turn.
    if case .longRope(var rule) = rope.scaling {
      rule.shortFactors = Array(rule.shortFactors.prefix(dim / 2))
      rule.longFactors = Array(rule.longFactors.prefix(dim / 2))
      rope.scaling = .longRope(rule)
    }
    guard let width = rope.frequencyDim, width != dim else { return rope }
    var plain = rope
    plain.frequencyDim = nil
    plain.theta = pow(rope.theta, Double(dim) / Double(width))
    let pairs = zip(plain.inverseFrequencies(dim: dim), rope.inverseFrequencies(dim: dim))
    return pairs.allSatisfy { abs($0 / $1 - 1) < 1e-6 } ? plain : nil
  }

  /// What queries are multiplied by where the softmax scale is not the class's own.
  private var queryFactor: Float {
    Float(config.latentScale * Double(latent.queryKeyHeadDim).squareRoot() / rope.latentScaleFactor)
  }

  // MARK: Keys

  var json: [String: JSONValue] {
    var object = config.tokenIds.merging(sizes.mapValues { .int($0) }) { $1 }
    object["model_type"] = .string("deepseek_v3")
    object["architectures"] = .array([.string("DeepseekV3ForCausalLM")])
    object["hidden_act"] = .string("silu")
    object["q_lora_rank"] = queryWidth.map { .int($0) }
    object["attention_bias"] = .bool(!latent.latentNorm)
    object["rope_interleave"] = .bool(latent.ropeInterleaved)
    object["rope_parameters"] = rope.json
    object = ModelConfig.withOlderRopeKeys(object, rope: rope)
    object["rms_norm_eps"] = .double(config.rmsNormEps)
    object["tie_word_embeddings"] = .bool(config.tieWordEmbeddings)
    object["routed_scaling_factor"] = .double(1)
    object["norm_topk_prob"] = .bool(true)
    // The class takes 1536 where the key is absent.
    if queryWidth == nil { object["q_lora_rank"] = .null }
    return object
  }

  private var sizes: [String: Int] {
    [
      "vocab_size": config.vocabularySize, "hidden_size": config.hiddenSize,
      "intermediate_size": config.intermediateSize, "num_hidden_layers": config.layerCount,
      "num_attention_heads": config.attentionHeads, "num_key_value_heads": config.attentionHeads,
      "kv_lora_rank": keyValueWidth, "qk_nope_head_dim": latent.nopeHeadDim, "qk_rope_head_dim": latent.ropeHeadDim,
      "qk_head_dim": latent.queryKeyHeadDim, "v_head_dim": latent.valueHeadDim, "head_dim": latent.ropeHeadDim,
      "max_position_embeddings": config.maxPosition,
      // No layer has experts; the class wants numbers all the same.
      "first_k_dense_replace": config.layerCount, "moe_layer_freq": 1, "n_routed_experts": 1, "n_shared_experts": 1,
      "num_experts_per_tok": 1, "n_group": 1, "topk_group": 1, "moe_intermediate_size": 8,
      "num_nextn_predict_layers": 0,
    ]
  }

  // MARK: Tensors

  var tensors: [ExportedTensor] {
    config.tensors.filter { !$0.isMixers && $0.layer == nil && $0.role != .finalNorm && $0.role != .head }
      .map { ExportedTensor($0) }
      + (0..<config.layerCount).flatMap(layer) + [ExportedTensor(config.finalNormTensor)]
      + (config.tieWordEmbeddings ? [] : [ExportedTensor(config.headTensor)])
  }

  private func layer(_ layer: Int) -> [ExportedTensor] {
    var mixer = queries(layer) + keysAndValues(layer)
    mixer.append(ExportedTensor(spec(.output, layer), as: name(layer, "o_proj.weight")))
    if !latent.latentNorm {
      mixer.append(ExportedTensor(name(layer, "o_proj.bias"), filled: config.hiddenSize, with: 0))
    }
    let others = config.layerTensors(layer).filter { !$0.isMixers }
    return others.prefix(1).map { ExportedTensor($0) } + mixer + others.dropFirst().map { ExportedTensor($0) }
  }

  private func queries(_ layer: Int) -> [ExportedTensor] {
    let (width, factor) = (config.hiddenSize, queryFactor)
    let rows = config.attentionHeads * latent.queryKeyHeadDim
    guard let padded = queryWidth, let rank = ranks[layer].q else {
      // q = W_q_b W_q_a x, where there are two.
      return [
        ExportedTensor(name(layer, "q_proj.weight"), [rows, width]) { source in
          guard ranks[layer].q != nil else {
            return try source.read(spec(.query, layer)).padded(rows: rows, columns: width, factor: factor)
          }
          return try source.read(spec(.queryUp, layer)).matrixProduct(source.read(spec(.queryDown, layer)))
            .padded(rows: rows, columns: width, factor: factor)
        }
      ]
    }
    var tensors = [
      ExportedTensor(name(layer, "q_a_proj.weight"), [padded, width]) {
        try $0.read(spec(.queryDown, layer)).padded(rows: padded, columns: width)
      }
    ]
    if !latent.latentNorm {
      tensors.append(
        constant(ExportedTensor(name(layer, "q_a_proj.bias"), filled: padded, with: 0), queryChannel, channels: padded))
    }
    tensors.append(
      norm(name(layer, "q_a_layernorm.weight"), .queryLatentNorm, layer, rank: rank, queryChannel, channels: padded))
    tensors.append(
      ExportedTensor(name(layer, "q_b_proj.weight"), [rows, padded]) {
        let up = try $0.read(spec(.queryUp, layer)).padded(rows: rows, columns: padded, factor: factor)
        return try latent.qkvBias ? up.endingWith($0.read(spec(.queryUpBias, layer)), factor: factor) : up
      })
    return tensors
  }

  private func keysAndValues(_ layer: Int) -> [ExportedTensor] {
    let (rank, padded, width) = (ranks[layer].kv, keyValueWidth, config.hiddenSize)
    let (turned, block) = (latent.ropeHeadDim, latent.nopeHeadDim + latent.valueHeadDim)
    var tensors = [
      // Latent rows, zeros, rows of the rope key.
      ExportedTensor(name(layer, "kv_a_proj_with_mqa.weight"), [padded + turned, width]) {
        let down = try $0.read(spec(.keyValueDown, layer))
        let all = down.rows(0..<rank).padded(rows: padded + turned, columns: width)
        (all.pointer + padded * width).update(from: down.pointer + rank * width, count: turned * width)
        return all
      }
    ]
    if !latent.latentNorm {
      let bias = ExportedTensor(name(layer, "kv_a_proj_with_mqa.bias"), [padded + turned]) {
        guard latent.qkvBias else { return Tensor.zeros([padded + turned]) }
        let down = try $0.read(spec(.keyValueDownBias, layer)).reshaped([rank + turned, 1])
        let all = down.rows(0..<rank).padded(rows: padded + turned, columns: 1)
        (all.pointer + padded).update(from: down.pointer + rank, count: turned)
        return all.reshaped([padded + turned])
      }
      tensors.append(constant(bias, channel, channels: padded))
    }
    tensors.append(
      norm(name(layer, "kv_a_layernorm.weight"), .keyValueLatentNorm, layer, rank: rank, channel, channels: padded))
    // Heads that share a base head's keys and values get their own copy.
    let shared = config.attentionHeads / latent.upProjectionHeads
    let order = (0..<config.attentionHeads).flatMap { head in (0..<block).map { head / shared * block + $0 } }
    tensors.append(
      ExportedTensor(name(layer, "kv_b_proj.weight"), [order.count, padded]) {
        let up = try $0.read(spec(.keyValueUp, layer)).rows(order).padded(rows: order.count, columns: padded)
        guard latent.qkvBias else { return up }
        let bias = try $0.read(spec(.keyValueUpBias, layer))
        return up.endingWith(bias.reshaped([bias.count, 1]).rows(order), factor: 1)
      })
    return tensors
  }

  /// The bias of a down-projection with B in the last channel of its latent.
  private func constant(_ bias: ExportedTensor, _ channel: Float, channels: Int) -> ExportedTensor {
    ExportedTensor(bias.name, bias.shape) { source in
      let values = try bias.values(source)
      values.pointer[channels - 1] = channel
      return values
    }
  }

  /// The norm of a latent of `rank` numbers in more channels: zeros add nothing to the sum of squares, but to what it
  /// is divided by.
  private func norm(
    _ name: String, _ role: MixerRole, _ layer: Int, rank: Int, _ channel: Float, channels: Int
  ) -> ExportedTensor {
    ExportedTensor(name, [channels]) { source in
      let values = Tensor.zeros([channels])
      if latent.latentNorm {
        let weights = try source.read(spec(role, layer))
        let factor = (Float(rank) / Float(channels)).squareRoot()
        for index in 0..<rank { values.pointer[index] = weights.pointer[index] * factor }
      } else {
        for index in 0..<rank { values.pointer[index] = channel / Float(channels).squareRoot() }
        if latent.qkvBias { values.pointer[channels - 1] = 1 }
      }
      return values
    }
  }

  private func name(_ layer: Int, _ tensor: String) -> String { "model.layers.\(layer).self_attn.\(tensor)" }

  private func spec(_ role: MixerRole, _ layer: Int) -> TensorSpec {
    guard let spec = config.tensor(role, layer: layer) else { preconditionFailure("layer \(layer) has no \(role)") }
    return spec
  }
}

extension Tensor {
  /// An up-projection [rows, R] that reads its bias [rows] from the last channel, which is sqrt(R) behind the norm.
  fileprivate func endingWith(_ bias: Tensor, factor: Float) -> Tensor {
    for row in 0..<rowCount {
      pointer[row * width + width - 1] = factor * bias.pointer[row] / Float(width).squareRoot()
    }
    return self
  }
}
