import Autograd
import Groundwork
import ModelCore

/// A base and a copy of it with other mixers as one network that has both in every layer (the once-for-all super-network of
/// Jet-Nemotron, arXiv 2508.15884, section 2.2). A path names the layers that are the base's, with attention; the others are
/// the copy's. Everything but the mixers is the same in both.
public struct SuperNetwork {
  /// With attention in every layer; gets no gradient.
  public let base: LanguageModel
  /// The copy.
  public let linear: LanguageModel

  /// - Throws: a usage error for a copy of other depth or width
  public init(base: LanguageModel, linear: LanguageModel) throws {
    try requireCopy(linear, of: base)
    self.base = base
    self.linear = linear
    for parameter in base.parameters.parameters { parameter.isTrainable = false }
  }

  /// Layers.
  public var layerCount: Int { base.layers.count }

  /// What the last layer of a path hands on, before the final norm, [B, T, D]; every sequence from position 0.
  /// - Parameters:
  ///   - attention: the layers that are the base's
  ///   - probe: sees every layer's output
  public func output(
    _ tape: Tape, ids: [Int32], batch: Int, time: Int, attention: Set<Int>, probe: (Int, Variable) -> Void = { _, _ in }
  ) -> Variable {
    let positions = sequencePositions(batch: batch, time: time)
    var x = base.embedded(tape, ids, positionIds: positions, leading: [batch, time])
    for layer in 0..<layerCount {
      let own = (attention.contains(layer) ? base : linear).layers[layer]
      x = own.forward(tape, x, batch: batch, time: time, positionIds: positions)
      probe(layer, x)
    }
    return x
  }

  /// The path that a step trains: a number of attention layers, any from none to all but one, and as many layers, all sets
  /// of that size being equally likely.
  public func path(step: Int, seed: UInt64) -> Set<Int> {
    let stream = RandomStream(seed: seed, "path \(step)")
    var layers = Array(0..<layerCount)
    let count = stream.below(layerCount, at: 0)
    for place in 0..<count {
      layers.swapAt(place, place + stream.below(layerCount - place, at: UInt64(place + 1)))
    }
    return Set(layers.prefix(count))
  }
}
