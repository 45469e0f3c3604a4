import Autograd
import CKernels
import Glibc
import Groundwork
import TensorCore

/// Mamba2, stock or in the papers' grouped variant (Dao and Gu 2024, arXiv 2405.21060; MambaInLlama; Zebra-Llama,
/// section 3.1).
///
///   [z | x | B | C | dt] = u W_in^T;   [x | B | C] = silu(conv([x | B | C]))     (causal, depthwise, with bias)
///   dt_h = softplus(dt_h + dt_bias_h),  A_h = -e^{A_log_h}
///   S_t = e^{dt_t A} S_{t-1} + dt_t B_t x_t^T;   y_t = S_t^T C_t + D x_t         (per head; x, B, C shared in groups)
///   out = rmsNorm(y * silu(z)) W_out^T                                           (gate before norm)
///
/// Legend: B batch, T time, D model width, I inner width (heads * P), X conv width, H heads, N state, P head width.
/// A sequence's cache has one size whatever its length: the last taps - 1 inputs of the convolution and S of every
/// head.
public struct Mamba2: MatrixMixer {
  let config: MambaConfig
  let layout: StateSpaceLayout
  let input: Parameter  // [I + X + H, D]
  let inputBias: [Parameter]  // [I + X + H], or none
  let convolution: ShortConvolution  // [x | B | C]
  let stepBias: Parameter  // [H], dt_bias
  let logRate: Parameter  // [H], A_log
  let skip: Parameter  // [H], D
  let norm: Parameter  // [I]
  let output: Parameter  // [D, I]

  /// - Throws: a failure that names the layer where `config.mamba` is nil; what `weights` throws
  public init(_ config: ModelConfig, layer: Int, weights: LayerWeights) throws {
    guard let mamba = config.mamba else {
      throw UpcycleError("has a mamba2 layer but no mamba_n_heads", at: "layer \(layer)")
    }
    self.config = mamba
    layout = mamba.layout
    input = try weights[.input]
    inputBias = try weights.ifPresent(.inputBias).map { [$0] } ?? []
    convolution = ShortConvolution(
      [try weights[.convolution]], bias: try weights[.convolutionBias], start: mamba.innerWidth)
    stepBias = try weights[.stepBias]
    logRate = try weights[.logRate]
    skip = try weights[.skip]
    norm = try weights[.outputNorm]
    output = try weights[.output]
  }

  private var stepColumn: Int { config.innerWidth + config.convWidth }

  // MARK: Training

  /// u [B, T, D] -> [B, T, D], every sequence from an empty state.
  public func forward(
    _ tape: Tape, _ u: Variable, batch: Int, time: Int, positionIds: [Int32], between: () -> Void
  ) -> Variable {
    between()
    let projected = tape.linear(u, [input], biases: inputBias)
    let rows = convolution.forward(tape, projected, batch: batch, time: time)
    let y = tape.stateSpace(
      rows, steps: projected, stepColumn: stepColumn, layout, stepBias: stepBias, logRate: logRate, skip: skip,
      batch: batch, time: time)
    return tape.linear(gated(tape, y, projected), output)
  }

  /// With gradients for B, C and the step sizes; x and the gate have no part in them.
  public func matrices(_ tape: Tape, _ u: Variable, batch: Int, time: Int, positionIds: [Int32]) -> Variable {
    let projected = tape.linear(u, [input], biases: inputBias)
    let rows = convolution.forward(tape, projected, batch: batch, time: time)
    return tape.stateSpaceMatrices(
      rows, steps: projected, stepColumn: stepColumn, layout, stepBias: stepBias, logRate: logRate, skip: skip,
      batch: batch, time: time)
  }

  private func gated(_ tape: Tape, _ y: Variable, _ projected: Variable) -> Variable {
    tape.gatedNorm(
      y, gate: projected, gateColumns: 0..<config.innerWidth, norm, order: .gateThenNorm(group: config.normGroup),
      eps: Float(config.normEps))
  }

  // MARK: Decoding

  /// Rows of several sequences [N, D]: long runs chunk by chunk, single tokens by the recurrence.
  public func extend(_ tape: Tape, _ u: Variable, _ segments: [CacheSegment], positionIds: [Int32]) -> Variable {
    let projected = tape.linear(u, [input], biases: inputBias)
    let rows = projected.value
    let mixed = Tensor([u.rowCount, config.innerWidth])
    for segment in segments { segment.cache.append(segment.rows.count) }
    let convolved = convolution.extend(rows, segments)
    // One token of one sequence is little work a head, so heads are dealt in shares.
    let shares = layout.shares
    Threads.parallel(segments.count * shares) { index in
      let (segment, share) = (segments[index / shares], index % shares)
      let perShare = layout.heads / shares
      for head in share * perShare..<(share + 1) * perShare { mix(rows, convolved, segment, head, into: mixed) }
    }
    return tape.linear(gated(tape, tape.constant(mixed), projected), output)
  }

  private func mix(_ rows: Tensor, _ convolved: Tensor, _ segment: CacheSegment, _ head: Int, into mixed: Tensor) {
    let (first, count) = (segment.rows.lowerBound, segment.rows.count)
    let (N, P) = (layout.stateSize, layout.headDim)
    let state = segment.cache.state + convolution.stateNumbers + head * N * P
    let at = layout.columns(head)
    let row = convolved.pointer + first * layout.width
    let steps = rows.pointer + first * rows.width + stepColumn + head
    let (bias, rate) = (stepBias.value.pointer[head], stateSpaceRate(logRate.value.pointer[head]))
    let y = mixed.pointer + first * mixed.width + head * P
    if count == 1 {
      var dt: Float = 0
      up_softplus_column(steps, rows.width, bias, &dt, 1)
      var decay = exp(dt * rate)
      up_ssd_scan(
        row + at.c, row + at.b, row + at.x, layout.width, &dt, &decay, skip.value.pointer[head], state, y, mixed.width,
        1,
        N, P)
      return
    }
    let dt = Tensor([count])
    up_softplus_column(steps, rows.width, bias, dt.pointer, count)
    layout.chunks.forward(
      StateSpaceChunks.Head(
        c: row + at.c, b: row + at.b, x: row + at.x, dt: dt.pointer, rate: rate, skip: skip.value.pointer[head]),
      time: count, state: state, y: y, yStride: mixed.width)
  }
}
