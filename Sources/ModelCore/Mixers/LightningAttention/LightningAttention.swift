import Autograd
import CKernels
import Foundation
import Groundwork
import TensorCore

/// Lightning Attention as HypeNet has it (Qin et al., arXiv 2405.17381; HypeNet, arXiv 2601.22156, section 4): linear attention
/// that forgets at a constant rate per head, with rotary positions, norms on queries and keys, and an output norm and gate.
///
///   q, k, v, z = x W^T;   q, k <- rope(rmsNorm(q) w_q), rope(rmsNorm(k) w_k)      per head
///   S_t = e^{-rate_h} S_{t-1} + k_t v_t^T;   y_t = K^(-1/2) S_t^T q_t
///   out = (rmsNorm(y) w * sigmoid(z)) W_o^T                                       (norm over all heads together)
///
/// Legend: B batch, T time, D model width, H heads, K head width. A sequence's cache is S of every head.
public struct LightningAttention: Mixer {
  let config: LightningConfig
  let rates: [Float]
  let inputs: [Parameter]  // q, k, v, z [H K, D]
  let queryNorm: Parameter  // [K]
  let keyNorm: Parameter  // [K]
  let norm: Parameter  // [H K]
  let output: Parameter  // [D, H K]
  let eps: Float
  let normOffset: Float
  let positions: RotaryPositions
  let rotaryWidth: Int

  /// - Throws: a failure that names the layer where `config.lightning` is nil; what `weights` throws
  public init(_ config: ModelConfig, layer: Int, weights: LayerWeights) throws {
    guard let lightning = config.lightning else {
      throw UpcycleError("has a lightning-attn layer but no lightning_nh", at: "layer \(layer)")
    }
    self.config = lightning
    rates = lightning.rates.map { Float($0) }
    inputs = try [MixerRole.query, .key, .value, .sigmoidGate].map { try weights[$0] }
    queryNorm = try weights[.queryNorm]
    keyNorm = try weights[.keyNorm]
    norm = try weights[.headNorm]
    output = try weights[.output]
    eps = Float(config.rmsNormEps)
    normOffset = config.normOffset
    rotaryWidth = config.lightningRotaryDim
    positions = RotaryPositions(
      config.attentionRope(layer: layer), dim: rotaryWidth, interleaved: config.attention.ropeInterleaved)
  }

  private var scale: Float { 1 / Float(config.headDim).squareRoot() }

  /// Queries, keys and values as the state reads and takes them, and the gate: [.., H K] each.
  private func project(
    _ tape: Tape, _ x: Variable, _ table: RotaryTable, rows: [Int32]
  ) -> (q: Variable, k: Variable, v: Variable, gate: Variable) {
    let layout = HeadLayout(stride: config.headDim, heads: config.heads, width: rotaryWidth)
    func prepared(_ weight: Parameter, _ norm: Parameter) -> Variable {
      let normed = tape.rmsNorm(tape.linear(x, weight), norm, eps: eps, offset: normOffset)
      return tape.rotary(normed, layout, table, positions: rows)
    }
    return (
      tape.scale(prepared(inputs[0], queryNorm), scale), prepared(inputs[1], keyNorm), tape.linear(x, inputs[2]),
      tape.linear(x, inputs[3])
    )
  }

  private func projectedOutput(_ tape: Tape, _ y: Variable, _ gate: Variable) -> Variable {
    tape.linear(tape.sigmoidGate(tape.rmsNorm(y, norm, eps: eps), gate), output)
  }

  /// x [B, T, D] -> [B, T, D], every sequence from an empty state.
  public func forward(
    _ tape: Tape, _ x: Variable, batch: Int, time: Int, positionIds: [Int32], between: () -> Void
  ) -> Variable {
    between()
    let (q, k, v, gate) = project(tape, x, positions.table(time), rows: positionIds)
    let y = tape.decayedAttention(
      q: q, k: k, v: v, rates: rates, chunk: config.chunk, batch: batch, time: time)
    return projectedOutput(tape, y, gate)
  }

  /// Rows of several sequences [N, D]: long runs chunk by chunk, single tokens by the recurrence.
  public func extend(_ tape: Tape, _ x: Variable, _ segments: [CacheSegment], positionIds: [Int32]) -> Variable {
    let (table, rows) = positions.rows(positionIds)
    let (q, k, v, gate) = project(tape, x, table, rows: rows)
    for segment in segments { segment.cache.append(segment.rows.count) }
    let y = Tensor(q.shape)
    Threads.parallel(segments.count * config.heads) { index in
      let (segment, head) = index.quotientAndRemainder(dividingBy: config.heads)
      mix(q.value, k.value, v.value, segments[segment], head, into: y)
    }
    return projectedOutput(tape, tape.constant(y), gate)
  }

  private func mix(
    _ q: Tensor, _ k: Tensor, _ v: Tensor, _ segment: CacheSegment, _ head: Int, into y: Tensor
  ) {
    let (width, K, count) = (config.width, config.headDim, segment.rows.count)
    let at = segment.rows.lowerBound * width + head * K
    let state = segment.cache.state + head * K * K
    if count == 1 {
      var (step, decay): (Float, Float) = (1, exp(-rates[head]))
      up_ssd_scan(
        q.pointer + at, k.pointer + at, v.pointer + at, width, &step, &decay, 0, state, y.pointer + at, width, 1, K, K)
      return
    }
    let steps = Tensor([count])
    steps.fill(1)
    StateSpaceChunks(stateSize: K, headDim: K, chunk: config.chunk, stride: width).forward(
      StateSpaceChunks.Head(
        c: q.pointer + at, b: k.pointer + at, x: v.pointer + at, dt: steps.pointer, rate: -rates[head], skip: 0),
      time: count, state: state, y: y.pointer + at, yStride: width)
  }
}
