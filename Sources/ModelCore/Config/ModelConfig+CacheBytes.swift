/// What a sequence's cache really takes: the published KV percentages leave recurrent states out.
extension ModelConfig {
  /// Bytes per number of a cache.
  public struct CacheTypes: Sendable {
    /// Keys, values, latents, and the last inputs of the convolutions.
    public var keyValue: Int
    /// The states of Mamba2 and Gated DeltaNet.
    public var state: Int

    /// Bytes per number.
    public init(keyValue: Int, state: Int) {
      self.keyValue = keyValue
      self.state = state
    }

    /// As the released models run: bfloat16, states in float32.
    public static let released = CacheTypes(keyValue: 2, state: 4)
    /// As ours run.
    public static let float32 = CacheTypes(keyValue: 4, state: 4)
  }

  /// Numbers of the recurrent states of a layer, without the convolution's last inputs.
  public func recurrentNumbers(layer: Int) -> Int { cacheNeeds(layer: layer).recurrent }

  /// The same for the whole model.
  public var recurrentNumbers: Int { (0..<layerCount).reduce(0) { $0 + recurrentNumbers(layer: $1) } }

  /// Bytes of one sequence's cache at `context` tokens, states included.
  public func cacheBytes(context: Int, _ types: CacheTypes = .released) -> Int {
    types.keyValue * (kvNumbers(context: context) + stateNumbers - recurrentNumbers) + types.state * recurrentNumbers
  }

  /// `cacheBytes` as released models run, in percent of the attention-only model's cache at the same length.
  public func cachePercent(context: Int) -> Double {
    100 * Double(cacheBytes(context: context)) / Double(CacheTypes.released.keyValue * baseKVNumbersPerToken * context)
  }
}
