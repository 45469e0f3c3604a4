import CKernels
import TensorCore

extension Tape {
  /// Depthwise causal convolution and SiLU over columns of x (Mamba2): [B, T, *] -> [B, T, columns.count],
  ///   y[t, c] = silu(bias[c] + sum_j weight[c, j] x[t - (K - 1) + j, c]), every sequence from zeros.
  /// - Parameter weight: [columns.count, 1, K], as PyTorch's Conv1d
  public func causalConv(
    _ x: Variable, columns: Range<Int>, _ weight: Parameter, _ bias: Parameter, batch: Int, time: Int
  ) -> Variable {
    let (width, taps) = (columns.count, weight.shape[2])
    precondition(weight.shape == [width, 1, taps] && bias.shape == [width] && x.rowCount == batch * time)
    let byTap = tapsFirst(weight.value)
    let y = Tensor(x.shape.dropLast() + [width])
    Threads.parallel(batch) { b in
      up_causal_conv(
        x.value.pointer + b * time * x.width + columns.lowerBound, x.width, nil, byTap.pointer, bias.value.pointer,
        y.pointer + b * time * width, width, time, width, taps)
    }
    return record(y, inputs: [x], parameters: [weight, bias]) { dy in
      let (dyPointer, weightGradient) = (dy.pointer, Tensor.zeros([taps + 1, width]))
      // Blocks of channels, each with all sequences in order: the sums do not depend on the thread count.
      let blocks = (width + 63) / 64
      let scratch = Tensor([blocks, 64])
      func run(_ dx: Tensor) {
        Threads.parallel(blocks) { block in
          let channel = block * 64
          let count = min(64, width - channel)
          for b in 0..<batch {
            let row = b * time * x.width + columns.lowerBound + channel
            up_causal_conv_backward(
              x.value.pointer + row, x.width, byTap.pointer + channel, width, bias.value.pointer + channel,
              dyPointer + b * time * width + channel, width, dx.pointer + row, x.width,
              weightGradient.pointer + channel, width, weightGradient.pointer + taps * width + channel,
              scratch.pointer + block * 64, time, count, taps)
          }
        }
      }
      if x.id >= 0 { self.addingGradient(of: x, run) } else { run(Tensor.zeros(x.shape)) }
      if weight.isTrainable {
        let dw = weight.gradientBuffer().pointer
        for j in 0..<taps { for c in 0..<width { dw[c * taps + j] += weightGradient.pointer[j * width + c] } }
      }
      if bias.isTrainable {
        up_axpy(1, weightGradient.pointer + taps * width, bias.gradientBuffer().pointer, width)
      }
    }
  }
}

/// A convolution's weight [C, 1, K] as [K, C], so that rows are added a tap at a time.
public func tapsFirst(_ weight: Tensor) -> Tensor {
  let (width, taps) = (weight.shape[0], weight.shape[2])
  let result = Tensor([taps, width])
  for c in 0..<width { for j in 0..<taps { result.pointer[j * width + c] = weight.pointer[c * taps + j] } }
  return result
}
