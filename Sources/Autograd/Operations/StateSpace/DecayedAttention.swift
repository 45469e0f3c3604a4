import CKernels
import TensorCore

extension Tape {
  /// Linear attention whose heads forget at constant rates (Lightning Attention, arXiv 2405.17381), over whole sequences from
  /// a zero state: q, k and v [B, T, H K] each -> [B, T, H K],
  ///   S_t = e^{-rate_h} S_{t-1} + k_t v_t^T;   y_t = S_t^T q_t.
  /// Mamba2's recurrence with steps of one: its chunks serve. Parallel over (sequence, head); chunk entry states are kept for
  /// the backward: T / chunk * K * K per head.
  /// - Parameters:
  ///   - rates: of every head, positive
  ///   - chunk: tokens of a chunk
  public func decayedAttention(
    q: Variable, k: Variable, v: Variable, rates: [Float], chunk: Int, batch: Int, time: Int
  ) -> Variable {
    let (heads, width) = (rates.count, q.width)
    let K = width / heads
    precondition(heads * K == width && k.width == width && v.width == width && q.rowCount == batch * time)
    let form = StateSpaceChunks(stateSize: K, headDim: K, chunk: chunk, stride: width)
    let isKept = isRecording && (q.id >= 0 || k.id >= 0 || v.id >= 0)
    let y = Tensor(q.shape)
    let steps = Tensor([time])
    steps.fill(1)
    let entries = Tensor([isKept ? batch * heads * form.chunkCount(time) : 0, K, K])
    let entryCount = form.chunkCount(time) * K * K

    /// Row 0 of a sequence's head.
    func start(_ b: Int, _ h: Int) -> Int { b * time * width + h * K }
    func head(_ b: Int, _ h: Int) -> StateSpaceChunks.Head {
      let at = start(b, h)
      return StateSpaceChunks.Head(
        c: q.value.pointer + at, b: k.value.pointer + at, x: v.value.pointer + at, dt: steps.pointer, rate: -rates[h],
        skip: 0)
    }
    Threads.parallel(batch * heads) { index in
      let (b, h) = index.quotientAndRemainder(dividingBy: heads)
      let state = Tensor.zeros([K, K])
      form.forward(
        head(b, h), time: time, state: state.pointer, y: y.pointer + start(b, h), yStride: width,
        entries: isKept ? entries.pointer + index * entryCount : nil)
    }
    return record(y, inputs: [q, k, v]) { dy in
      let (dq, dk, dv) = (Tensor.zeros(q.shape), Tensor.zeros(q.shape), Tensor.zeros(q.shape))
      let dyPointer = dy.pointer
      Threads.parallel(batch * heads) { index in
        let (b, h) = index.quotientAndRemainder(dividingBy: heads)
        let (at, dState, ddt) = (start(b, h), Tensor.zeros([K, K]), Tensor([time]))
        var gradients = StateSpaceChunks.Gradients(
          dc: dq.pointer + at, db: dk.pointer + at, dx: dv.pointer + at, ddt: ddt.pointer)
        form.backward(
          head(b, h), time: time, entries: entries.pointer + index * entryCount, dy: dyPointer + at, dyStride: width,
          dState: dState.pointer, &gradients)
      }
      self.accumulate(dq, into: q)
      self.accumulate(dk, into: k)
      self.accumulate(dv, into: v)
    }
  }
}
