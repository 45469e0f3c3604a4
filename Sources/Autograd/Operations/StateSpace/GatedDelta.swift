import CKernels
import Glibc
import TensorCore

/// The heads of the gated delta rule inside rows [q | k | v] (Gated DeltaNet): q and k have `keyHeads` heads, v and
/// the state `heads`; value head h uses key head h / (heads / keyHeads).
public struct GatedDeltaLayout: Equatable, Sendable {
  /// Value heads; each has a state [K, V], a decay and a write strength.
  public var heads: Int
  /// Heads of queries and keys; divides `heads`.
  public var keyHeads: Int
  /// K
  public var keyDim: Int
  /// V
  public var valueDim: Int
  /// Tokens of a chunk.
  public var chunk: Int

  /// All numbers are at least 1, and `keyHeads` divides `heads`.
  public init(heads: Int, keyHeads: Int, keyDim: Int, valueDim: Int, chunk: Int) {
    self.heads = heads
    self.keyHeads = keyHeads
    self.keyDim = keyDim
    self.valueDim = valueDim
    self.chunk = chunk
  }

  /// Numbers of all queries, and of all keys.
  public var keyWidth: Int { keyHeads * keyDim }
  /// Numbers of all values.
  public var valueWidth: Int { heads * valueDim }
  /// Width of [q | k | v].
  public var width: Int { 2 * keyWidth + valueWidth }
  /// Value heads that share a key head.
  public var perKeyHead: Int { heads / keyHeads }
  /// The chunked form over rows [q | k] of unit length, and values inside rows of `valueStride`.
  public func chunks(valueStride: Int) -> GatedDeltaChunks {
    GatedDeltaChunks(
      keyDim: keyDim, valueDim: valueDim, chunk: chunk, keyStride: 2 * keyWidth, valueStride: valueStride)
  }
}

/// Added to the squared length of queries and keys under the root, as flash-linear-attention does.
public let unitLengthEps: Float = 1e-6

extension Tape {
  /// The gated delta rule over whole sequences from a zero state: [B, T, heads * V].
  ///   g = -e^{logRate[h]} softplus(gates[.., stepColumn + h] + stepBias[h]),  beta = sigmoid(gates[.., betaColumn + h])
  /// Parallel over (sequence, key head); chunk entry states are kept for the backward: T / chunk * K * V per head.
  /// - Parameters:
  ///   - keys: queries and keys of unit length, [B, T, 2 * keyWidth] (see `unitLength`)
  ///   - rows: [.., *], whose last columns are the values
  public func gatedDelta(
    _ keys: Variable, values rows: Variable, gates: Variable, stepColumn: Int, betaColumn: Int,
    _ layout: GatedDeltaLayout,
    stepBias: Parameter, logRate: Parameter, batch: Int, time: Int
  ) -> Variable {
    precondition(keys.width == 2 * layout.keyWidth && keys.rowCount == batch * time && rows.rowCount == batch * time)
    let (heads, K, V) = (layout.heads, layout.keyDim, layout.valueDim)
    let valueColumn = rows.width - layout.valueWidth
    precondition(valueColumn >= 0)
    let form = layout.chunks(valueStride: rows.width)
    let isKept =
      isRecording && (keys.id >= 0 || rows.id >= 0 || gates.id >= 0 || stepBias.isTrainable || logRate.isTrainable)
    let out = Tensor([batch, time, layout.valueWidth])
    // g and beta.
    let scalars = Tensor([batch, heads, 2, time])
    let entries = Tensor([isKept ? batch * heads * form.chunkCount(time) : 0, K, V])
    let entryCount = form.chunkCount(time) * K * V

    func head(_ b: Int, _ h: Int) -> GatedDeltaChunks.Head {
      let key = keys.value.pointer + b * time * keys.width + h / layout.perKeyHead * K
      let scalar = scalars.pointer + (b * heads + h) * 2 * time
      return GatedDeltaChunks.Head(
        q: key, k: key + layout.keyWidth, v: rows.value.pointer + b * time * rows.width + valueColumn + h * V,
        g: scalar, beta: scalar + time)
    }
    Threads.parallel(batch * layout.keyHeads) { index in
      let (b, keyHead) = index.quotientAndRemainder(dividingBy: layout.keyHeads)
      let state = Tensor([K, V])
      for h in keyHead * layout.perKeyHead..<(keyHead + 1) * layout.perKeyHead {
        let head = head(b, h)
        let gate = gates.value.pointer + b * time * gates.width
        deltaGates(
          gate + stepColumn + h, gate + betaColumn + h, gates.width, bias: stepBias.value.pointer[h],
          logRate: logRate.value.pointer[h], time, g: head.g, beta: head.beta)
        state.fill(0)
        form.forward(
          head, time: time, state: state.pointer, out: out.pointer + b * time * out.width + h * V, outStride: out.width,
          entries: isKept ? entries.pointer + (b * heads + h) * entryCount : nil)
      }
    }
    return record(out, inputs: [keys, rows, gates], parameters: [stepBias, logRate]) { dOut in
      let (dKeys, dRows) = (Tensor.zeros(keys.shape), Tensor.zeros(rows.shape))
      let gathered = HeadGradients(batch: batch, time: time, heads: heads)
      let (dBeta, dOutPointer) = (Tensor.zeros([batch, time, heads]), dOut.pointer)
      Threads.parallel(batch * layout.keyHeads) { index in
        let (b, keyHead) = index.quotientAndRemainder(dividingBy: layout.keyHeads)
        let (dState, dScalars) = (Tensor([K, V]), Tensor([2, time]))
        let (dg, dbeta) = (dScalars.pointer, dScalars.pointer + time)
        for h in keyHead * layout.perKeyHead..<(keyHead + 1) * layout.perKeyHead {
          let head = head(b, h)
          let dKey = dKeys.pointer + b * time * keys.width + keyHead * K
          dState.fill(0)
          form.backward(
            head, time: time, entries: entries.pointer + (b * heads + h) * entryCount,
            dOut: dOutPointer + b * time * out.width + h * V, dOutStride: out.width, dState: dState.pointer,
            GatedDeltaChunks.Gradients(
              dq: dKey, dk: dKey + layout.keyWidth,
              dv: dRows.pointer + b * time * rows.width + valueColumn + h * V, dg: dg, dbeta: dbeta))
          up_sigmoid_column_backward(head.beta, dbeta, dBeta.pointer + b * time * heads + h, heads, time)
          // g = -e^{logRate} softplus: dg/dlogRate = g.
          let dLogRate = up_dot(dg, head.g, time)
          up_scale(stateSpaceRate(logRate.value.pointer[h]), dg, time)
          gathered.take(b, h, ddt: dg, logRate: dLogRate, steps: gates, column: stepColumn, stepBias: stepBias)
        }
      }
      gathered.hand(to: [stepBias, logRate])
      self.accumulate(dKeys, into: keys)
      self.accumulate(dRows, into: rows)
      gathered.hand(to: gates, column: stepColumn, on: self)
      self.addingGradient(of: gates) {
        up_add_block(dBeta.pointer, heads, $0.pointer + betaColumn, gates.width, batch * time, heads)
      }
    }
  }

  /// Every head of `columns` of x scaled to length 1: y = x / sqrt(sum x^2 + eps), [..., columns.count].
  public func unitLength(_ x: Variable, columns: Range<Int>, head width: Int) -> Variable {
    precondition(columns.count % width == 0)
    let (rows, heads, count) = (x.rowCount, columns.count / width, columns.count)
    let (y, inverse) = (Tensor(x.shape.dropLast() + [count]), Tensor([rows, heads]))
    Threads.parallelRows(rows, grain: max(1, 4096 / count)) { range in
      let low = range.lowerBound
      up_l2_norm(
        x.value.pointer + low * x.width + columns.lowerBound, x.width, y.pointer + low * count, count,
        inverse.pointer + low * heads, range.count, heads, width, unitLengthEps)
    }
    return record(y, inputs: [x]) { dy in
      let dyPointer = dy.pointer
      self.addingGradient(of: x) { dx in
        Threads.parallelRows(rows, grain: max(1, 4096 / count)) { range in
          let low = range.lowerBound
          up_l2_norm_backward(
            y.pointer + low * count, inverse.pointer + low * heads, dyPointer + low * count,
            dx.pointer + low * x.width + columns.lowerBound, x.width, range.count, heads, width)
        }
      }
    }
  }
}

/// g = -e^{logRate} softplus(step + bias) and beta = sigmoid(write) of one head; its columns' rows lie `stride` apart.
public func deltaGates(
  _ step: UnsafePointer<Float>, _ write: UnsafePointer<Float>, _ stride: Int, bias: Float, logRate: Float, _ count: Int,
  g: UnsafeMutablePointer<Float>, beta: UnsafeMutablePointer<Float>
) {
  up_softplus_column(step, stride, bias, g, count)
  up_scale(stateSpaceRate(logRate), g, count)
  up_sigmoid_column(write, stride, beta, count)
}
