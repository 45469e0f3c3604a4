import CKernels
import TensorCore

extension Tape {
  /// Depthwise causal convolution and SiLU whose taps come with every token (JetBlock, arXiv 2508.15884), over columns of
  /// x: [B, T, *] -> [B, T, columns.count],
  ///   y[t, c] = silu(sum_j taps[t, c K + j] x[t - (K - 1) + j, c]), every sequence from zeros.
  /// - Parameter taps: [B, T, columns.count * K], the K of a channel together
  public func dynamicConv(
    _ x: Variable, columns: Range<Int>, taps: Variable, batch: Int, time: Int
  ) -> Variable {
    let width = columns.count
    let count = taps.width / width
    precondition(count * width == taps.width && x.rowCount == batch * time && taps.rowCount == batch * time)
    let y = Tensor(x.shape.dropLast() + [width])
    func parallel(_ body: (_ row: Int, _ channel: Int, _ channels: Int) -> Void) {
      parallelChannels(batch, width) { b, channels in body(b * time, channels.lowerBound, channels.count) }
    }
    func input(_ row: Int, _ channel: Int) -> Int { row * x.width + columns.lowerBound + channel }
    parallel { row, channel, channels in
      up_dynamic_conv(
        x.value.pointer + input(row, channel), x.width, nil, taps.value.pointer + row * taps.width + channel * count,
        taps.width, y.pointer + row * width + channel, width, time, channels, count)
    }
    return record(y, inputs: [x, taps]) { dy in
      let (dyPointer, dTaps) = (dy.pointer, Tensor(taps.shape))
      func run(_ dx: Tensor) {
        parallel { row, channel, channels in
          up_dynamic_conv_backward(
            x.value.pointer + input(row, channel), x.width,
            taps.value.pointer + row * taps.width + channel * count, taps.width,
            dyPointer + row * width + channel, width, dx.pointer + input(row, channel), x.width,
            dTaps.pointer + row * taps.width + channel * count, time, channels, count)
        }
      }
      if x.id >= 0 { self.addingGradient(of: x, run) } else { run(Tensor.zeros(x.shape)) }
      self.accumulate(dTaps, into: taps)
    }
  }
}
