/// Sizes of the Mamba2 mixer that stands for an attention layer in Zebra-Llama and MambaInLlama (Zebra-Llama,
/// section 3.1.2): heads and head width are the attention's, x and B come from the n_kv value and key heads and
/// are repeated over their groups after the convolution.
///
/// d_inner = n_h d_h, d_xb = n_kv d_h, state size d_h, one B/C group per head.
public struct Mamba2Shape: Equatable, Sendable {
  /// d.
  public let hiddenSize: Int
  /// n_h.
  public let heads: Int
  /// n_kv.
  public let keyValueHeads: Int
  /// d_h, also the state size.
  public let headDim: Int
  /// Taps of the causal convolution.
  public let kernel = 4

  public init(_ attention: ModelConfig) {
    hiddenSize = attention.hiddenSize
    heads = attention.attentionHeads
    keyValueHeads = attention.keyValueHeads
    headDim = attention.headDim
  }

  /// d_inner.
  public var innerSize: Int { heads * headDim }
  /// d_xb.
  public var keyValueSize: Int { keyValueHeads * headDim }
  /// Channels of the convolution: x, B and C.
  public var convolutionSize: Int { innerSize + 2 * keyValueSize }
  /// Rows of the input projection: z, x, B, C, dt.
  public var projectionSize: Int { 2 * innerSize + 2 * keyValueSize + heads }

  /// Input projection, convolution with bias, dt bias, A and D per head, gated norm, output projection.
  /// 14,763,104 for Llama-3.2-1B, 34.705 M for 3B, 58.886 M for 8B.
  public var parameterCount: Int {
    hiddenSize * projectionSize + convolutionSize * (kernel + 1) + 3 * heads + innerSize + innerSize * hiddenSize
  }

  /// Numbers of recurrent state per sequence, whatever its length: d_h x d_h a head.
  public var stateNumbers: Int { heads * headDim * headDim }

  /// Numbers of convolution state per sequence.
  public var convolutionStateNumbers: Int { kernel * convolutionSize }
}

/// Hybrids by arithmetic alone: `layers` of this model hold Mamba2 instead of what its config says.
extension ModelConfig {
  /// All parameters.
  public func parameterCount(mamba2 layers: [Int]) -> Int {
    let mixer = Mamba2Shape(self).parameterCount
    return layers.reduce(parameterCount) { $0 + mixer - mixerParameterCount(layer: $1) }
  }

  /// Numbers cached per token; a recurrent state does not grow with the context and is not counted, as in the papers.
  public func kvNumbersPerToken(mamba2 layers: [Int]) -> Int {
    layers.reduce(kvNumbersPerToken) { $0 - kvNumbersPerToken(layer: $1) }
  }
}
