import Autograd
import CKernels
import TensorCore

/// JetBlock's depthwise causal convolution with SiLU over values: every token has taps of its own, which a network with one
/// hidden layer makes of the layer's input (Jet-Nemotron, section 2.3).
///
///   w_t = W_2 silu(W_1 x_t) + b,  [H V, taps];   u_t = silu(sum_j w_t[:, j] v_{t - (taps - 1) + j})
///
/// A sequence remembers the last taps - 1 values before it, [taps - 1, H V], at the beginning of its state.
struct DynamicConvolution {
  let first: Parameter  // W_1 [H V / reduction, D]
  let second: Parameter  // W_2 [H V taps, H V / reduction]
  let bias: Parameter  // b [H V taps]
  /// Where the values stand in the layer's projection.
  let columns: Range<Int>

  private var width: Int { columns.count }
  private var taps: Int { bias.shape[0] / width }
  /// Numbers a sequence remembers.
  var stateNumbers: Int { (taps - 1) * width }

  /// Of every row of x [.., D]: [.., H V taps].
  private func makeTaps(_ tape: Tape, _ x: Variable) -> Variable {
    tape.linear(tape.silu(tape.linear(x, first)), [second], biases: [bias])
  }

  /// Training: the layer's input x [B, T, D] and its projection [B, T, *] -> [B, T, H V], every sequence from zeros.
  func forward(_ tape: Tape, _ x: Variable, _ projected: Variable, batch: Int, time: Int) -> Variable {
    tape.dynamicConv(projected, columns: columns, taps: makeTaps(tape, x), batch: batch, time: time)
  }

  /// Decoding: rows of several sequences -> [N, H V]; the sequences' last values move on.
  func extend(_ tape: Tape, _ x: Variable, _ projected: Variable, _ segments: [CacheSegment]) -> Tensor {
    let (made, rows) = (makeTaps(tape, x).value, projected.value)
    let convolved = Tensor([rows.rowCount, width])
    Threads.parallel(segments.count) { index in
      let segment = segments[index]
      let row = segment.rows.lowerBound
      let start = rows.pointer + row * rows.width + columns.lowerBound
      up_dynamic_conv(
        start, rows.width, segment.cache.state, made.pointer + row * made.width, made.width,
        convolved.pointer + row * width, width, segment.rows.count, width, taps)
      segment.remember(start, stride: rows.width, width: width, kept: taps - 1)
    }
    return convolved
  }
}
