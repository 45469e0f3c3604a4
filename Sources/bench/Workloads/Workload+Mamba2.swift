import Autograd
import CKernels
import Groundwork
import ModelCore
import TensorCore

extension Workload {
  /// Mamba2 forward and backward: the recurrence chunk by chunk beside token by token, and a layer beside attention's.
  static var mamba2: [Workload] {
    [
      recurrence("ssd_chunked_4k", chunk: 64, "chunks of 64 as matrix products"),
      recurrence("ssd_naive_4k", chunk: nil, "token by token, all states stored"),
      layer("layer_mamba2_512", { try $0.withMamba2() }, "Mamba2"),
      layer("layer_gated_delta_512", { try $0.withGatedDeltaNet() }, "Gated DeltaNet"),
    ]
  }

  private static func recurrence(_ name: String, chunk: Int?, _ how: String) -> Workload {
    let (heads, time, N, P) = (8, 4096, 64, 64)
    // Decay, write and read of every number of the state, forward; twice that backward.
    let work = 18.0 * Double(heads * time * N * P)
    return Workload(
      name: name,
      summary:
        "state-space recurrence, forward and backward, \(heads) heads, state \(N) x \(P), \(time) tokens: \(how)",
      unit: "GFLOP/s", amount: work / 1e9, work: [(work, .sgemm)]
    ) {
      let width = P + 2 * N
      let stream = RandomStream(seed: 3, "bench")
      let rows = Tensor(
        [heads, time, width], values: (0..<heads * time * width).map { Float(stream.normal(at: UInt64($0))) })
      let dt = Tensor([heads, time], values: (0..<heads * time).map { Float(0.1 * stream.uniform(at: UInt64($0))) })
      let (y, gradients) = (Tensor([heads, time, P]), Tensor.zeros(rows.shape))
      let form = StateSpaceChunks(stateSize: N, headDim: P, chunk: chunk ?? 1, stride: width)
      let entries = Tensor([chunk == nil ? 0 : heads * form.chunkCount(time), N, P])
      let ddt = Tensor([heads, time])
      return {
        Threads.parallel(heads) { h in
          let row = rows.pointer + h * time * width
          let (x, b, c) = (row, row + P, row + P + N)
          let (state, dState) = (Tensor.zeros([N, P]), Tensor.zeros([N, P]))
          let out = y.pointer + h * time * P
          let steps = dt.pointer + h * time
          let g = gradients.pointer + h * time * width
          guard chunk != nil else {
            up_ssd_forward_naive(c, width, b, width, x, width, steps, -1, 1, state.pointer, out, P, time, N, P)
            var (da, dd): (Float, Float) = (0, 0)
            up_ssd_backward_naive(
              c, width, b, width, x, width, steps, -1, 1, Tensor.zeros([N, P]).pointer, out, P, dState.pointer, g,
              g + time * N,
              g + 2 * time * N, ddt.pointer + h * time, &da, &dd, time, N, P)
            return
          }
          let head = StateSpaceChunks.Head(c: c, b: b, x: x, dt: steps, rate: -1, skip: 1)
          let entry = entries.pointer + h * form.chunkCount(time) * N * P
          form.forward(head, time: time, state: state.pointer, y: out, yStride: P, entries: entry)
          var sums = StateSpaceChunks.Gradients(dc: g + P + N, db: g + P, dx: g, ddt: ddt.pointer + h * time)
          form.backward(head, time: time, entries: entry, dy: out, dyStride: P, dState: dState.pointer, &sums)
        }
      }
    }
  }

  private static func layer(_ name: String, _ mixer: @escaping (ModelConfig) throws -> ModelConfig, _ what: String)
    -> Workload
  {
    let (batch, time) = (4, 512)
    func pass(_ mixer: (ModelConfig) throws -> ModelConfig) throws -> () -> Void {
      let base = ModelConfig(
        hiddenSize: 256, layerCount: 1, attentionHeads: 16, keyValueHeads: 16, intermediateSize: 16, vocabularySize: 16,
        tieWordEmbeddings: true, maxPosition: time)
      let model = try LanguageModel(mixer(base), seed: 1)
      let stream = RandomStream(seed: 3, "bench")
      let x = Tensor([batch, time, 256], values: (0..<batch * time * 256).map { Float(stream.normal(at: UInt64($0))) })
      let positions = sequencePositions(batch: batch, time: time)
      return {
        model.parameters.zeroGradients()
        let tape = Tape(recording: true)
        let y = model.layers[0].forward(tape, tape.input(x), batch: batch, time: time, positionIds: positions)
        tape.backward(from: y, seed: x)
      }
    }
    return Workload(
      name: name,
      summary:
        "one layer with \(what), forward and backward, d 256, 16 heads, 4 x 512 tokens; in the peer's place attention",
      unit: "tokens/s", amount: Double(batch * time), beside: { try pass { $0 } }
    ) { try pass(mixer) }
  }
}
