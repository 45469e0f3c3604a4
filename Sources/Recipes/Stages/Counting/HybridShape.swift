import Groundwork
import LabKit
import ModelCore
import Upcycling

/// A preset with other mixers. With `kv_rank` the listed `layers` are latent, without it they stay attention; `rest`
/// says what the other layers become. `up_heads` key_value counts Zebra-Llama's up-projection (n_kv heads), query
/// X-EcoMLA's (n_h).
struct HybridShape: StageParameters {
  enum Rest: String, CaseIterable { case mamba2, gdn }
  enum UpHeads: String, CaseIterable { case query, keyValue = "key_value" }

  var preset: String
  /// nil: no latent attention, and neither the query rank nor the head's widths have a meaning.
  var kvRank: Int?
  var queryRank: QueryRank?
  var ropeHeadDim: Int?
  var nopeHeadDim: Int?
  var layers: LayerSelection?
  /// nil: query.
  var upHeads: OneOf<UpHeads>?
  /// nil: the other layers stay attention.
  var rest: OneOf<Rest>?

  enum CodingKeys: String, CodingKey, CaseIterable {
    case preset
    case kvRank = "kv_rank"
    case queryRank = "q_rank"
    case ropeHeadDim = "rope_dim"
    case nopeHeadDim = "nope_dim"
    case layers
    case upHeads = "up_heads"
    case rest
  }

  /// The shape as a config.
  func config() throws -> ModelConfig {
    let base = try ModelConfig.preset(preset)
    if kvRank == nil && rest == nil { return base }
    let listed = try given(layers, .layers).resolve(layerCount: base.layerCount)
    let others = (0..<base.layerCount).filter { !listed.contains($0) }
    let config = try kvRank.map { try base.withLatentAttention(latent($0, base), layers: listed) } ?? base
    return switch rest?.wrappedValue {
    case .mamba2: try config.withMamba2(layers: others)
    case .gdn: try config.withGatedDeltaNet(layers: others)
    case nil: config
    }
  }

  private func latent(_ kvRank: Int, _ base: ModelConfig) throws -> LatentConfig {
    let (rope, nope) = (try given(ropeHeadDim, .ropeHeadDim), try given(nopeHeadDim, .nopeHeadDim))
    let upHeads = upHeads?.wrappedValue == .keyValue ? base.keyValueHeads : base.attentionHeads
    let rank = try given(queryRank, .queryRank).resolve(
      base: base, kvRank: kvRank, nopeHeadDim: nope, ropeHeadDim: rope, upProjectionHeads: upHeads, granule: 1)
    return LatentConfig(
      qRank: rank.rank, kvRank: kvRank, nopeHeadDim: nope, ropeHeadDim: rope, valueHeadDim: base.headDim,
      upProjectionHeads: upHeads)
  }

  private func given<Value>(_ value: Value?, _ key: CodingKeys) throws -> Value {
    guard let value else { throw UpcycleError.usage("is missing", field: key.rawValue) }
    return value
  }
}
