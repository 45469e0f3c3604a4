import Autograd
import Groundwork
import TensorCore

/// JetBlock (Jet-Nemotron, arXiv 2508.15884, section 2.3; equations as in the released code): Gated DeltaNet without the
/// convolutions over queries and keys, and with one over values whose taps are made of the input.
///
///   [q | k | v | z | a | b] = x W^T;   q, k <- silu(q), silu(k), then unit length per head;   u = dynamicConv(x, v)
///   g_h = -e^{A_log_h} softplus(a_h + dt_bias_h),  beta_h = sigmoid(b_h)
///   S~ = e^{g_t} S_{t-1};   S_t = S~ + beta_t k_t (u_t - S~^T k_t)^T;   y_t = K^(-1/2) S_t^T q_t
///   out = (rmsNorm(y) * w * silu(z)) W_o^T                                        (w shared by the heads)
///
/// Legend: B batch, T time, D model width, H heads, K key width, V value width.
/// A sequence's cache has one size whatever its length: the last taps - 1 values before the convolution and S of every
/// head.
public struct JetBlock: Mixer {
  let config: JetConfig
  let layout: GatedDeltaLayout
  let inputs: [Parameter]  // W: q, k [H K, D], v, z [H V, D], a, b [H, D]
  let convolution: DynamicConvolution
  let rule: GatedDeltaRule
  let norm: Parameter  // [V]
  let output: Parameter  // [D, H V]

  /// - Throws: a failure that names the layer where `config.jet` is nil; what `weights` throws
  public init(_ config: ModelConfig, layer: Int, weights: LayerWeights) throws {
    guard let jet = config.jet else {
      throw UpcycleError("has a jet layer but no efficient_attention_config", at: "layer \(layer)")
    }
    self.config = jet
    layout = jet.layout
    inputs = try jet.inputs.map { try weights[$0.role] }
    convolution = DynamicConvolution(
      first: try weights[.tapsInput], second: try weights[.tapsOutput], bias: try weights[.tapsBias],
      columns: 2 * layout.keyWidth..<layout.width)
    let logRate = try weights[.logRate]
    rule = GatedDeltaRule(
      layout: layout, stepBias: try weights[.stepBias], logRate: logRate, stateStart: convolution.stateNumbers)
    norm = try weights[.headNorm]
    output = try weights[.output]
  }

  private var gateColumns: Range<Int> { layout.width..<layout.width + layout.valueWidth }

  /// Queries and keys of unit length, [.., 2 H K].
  private func unitKeys(_ tape: Tape, _ projected: Variable) -> Variable {
    let columns = 0..<2 * layout.keyWidth
    return tape.unitLength(tape.silu(tape.columns(projected, columns)), columns: columns, head: layout.keyDim)
  }

  private func gated(_ tape: Tape, _ y: Variable, _ projected: Variable) -> Variable {
    tape.gatedNorm(y, gate: projected, gateColumns: gateColumns, norm, order: .normThenGate, eps: Float(config.normEps))
  }

  /// x [B, T, D] -> [B, T, D], every sequence from an empty state.
  public func forward(
    _ tape: Tape, _ x: Variable, batch: Int, time: Int, positionIds: [Int32], between: () -> Void
  ) -> Variable {
    between()
    let projected = tape.linear(x, inputs)
    let y = rule.forward(
      tape, keys: unitKeys(tape, projected),
      values: convolution.forward(tape, x, projected, batch: batch, time: time), gates: projected,
      stepColumn: gateColumns.upperBound, batch: batch, time: time)
    return tape.linear(gated(tape, y, projected), output)
  }

  /// Rows of several sequences [N, D]: long runs chunk by chunk, single tokens by the recurrence.
  public func extend(_ tape: Tape, _ x: Variable, _ segments: [CacheSegment], positionIds: [Int32]) -> Variable {
    let projected = tape.linear(x, inputs)
    for segment in segments { segment.cache.append(segment.rows.count) }
    let mixed = rule.extend(
      keys: unitKeys(tape, projected).value, values: convolution.extend(tape, x, projected, segments),
      gates: projected.value, stepColumn: gateColumns.upperBound, segments)
    return tape.linear(gated(tape, tape.constant(mixed), projected), output)
  }
}
