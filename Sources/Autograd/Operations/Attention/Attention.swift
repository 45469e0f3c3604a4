import CKernels
import TensorCore

/// One operand of attention: heads inside the rows of a variable.
public struct HeadSlices {
  /// [B, T, *], rows that hold the heads.
  public var variable: Variable
  /// Which numbers of a row are whose.
  public var layout: HeadLayout

  /// `layout` lies inside the rows of `variable`.
  public init(_ variable: Variable, _ layout: HeadLayout) {
    self.variable = variable
    self.layout = layout
  }
}

extension Tape {
  /// Causal softmax attention with grouped heads and separate key and value widths:
  ///   out_h[i] = sum_{j <= i} softmax_j(scale q_h[i] . k_g[j]) v_g[j],  g = h / (H / G).
  ///
  /// q, k, v are slices of [batch, time, ...] variables (possibly of one); out is [batch, time, H * V].
  /// Scores live in a tile only; the row log-sum-exp is kept for the backward. Parallel over
  /// (batch, KV head): the query heads of a group share their dk, dv and run in order.
  /// - Parameter chunk: i sees only j of its own chunk of so many positions, i / chunk = j / chunk (Llama-4); nil: all
  public func attention(
    q: HeadSlices, k: HeadSlices, v: HeadSlices, batch: Int, time: Int, scale: Float, chunk: Int? = nil,
    window: Int? = nil, cap: Float = 0
  ) -> Variable {
    let heads = q.layout.heads
    let groups = k.layout.heads
    precondition(heads % groups == 0 && v.layout.heads == groups && q.layout.width == k.layout.width)
    let valueWidth = v.layout.width
    let out = Tensor([batch, time, heads * valueWidth])
    let logSums = Tensor([batch, heads, time])
    let perGroup = heads / groups
    precondition(chunk == nil || (window == nil && cap == 0), "chunks with windows or caps are not implemented")
    let isBounded = cap > 0 || window.map { $0 < time } ?? false
    parallelHeads(batch, groups) { b, g in
      for h in g * perGroup..<(g + 1) * perGroup {
        for low in stride(from: 0, to: time, by: chunk ?? time) {
          let count = min(chunk ?? time, time - low)
          if isBounded {
            up_bounded_attention_forward(
              q.start(b, h, time, from: 0), q.rowStride, k.start(b, g, time, from: 0), k.rowStride,
              v.start(b, g, time, from: 0), v.rowStride, out.pointer + b * time * out.width + h * valueWidth, out.width,
              logSums.pointer + (b * heads + h) * time, time, time, q.layout.width, valueWidth, scale, 0,
              window ?? time, cap, 0)
            continue
          }
          up_attention_forward(
            q.start(b, h, time, from: low), q.rowStride, k.start(b, g, time, from: low), k.rowStride,
            v.start(b, g, time, from: low), v.rowStride,
            out.pointer + (b * time + low) * out.width + h * valueWidth, out.width,
            logSums.pointer + (b * heads + h) * time + low, count, count, q.layout.width, valueWidth, scale)
        }
      }
    }
    return record(out, inputs: [q.variable, k.variable, v.variable]) { dout in
      // The kernel adds into dk and dv and writes dq, so each distinct operand starts from zeros.
      let dq = self.zeroedGradient(for: q.variable)
      // Constants (id -1) are distinct even so.
      let dk = k.variable.isSame(as: q.variable) ? dq : self.zeroedGradient(for: k.variable)
      let dv =
        v.variable.isSame(as: q.variable)
        ? dq : v.variable.isSame(as: k.variable) ? dk : self.zeroedGradient(for: v.variable)
      let doutPointer = dout.pointer
      self.parallelHeads(batch, groups) { b, g in
        for h in g * perGroup..<(g + 1) * perGroup {
          for low in stride(from: 0, to: time, by: chunk ?? time) {
            let count = min(chunk ?? time, time - low)
            let row = (b * time + low) * out.width + h * valueWidth
            if isBounded {
              up_bounded_attention_backward(
                q.start(b, h, time, from: 0), q.rowStride, k.start(b, g, time, from: 0), k.rowStride,
                v.start(b, g, time, from: 0), v.rowStride, out.pointer + row, out.width, doutPointer + row, out.width,
                logSums.pointer + (b * heads + h) * time,
                q.start(b, h, time, from: 0, in: dq), q.rowStride, k.start(b, g, time, from: 0, in: dk), k.rowStride,
                v.start(b, g, time, from: 0, in: dv), v.rowStride, time, q.layout.width, valueWidth, scale,
                window ?? time, cap)
              continue
            }
            up_attention_backward(
              q.start(b, h, time, from: low), q.rowStride, k.start(b, g, time, from: low), k.rowStride,
              v.start(b, g, time, from: low), v.rowStride, out.pointer + row, out.width, doutPointer + row, out.width,
              logSums.pointer + (b * heads + h) * time + low,
              q.start(b, h, time, from: low, in: dq), q.rowStride, k.start(b, g, time, from: low, in: dk), k.rowStride,
              v.start(b, g, time, from: low, in: dv), v.rowStride, count, count, q.layout.width, valueWidth, scale)
          }
        }
      }
      self.accumulate(dq, into: q.variable)
      if k.variable.id != q.variable.id { self.accumulate(dk, into: k.variable) }
      if v.variable.id != q.variable.id && v.variable.id != k.variable.id { self.accumulate(dv, into: v.variable) }
    }
  }

  /// Calls `body` for every (batch, KV head). Where there are sequences enough, a thread takes all heads of one, whose rows
  /// lie in the same cache lines.
  private func parallelHeads(_ batch: Int, _ groups: Int, _ body: (Int, Int) -> Void) {
    let perPiece = batch >= 2 * Threads.count ? groups : 1
    Threads.parallel(batch * groups / perPiece) { piece in
      for index in piece * perPiece..<(piece + 1) * perPiece { body(index / groups, index % groups) }
    }
  }

  private func zeroedGradient(for variable: Variable) -> Tensor {
    let fresh = Tensor(variable.shape)
    parallelElements(fresh.count) { (fresh.pointer + $0.lowerBound).update(repeating: 0, count: $0.count) }
    return fresh
  }
}

extension Variable {
  fileprivate func isSame(as other: Variable) -> Bool { id >= 0 && id == other.id }
}

extension HeadSlices {
  var rowStride: Int { variable.width }

  /// A head's first number of a sequence, in the variable's value or another tensor of its shape.
  func start(
    _ batch: Int, _ head: Int, _ time: Int, from position: Int = 0, in other: Tensor? = nil
  ) -> UnsafeMutablePointer<Float> {
    (other ?? variable.value).pointer + (batch * time + position) * rowStride + layout.offset + head * layout.stride
  }
}
