import CKernels
import TensorCore

extension Tape {
  /// Depthwise causal convolution and SiLU over columns of x (Mamba2, Gated DeltaNet): [B, T, *] ->
  /// [B, T, columns.count],
  ///   y[t, c] = silu(bias[c] + sum_j weight[c, j] x[t - (K - 1) + j, c]), every sequence from zeros.
  /// - Parameters:
  ///   - weights: [channels, 1, K], as PyTorch's Conv1d; several give their channels side by side
  ///   - bias: of all channels, or none
  public func causalConv(
    _ x: Variable, columns: Range<Int>, _ weights: [Parameter], bias: Parameter? = nil, batch: Int, time: Int
  ) -> Variable {
    let (width, taps) = (columns.count, weights[0].shape[2])
    precondition(weights.reduce(0) { $0 + $1.shape[0] } == width && x.rowCount == batch * time)
    precondition(bias.map { $0.shape == [width] } ?? true)
    let byTap = tapsFirst(weights.map(\.value))
    let sequences = (0..<batch).map { ConvolvedRows($0 * time..<($0 + 1) * time) }
    let y = causalConvolution(of: x.value, columns: columns, byTap, bias: bias?.value, sequences)
    return record(y, inputs: [x], parameters: weights + (bias.map { [$0] } ?? [])) { dy in
      let (dyPointer, weightGradient) = (dy.pointer, Tensor.zeros([taps + 1, width]))
      // Each block with all sequences in order: the sums do not depend on the thread count.
      let scratch = Tensor([width])
      let biasPointer = bias?.value.pointer
      func run(_ dx: Tensor) {
        parallelChannels(1, width) { _, channels in
          let channel = channels.lowerBound
          for b in 0..<batch {
            let row = b * time * x.width + columns.lowerBound + channel
            up_causal_conv_backward(
              x.value.pointer + row, x.width, byTap.pointer + channel, width, biasPointer.map { $0 + channel },
              dyPointer + b * time * width + channel, width, dx.pointer + row, x.width,
              weightGradient.pointer + channel, width, weightGradient.pointer + taps * width + channel,
              scratch.pointer + channel, time, channels.count, taps)
          }
        }
      }
      if x.id >= 0 { self.addingGradient(of: x, run) } else { run(Tensor.zeros(x.shape)) }
      var first = 0
      for weight in weights {
        if weight.isTrainable { addTransposed(weightGradient.pointer + first, width, into: weight.gradientBuffer()) }
        first += weight.shape[0]
      }
      if let bias, bias.isTrainable {
        up_axpy(1, weightGradient.pointer + taps * width, bias.gradientBuffer().pointer, width)
      }
    }
  }
}

/// Rows of a sequence among those of several.
public struct ConvolvedRows {
  /// Where they stand.
  public var rows: Range<Int>
  /// The K - 1 inputs before them, [K - 1, channels]; nil: zeros.
  public var history: UnsafePointer<Float>?

  /// - Parameter history: [K - 1, channels]; nil: zeros
  public init(_ rows: Range<Int>, history: UnsafePointer<Float>? = nil) {
    self.rows = rows
    self.history = history
  }
}

/// Depthwise causal convolution and SiLU over columns of x [.., *]: [.., columns.count], as `Tape.causalConv` has it.
/// - Parameters:
///   - byTap: [K, columns.count] (`tapsFirst`)
///   - sequences: all rows of x, each one once
///   - block: channels of a task
public func causalConvolution(
  of x: Tensor, columns: Range<Int>, _ byTap: Tensor, bias: Tensor?, _ sequences: [ConvolvedRows], block: Int = 64
) -> Tensor {
  let width = columns.count
  let y = Tensor(x.shape.dropLast() + [width])
  let biasPointer = bias?.pointer
  parallelChannels(sequences.count, width, block: block) { index, channels in
    let (sequence, channel) = (sequences[index], channels.lowerBound)
    let row = sequence.rows.lowerBound
    up_causal_conv(
      x.pointer + row * x.width + columns.lowerBound + channel, x.width, sequence.history.map { $0 + channel },
      byTap.pointer + channel, width, biasPointer.map { $0 + channel }, y.pointer + row * width + channel, width,
      sequence.rows.count, channels.count, byTap.shape[0])
  }
  return y
}

/// Calls `body` for every sequence and block of channels, side by side: one long sequence keeps all threads busy too,
/// and none writes what another one does.
func parallelChannels(
  _ sequences: Int, _ width: Int, block: Int = 64, _ body: (_ sequence: Int, _ channels: Range<Int>) -> Void
) {
  let blocks = (width + block - 1) / block
  Threads.parallel(sequences * blocks) { index in
    let (sequence, number) = index.quotientAndRemainder(dividingBy: blocks)
    body(sequence, number * block..<min((number + 1) * block, width))
  }
}

/// Weights [C, 1, K] side by side as [K, sum of C], so that rows are added a tap at a time.
public func tapsFirst(_ weights: [Tensor]) -> Tensor {
  let (width, taps) = (weights.reduce(0) { $0 + $1.shape[0] }, weights[0].shape[2])
  let result = Tensor([taps, width])
  var first = 0
  for weight in weights {
    for c in 0..<weight.shape[0] {
      for j in 0..<taps { result.pointer[j * width + first + c] = weight.pointer[c * taps + j] }
    }
    first += weight.shape[0]
  }
  return result
}

/// Adds a gradient with taps first, its rows `stride` apart, to one of a weight [C, 1, K].
private func addTransposed(_ gradient: UnsafePointer<Float>, _ stride: Int, into weight: Tensor) {
  let taps = weight.shape[2]
  for j in 0..<taps {
    for c in 0..<weight.shape[0] { weight.pointer[c * taps + j] += gradient[j * stride + c] }
  }
}
