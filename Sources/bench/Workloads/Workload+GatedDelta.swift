import Autograd
import CKernels
import Groundwork
import TensorCore

extension Workload {
  /// The gated delta rule forward and backward, chunk by chunk beside token by token, and the cost of long sequences.
  static var gatedDelta: [Workload] {
    [
      delta("delta_chunked_4k", time: 4096, chunk: 64, "chunks of 64 as matrix products"),
      delta("delta_naive_4k", time: 4096, chunk: nil, "token by token, all states stored"),
      delta("delta_chunked_1k", time: 1024, chunk: 64, "chunks of 64"),
      delta("delta_chunked_64k", time: 65536, chunk: 64, "chunks of 64"),
    ]
  }

  /// Two heads with keys of 64 and values of 128; parallel over heads.
  private static func delta(_ name: String, time: Int, chunk: Int?, _ how: String) -> Workload {
    let (heads, K, V) = (2, 64, 128)
    return Workload(
      name: name,
      summary: "gated delta rule, forward and backward, \(heads) heads, state \(K) x \(V), \(time) tokens: \(how)",
      unit: "tokens/s", amount: Double(time)
    ) {
      let stream = RandomStream(seed: 3, "bench")
      func random(_ shape: [Int], _ scale: Double) -> Tensor {
        let count = shape.reduce(1, *)
        return Tensor(shape, values: (0..<count).map { Float(scale * stream.normal(at: UInt64($0))) })
      }
      // Keys of length about 1.
      let (keys, values) = (random([heads, time, 2 * K], 1 / Double(K).squareRoot()), random([heads, time, V], 1))
      let g = Tensor([heads, time], values: (0..<heads * time).map { Float(-0.1 * stream.uniform(at: UInt64($0))) })
      let beta = Tensor([heads, time], values: (0..<heads * time).map { Float(stream.uniform(at: UInt64($0))) })
      let form = GatedDeltaChunks(keyDim: K, valueDim: V, chunk: chunk ?? 1, keyStride: 2 * K, valueStride: V)
      let entries = Tensor([chunk == nil ? 0 : heads * form.chunkCount(time), K, V])
      let (out, dKeys, dValues) = (Tensor([heads, time, V]), Tensor.zeros(keys.shape), Tensor.zeros(values.shape))
      let dScalars = Tensor([heads, 2, time])
      return {
        Threads.parallel(heads) { h in
          let q = keys.pointer + h * time * 2 * K
          let (v, o) = (values.pointer + h * time * V, out.pointer + h * time * V)
          let head = GatedDeltaChunks.Head(q: q, k: q + K, v: v, g: g.pointer + h * time, beta: beta.pointer + h * time)
          let (state, dState) = (Tensor.zeros([K, V]), Tensor.zeros([K, V]))
          let (dq, dv) = (dKeys.pointer + h * time * 2 * K, dValues.pointer + h * time * V)
          let dg = dScalars.pointer + h * 2 * time
          guard chunk != nil else {
            up_delta_forward_naive(
              q, 2 * K, head.k, 2 * K, v, V, head.g, head.beta, form.scale, state.pointer, o, V, time, K, V)
            up_delta_backward_naive(
              q, 2 * K, head.k, 2 * K, v, V, head.g, head.beta, form.scale, Tensor.zeros([K, V]).pointer, o, V,
              dState.pointer, dq, dq + time * K, dv, dg, dg + time, time, K, V)
            return
          }
          let entry = entries.pointer + h * form.chunkCount(time) * K * V
          form.forward(head, time: time, state: state.pointer, out: o, outStride: V, entries: entry)
          form.backward(
            head, time: time, entries: entry, dOut: o, dOutStride: V, dState: dState.pointer,
            GatedDeltaChunks.Gradients(dq: dq, dk: dq + K, dv: dv, dg: dg, dbeta: dg + time))
        }
      }
    }
  }
}
