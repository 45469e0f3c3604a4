import CKernels
import Glibc
import Groundwork
import TensorCore

/// The heads of Mamba2's recurrence inside rows [x | B | C]: head h uses x head, B group and C group
/// h / (heads / count) of each. Stock Mamba2 has one x per head and shares B and C; the papers' grouped variant
/// shares x and B, as grouped-query attention shares values and keys.
public struct StateSpaceLayout: Equatable, Sendable {
  /// Each has a state [N, P], a step size, a rate and a skip.
  public var heads: Int
  /// P
  public var headDim: Int
  /// N
  public var stateSize: Int
  /// Heads of x; divides `heads`.
  public var xHeads: Int
  /// Groups of B; divides `heads`.
  public var bGroups: Int
  /// Groups of C; divides `heads`.
  public var cGroups: Int
  /// Tokens of a chunk.
  public var chunk: Int

  /// All numbers are at least 1.
  public init(heads: Int, headDim: Int, stateSize: Int, xHeads: Int, bGroups: Int, cGroups: Int, chunk: Int) {
    self.heads = heads
    self.headDim = headDim
    self.stateSize = stateSize
    self.xHeads = xHeads
    self.bGroups = bGroups
    self.cGroups = cGroups
    self.chunk = chunk
  }

  /// Width of [x | B | C].
  public var width: Int { xHeads * headDim + (bGroups + cGroups) * stateSize }
  /// Heads of different shares have no input in common: their borders are borders of all groups.
  public var shares: Int { greatestDivisor(greatestDivisor(xHeads, bGroups), cGroups) }
  /// The chunked form over rows [x | B | C].
  public var chunks: StateSpaceChunks {
    StateSpaceChunks(stateSize: stateSize, headDim: headDim, chunk: chunk, stride: width)
  }

  /// Where head h's x, B and C begin in a row.
  public func columns(_ head: Int) -> (x: Int, b: Int, c: Int) {
    let b = xHeads * headDim
    return (
      head / (heads / xHeads) * headDim, b + head / (heads / bGroups) * stateSize,
      b + bGroups * stateSize + head / (heads / cGroups) * stateSize
    )
  }
}

extension Tape {
  /// Mamba2's recurrence over whole sequences from a zero state: rows [x | B | C] -> [B, T, heads * P].
  ///   dt = softplus(steps[.., stepColumn + h] + stepBias[h]),  A = -e^{logRate[h]},  D = skip[h]
  /// Parallel over (sequence, share); chunk entry states are kept for the backward: T / chunk * N * P per head.
  public func stateSpace(
    _ rows: Variable, steps: Variable, stepColumn: Int, _ layout: StateSpaceLayout, stepBias: Parameter,
    logRate: Parameter, skip: Parameter, batch: Int, time: Int
  ) -> Variable {
    precondition(rows.width == layout.width && rows.rowCount == batch * time)
    let (heads, P, N) = (layout.heads, layout.headDim, layout.stateSize)
    let chunks = layout.chunks
    let perShare = heads / layout.shares
    let isKept =
      isRecording && (rows.id >= 0 || steps.id >= 0 || [stepBias, logRate, skip].contains(where: \.isTrainable))
    let y = Tensor([batch, time, heads * P])
    let dt = Tensor([batch, heads, time])
    let entries = Tensor([isKept ? batch * heads * chunks.chunkCount(time) : 0, N, P])
    let entryCount = chunks.chunkCount(time) * N * P

    func head(_ b: Int, _ h: Int) -> StateSpaceChunks.Head {
      let row = rows.value.pointer + b * time * layout.width
      let at = layout.columns(h)
      return StateSpaceChunks.Head(
        c: row + at.c, b: row + at.b, x: row + at.x, dt: dt.pointer + (b * heads + h) * time,
        rate: stateSpaceRate(logRate.value.pointer[h]), skip: skip.value.pointer[h])
    }
    Threads.parallel(batch * layout.shares) { index in
      let (b, share) = index.quotientAndRemainder(dividingBy: layout.shares)
      let state = Tensor([N, P])
      for h in share * perShare..<(share + 1) * perShare {
        let head = head(b, h)
        up_softplus_column(
          steps.value.pointer + b * time * steps.width + stepColumn + h, steps.width, stepBias.value.pointer[h],
          head.dt,
          time)
        state.fill(0)
        chunks.forward(
          head, time: time, state: state.pointer, y: y.pointer + b * time * y.width + h * P, yStride: y.width,
          entries: isKept ? entries.pointer + (b * heads + h) * entryCount : nil)
      }
    }
    return record(y, inputs: [rows, steps], parameters: [stepBias, logRate, skip]) { dy in
      let dRows = Tensor.zeros(rows.shape)
      let gathered = HeadGradients(batch: batch, time: time, heads: heads)
      let dyPointer = dy.pointer
      Threads.parallel(batch * layout.shares) { index in
        let (b, share) = index.quotientAndRemainder(dividingBy: layout.shares)
        let (dState, ddt) = (Tensor([N, P]), Tensor([time]))
        for h in share * perShare..<(share + 1) * perShare {
          let head = head(b, h)
          let at = layout.columns(h)
          let dRow = dRows.pointer + b * time * layout.width
          var gradients = StateSpaceChunks.Gradients(
            dc: dRow + at.c, db: dRow + at.b, dx: dRow + at.x, ddt: ddt.pointer)
          dState.fill(0)
          chunks.backward(
            head, time: time, entries: entries.pointer + (b * heads + h) * entryCount,
            dy: dyPointer + b * time * y.width + h * P, dyStride: y.width, dState: dState.pointer, &gradients)
          // A = -e^{logRate}: dA/dlogRate = A.
          gathered.take(
            b, h, ddt: ddt.pointer, logRate: gradients.rate * Double(head.rate), skip: gradients.skip, steps: steps,
            column: stepColumn, stepBias: stepBias)
        }
      }
      gathered.hand(to: [stepBias, logRate, skip])
      self.accumulate(dRows, into: rows)
      gathered.hand(to: steps, column: stepColumn, on: self)
    }
  }
}

/// A of a head: -e^{A_log}.
public func stateSpaceRate(_ logRate: Float) -> Float { -exp(logRate) }
