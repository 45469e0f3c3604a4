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
    let biasPointer = bias?.value.pointer
    let y = Tensor(x.shape.dropLast() + [width])
    // Blocks of channels: one long sequence keeps all threads busy too.
    let blocks = (width + 63) / 64
    Threads.parallel(batch * blocks) { index in
      let (b, channel) = (index / blocks, index % blocks * 64)
      up_causal_conv(
        x.value.pointer + b * time * x.width + columns.lowerBound + channel, x.width, nil, byTap.pointer + channel,
        width,
        biasPointer.map { $0 + channel }, y.pointer + b * time * width + channel, width, time, min(64, width - channel),
        taps)
    }
    return record(y, inputs: [x], parameters: weights + (bias.map { [$0] } ?? [])) { dy in
      let (dyPointer, weightGradient) = (dy.pointer, Tensor.zeros([taps + 1, width]))
      // Each block with all sequences in order: the sums do not depend on the thread count.
      let scratch = Tensor([blocks, 64])
      func run(_ dx: Tensor) {
        Threads.parallel(blocks) { block in
          let channel = block * 64
          let count = min(64, width - channel)
          for b in 0..<batch {
            let row = b * time * x.width + columns.lowerBound + channel
            up_causal_conv_backward(
              x.value.pointer + row, x.width, byTap.pointer + channel, width, biasPointer.map { $0 + channel },
              dyPointer + b * time * width + channel, width, dx.pointer + row, x.width,
              weightGradient.pointer + channel, width, weightGradient.pointer + taps * width + channel,
              scratch.pointer + block * 64, time, count, taps)
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
