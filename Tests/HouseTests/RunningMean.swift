import Autograd
import ModelCore
import TensorCore

/// A mixer from outside of ModelCore: every token gets the mean of the values so far.
///
///   v = x W_v^T;   y_t = (1 / (t + 1)) sum_{s <= t} v_s;   out = y W_o^T
///
/// Legend: B batch, T time, D model width. A sequence remembers the sum [D]; how many it summed is the cache's length.
struct RunningMean: Mixer {
  static let kind = MixerKind(rawValue: "running_mean")
  static let shortName = "mean"
  static let moduleName = "mean"

  private let value: Parameter  // [D, D]
  private let output: Parameter  // [D, D]

  static func tensors(_ config: ModelConfig, layer: Int) -> [MixerTensor] {
    let square = [config.hiddenSize, config.hiddenSize]
    return [MixerTensor(.value, square), MixerTensor(.output, square, start: .residual)]
  }

  static func cacheNeeds(_ config: ModelConfig, layer: Int) -> CacheNeeds {
    CacheNeeds(recurrent: config.hiddenSize)
  }

  static func costs(_ config: ModelConfig, layer: Int) -> MixerCosts {
    MixerCosts(productsPerToken: config.hiddenSize, keptNumbersPerToken: 2 * config.hiddenSize)
  }

  init(_ config: ModelConfig, layer: Int, weights: LayerWeights) throws {
    value = try weights[.value]
    output = try weights[.output]
  }

  /// Attention whose scores are all the same is a mean.
  func forward(
    _ tape: Tape, _ x: Variable, batch: Int, time: Int, positionIds: [Int32], between: () -> Void
  ) -> Variable {
    let v = tape.linear(x, value)
    between()
    let whole = HeadSlices(v, HeadLayout(stride: v.width, heads: 1, width: v.width))
    let mean = tape.attention(q: whole, k: whole, v: whole, batch: batch, time: time, scale: 0)
    return tape.linear(mean, output)
  }

  func extend(_ tape: Tape, _ x: Variable, _ segments: [CacheSegment], positionIds: [Int32]) -> Variable {
    let v = tape.linear(x, value).value
    let mean = Tensor([x.rowCount, v.width])
    for segment in segments {
      let seen = segment.cache.length
      segment.cache.append(segment.rows.count)
      for (index, row) in segment.rows.enumerated() {
        for column in 0..<v.width {
          segment.cache.state[column] += v.pointer[row * v.width + column]
          mean.pointer[row * v.width + column] = segment.cache.state[column] / Float(seen + index + 1)
        }
      }
    }
    return tape.linear(tape.constant(mean), output)
  }
}
