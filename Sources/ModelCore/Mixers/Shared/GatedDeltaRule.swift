import Autograd
import CKernels
import Glibc
import TensorCore

/// The gated delta rule over a layer's heads, in both its forms: whole sequences for training, and new tokens of sequences
/// whose states wait in their caches.
///
///   g_h = -e^{A_log_h} softplus(a_h + dt_bias_h),  beta_h = sigmoid(b_h)
///   S~ = e^{g_t} S_{t-1};   S_t = S~ + beta_t k_t (v_t - S~^T k_t)^T;   y_t = K^(-1/2) S_t^T q_t
///
/// Legend: B batch, T time, N rows, G key heads, H value heads, K key width, V value width.
struct GatedDeltaRule {
  let layout: GatedDeltaLayout
  let stepBias: Parameter  // [H], dt_bias
  let logRate: Parameter  // [H], A_log
  /// Where S [H, K, V] begins in a layer's state.
  let stateStart: Int

  /// Training: keys [B, T, 2 G K] of unit length, values in the last H V columns of `values` [B, T, *], a and b in gates
  /// [B, T, *] from `stepColumn` on -> [B, T, H V].
  func forward(
    _ tape: Tape, keys: Variable, values: Variable, gates: Variable, stepColumn: Int, batch: Int, time: Int
  ) -> Variable {
    tape.gatedDelta(
      keys, values: values, gates: gates, stepColumn: stepColumn, betaColumn: stepColumn + layout.heads, layout,
      stepBias: stepBias, logRate: logRate, batch: batch, time: time)
  }

  /// Decoding: rows of several sequences as of `forward`, [N, *] -> [N, H V]; states move on. Long runs go chunk by
  /// chunk, single tokens by the recurrence.
  func extend(
    keys: Tensor, values: Tensor, gates: Tensor, stepColumn: Int, _ segments: [CacheSegment]
  ) -> Tensor {
    let mixed = Tensor([keys.rowCount, layout.valueWidth])
    Threads.parallel(segments.count * layout.heads) { index in
      let (segment, head) = index.quotientAndRemainder(dividingBy: layout.heads)
      extend(keys, values, gates, stepColumn, segments[segment], head, into: mixed)
    }
    return mixed
  }

  private func extend(
    _ keys: Tensor, _ values: Tensor, _ gates: Tensor, _ stepColumn: Int, _ segment: CacheSegment, _ head: Int,
    into mixed: Tensor
  ) {
    let (first, count) = (segment.rows.lowerBound, segment.rows.count)
    let (K, V) = (layout.keyDim, layout.valueDim)
    let state = segment.cache.state + stateStart + head * K * V
    let q = keys.pointer + first * keys.width + head / layout.perKeyHead * K
    let k = q + layout.keyWidth
    let v = values.pointer + (first + 1) * values.width - layout.valueWidth + head * V
    let out = mixed.pointer + first * mixed.width + head * V
    let step = gates.pointer + first * gates.width + stepColumn + head
    func load(_ g: UnsafeMutablePointer<Float>, _ beta: UnsafeMutablePointer<Float>) {
      deltaGates(
        step, step + layout.heads, gates.width, bias: stepBias.value.pointer[head],
        logRate: logRate.value.pointer[head], count, g: g, beta: beta)
    }
    let form = layout.chunks(valueStride: values.width)
    if count == 1 {
      var (g, beta): (Float, Float) = (0, 0)
      load(&g, &beta)
      up_delta_step(q, k, v, exp(g), beta, form.scale, state, out, K, V)
      return
    }
    let scalars = Tensor([2, count])
    load(scalars.pointer, scalars.pointer + count)
    form.forward(
      GatedDeltaChunks.Head(q: q, k: k, v: v, g: scalars.pointer, beta: scalars.pointer + count), time: count,
      state: state, out: out, outStride: mixed.width)
  }
}
