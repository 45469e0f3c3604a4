import Autograd
import CKernels
import TensorCore

/// The depthwise causal convolution with SiLU in front of a recurrence, over some columns of a layer's projection.
///
/// A sequence remembers the last taps - 1 inputs, [taps - 1, width], at the beginning of its state.
struct ShortConvolution {
  let weights: [Parameter]  // [channels, 1, taps], side by side
  let bias: Parameter?  // of all channels
  let columns: Range<Int>

  /// - Parameter start: column of the projection where the convolved ones begin
  init(_ weights: [Parameter], bias: Parameter? = nil, start: Int) {
    self.weights = weights
    self.bias = bias
    columns = start..<start + weights.reduce(0) { $0 + $1.shape[0] }
  }

  private var taps: Int { weights[0].shape[2] }
  private var width: Int { columns.count }
  /// Numbers a sequence remembers.
  var stateNumbers: Int { (taps - 1) * width }

  /// Training: rows [B, T, *] -> [B, T, width], every sequence from zeros.
  func forward(_ tape: Tape, _ rows: Variable, batch: Int, time: Int) -> Variable {
    tape.causalConv(rows, columns: columns, weights, bias: bias, batch: batch, time: time)
  }

  /// Decoding: rows [N, *] of several sequences -> [N, width]; the sequences' last inputs move on.
  func extend(_ rows: Tensor, _ segments: [CacheSegment]) -> Tensor {
    // Blocks of channels for long segments; a few rows are not worth waking threads.
    let convolved = causalConvolution(
      of: rows, columns: columns, tapsFirst(weights.map(\.value)), bias: bias?.value,
      segments.map { ConvolvedRows($0.rows, history: $0.cache.state) }, block: rows.rowCount < 64 ? width : 64)
    for segment in segments {
      let start = rows.pointer + segment.rows.lowerBound * rows.width + columns.lowerBound
      segment.remember(start, stride: rows.width, width: width, kept: taps - 1)
    }
    return convolved
  }
}

extension CacheSegment {
  /// Moves on the inputs that a causal convolution remembers, [kept, width] at the beginning of the sequence's state.
  /// - Parameters:
  ///   - inputs: of the new tokens, in rows `stride` apart
  ///   - kept: taps - 1
  func remember(_ inputs: UnsafePointer<Float>, stride: Int, width: Int, kept: Int) {
    let (count, history) = (rows.count, cache.state)
    let old = max(0, kept - count)
    if old > 0 { history.update(from: history + (kept - old) * width, count: old * width) }
    let new = kept - old
    up_copy_block(inputs + (count - new) * stride, stride, history + old * width, width, new, width)
  }
}
