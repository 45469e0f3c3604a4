import ModelCore

/// Floating-point operations of one token, in parts.
extension ModelConfig {
  /// Of the head's product.
  var headFLOPsPerToken: Double { 2 * Double(vocabularySize) * Double(hiddenSize) }

  /// Of the forward pass through all layers, without the head.
  func layerFLOPsPerToken(context: Int) -> Double { forwardFLOPsPerToken(context: context) - headFLOPsPerToken }

  /// Of the forward pass through all feed-forwards of a dense model.
  var feedForwardFLOPsPerToken: Double { 2 * Double(feedForwardParameterCount) }

  /// Of all layers.
  var feedForwardParameterCount: Int { (0..<layerCount).reduce(0) { $0 + feedForwardParameterCount(layer: $1) } }

  /// Of all layers.
  var mixerParameterCount: Int { (0..<layerCount).reduce(0) { $0 + mixerParameterCount(layer: $1) } }
}
