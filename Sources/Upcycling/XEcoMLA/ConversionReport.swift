import Groundwork
import ModelCore

/// What a conversion did.
public struct ConversionReport: Codable, Sendable {
  /// One converted layer.
  public struct Layer: Codable, Sendable {
    /// Its number.
    public var layer: Int
    /// R_q
    public var queryRank: Int
    /// R_kv
    public var kvRank: Int
    /// Share of the squared singular values that the truncation drops.
    public var queryLoss: Double
    /// The same of the stacked key and value matrix.
    public var keyValueLoss: Double
    /// Seconds of one thread in this layer's factorisations.
    public var seconds: Double
  }

  /// Converted layers, ascending; empty for a random start.
  public var layers: [Layer]
  /// Of the converted model.
  public var parameters: Int
  /// Of the base.
  public var baseParameters: Int
  /// Numbers that the whole model caches per token.
  public var kvNumbersPerToken: Int
  /// The same of the base.
  public var baseKVNumbersPerToken: Int
  /// KV cache as a share of the base model's.
  public var kvPercent: Double
  /// The parity rank, when the rank of the query matrix cut it.
  public var queryRankClampedFrom: Int?
  /// Of the whole conversion.
  public var seconds: Double
  /// Measured before any training when there is text to measure on.
  public var fit: StartingFit?

  init(_ weights: ConvertedWeights, seconds: Double) {
    let config = weights.config
    layers = weights.layers.sorted { $0.layer < $1.layer }
    parameters = config.parameterCount
    baseParameters = weights.base.baseModel.parameterCount
    kvNumbersPerToken = config.kvNumbersPerToken
    baseKVNumbersPerToken = config.baseKVNumbersPerToken
    kvPercent = config.kvPercent
    queryRankClampedFrom = weights.queryClampedFrom
    self.seconds = seconds
  }
}
