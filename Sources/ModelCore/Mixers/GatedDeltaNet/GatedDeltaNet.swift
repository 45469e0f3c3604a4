import Autograd
import Groundwork
import TensorCore

/// Gated DeltaNet (Yang, Kautz, Hatamizadeh 2024), as HyLo takes it from flash-linear-attention and as Qwen3-Next
/// fuses it (arXiv 2412.06464; HyLo, section 3.2).
///
///   [q | k | v | z | a | b] = x W^T;   [q | k | v] = silu(conv([q | k | v]))      (causal, depthwise, no bias)
///   q, k <- q / |q|, k / |k|  per head, the epsilon under the root
///   g_h = -e^{A_log_h} softplus(a_h + dt_bias_h),  beta_h = sigmoid(b_h)
///   S~ = e^{g_t} S_{t-1};   S_t = S~ + beta_t k_t (v_t - S~^T k_t)^T;   y_t = K^(-1/2) S_t^T q_t
///   out = (rmsNorm(y) * w * silu(z)) W_o^T                                        (norm before gate, w shared by
///   heads)
///
/// Qwen3-Next has one matrix for q, k, v, z and one for b, a, the rows of each key head together; several value heads
/// share its key head. HyLo and FLA have six matrices and three convolutions, each with all heads in order.
///
/// Legend: B batch, T time, D model width, G key heads, H value heads, K key width, V value width.
/// A sequence's cache has one size whatever its length: the last taps - 1 inputs of the convolution and S of every
/// head.
public struct GatedDeltaNet: Mixer {
  let config: DeltaConfig
  let layout: GatedDeltaLayout
  /// W: q, k [G K, D], v, z [H V, D], a, b [H, D]; or fused [2 (G K + H V), D] and [2 H, D].
  let inputs: [Parameter]
  let biases: [Parameter]  // of q, k and v, or none
  let convolution: ShortConvolution  // [q | k | v]
  let rule: GatedDeltaRule
  let norm: Parameter  // [V]
  let output: Parameter  // [D, H V]

  /// - Throws: a failure that names the layer where `config.delta` is nil; what `weights` throws
  public init(_ config: ModelConfig, layer: Int, weights: LayerWeights) throws {
    guard let delta = config.delta else {
      throw UpcycleError("has a linear_attention layer but no linear_num_value_heads", at: "layer \(layer)")
    }
    self.config = delta
    layout = delta.layout
    inputs = try delta.inputs.map { try weights[$0.role] }
    biases = try [.queryBias, .keyBias, .valueBias].compactMap(weights.ifPresent)
    convolution = ShortConvolution(try delta.convolutions.map { try weights[$0.role] }, start: 0)
    let logRate = try weights[.logRate]
    rule = GatedDeltaRule(
      layout: layout, stepBias: try weights[.stepBias], logRate: logRate, stateStart: convolution.stateNumbers)
    norm = try weights[.headNorm]
    output = try weights[.output]
  }

  private var gateColumns: Range<Int> { layout.width..<layout.width + layout.valueWidth }

  /// What a layer makes of its input: rows [q | k | v | z], and gates with a from `stepColumn` on, then b.
  private struct Projection {
    var rows: Variable
    var gates: Variable
    var stepColumn: Int
  }

  private func project(_ tape: Tape, _ x: Variable) -> Projection {
    guard config.isFused else {
      let all = tape.linear(x, inputs, biases: biases)
      return Projection(rows: all, gates: all, stepColumn: gateColumns.upperBound)
    }
    let (K, shared) = (layout.keyDim, layout.perKeyHead * layout.valueDim)
    // Slices of each key head, in the order that they are wanted in.
    func gather(_ source: Variable, _ parts: [(start: Int, count: Int)]) -> Variable {
      let stride = source.width / layout.keyHeads
      return tape.columns(
        source,
        parts.flatMap { part in
          (0..<layout.keyHeads).map { $0 * stride + part.start..<$0 * stride + part.start + part.count }
        })
    }
    let pairs = layout.perKeyHead
    return Projection(
      rows: gather(tape.linear(x, inputs[0]), [(0, K), (K, K), (2 * K, shared), (2 * K + shared, shared)]),
      gates: gather(tape.linear(x, inputs[1]), [(pairs, pairs), (0, pairs)]), stepColumn: 0)
  }

  private func unitKeys(_ tape: Tape, _ convolved: Variable) -> Variable {
    tape.unitLength(convolved, columns: 0..<2 * layout.keyWidth, head: layout.keyDim)
  }

  // MARK: Training

  /// x [B, T, D] -> [B, T, D], every sequence from an empty state.
  public func forward(
    _ tape: Tape, _ x: Variable, batch: Int, time: Int, positionIds: [Int32], between: () -> Void
  ) -> Variable {
    between()
    let projected = project(tape, x)
    let convolved = convolution.forward(tape, projected.rows, batch: batch, time: time)
    let y = rule.forward(
      tape, keys: unitKeys(tape, convolved), values: convolved, gates: projected.gates,
      stepColumn: projected.stepColumn, batch: batch, time: time)
    return tape.linear(gated(tape, y, projected), output)
  }

  private func gated(_ tape: Tape, _ y: Variable, _ projected: Projection) -> Variable {
    tape.gatedNorm(
      y, gate: projected.rows, gateColumns: gateColumns, norm, order: .normThenGate, eps: Float(config.normEps))
  }

  // MARK: Decoding

  /// Rows of several sequences [N, D]: long runs chunk by chunk, single tokens by the recurrence.
  public func extend(_ tape: Tape, _ x: Variable, _ segments: [CacheSegment], positionIds: [Int32]) -> Variable {
    let projected = project(tape, x)
    for segment in segments { segment.cache.append(segment.rows.count) }
    let convolved = tape.constant(convolution.extend(projected.rows.value, segments))
    let keys = unitKeys(tape, convolved)
    let mixed = rule.extend(
      keys: keys.value, values: convolved.value, gates: projected.gates.value, stepColumn: projected.stepColumn,
      segments)
    return tape.linear(gated(tape, tape.constant(mixed), projected), output)
  }
}
