import CKernels
import TensorCore

/// Cosines and sines of rotary positions: [positions, dim / 2] each, the attention factor folded in.
public struct RotaryTable {
  /// [positions, dim / 2]
  public let cosine: Tensor
  /// [positions, dim / 2]
  public let sine: Tensor
  /// Whether pairs are neighbours (2 j, 2 j + 1), else halves (j, j + dim / 2).
  public let interleaved: Bool

  /// Both of the same shape [positions, dim / 2].
  public init(cosine: Tensor, sine: Tensor, interleaved: Bool) {
    self.cosine = cosine
    self.sine = sine
    self.interleaved = interleaved
  }

  /// Number of positions the table covers.
  public var length: Int { cosine.shape[0] }
  /// Width of the rotated slice.
  public var dim: Int { 2 * cosine.shape[1] }
}

/// Which numbers of a row belong to the heads of a projection: head h is at
/// `offset + h * stride ..< offset + h * stride + width` of every row.
public struct HeadLayout {
  /// First number of head 0.
  public var offset: Int
  /// Numbers from head to head.
  public var stride: Int
  /// How many heads.
  public var heads: Int
  /// Numbers of a head.
  public var width: Int

  /// Heads that lie `stride` apart from `offset` on.
  public init(offset: Int = 0, stride: Int, heads: Int, width: Int) {
    self.offset = offset
    self.stride = stride
    self.heads = heads
    self.width = width
  }
}

extension Tape {
  /// Rotates the slice `layout` (width = the table's dim) of every row by the row's position, in place:
  /// x must not be used by any other operation. Backward applies the transposed rotation, also in place.
  public func rotary(_ x: Variable, _ layout: HeadLayout, _ table: RotaryTable, positions: [Int32]) -> Variable {
    precondition(layout.width == table.dim && positions.count == x.rowCount)
    rotate(x.value, layout, table, positions, inverse: false)
    return record(x.value, inputs: [x]) { dy in
      if !dy.isUnique() { dy = dy.copy() }
      rotate(dy, layout, table, positions, inverse: true)
      self.accumulate(dy, into: x)
    }
  }
}

/// Rotates in place, rows split over the threads.
public func rotate(
  _ x: Tensor, _ layout: HeadLayout, _ table: RotaryTable, _ positions: [Int32], inverse: Bool
) {
  let width = x.width
  positions.withUnsafeBufferPointer { positions in
    Threads.parallelRows(x.rowCount, grain: max(1, 4096 / max(1, layout.heads * layout.width))) { rows in
      up_rotary(
        x.pointer + rows.lowerBound * width + layout.offset, rows.count, width, layout.heads, layout.stride,
        layout.width, table.cosine.pointer, table.sine.pointer, positions.baseAddress! + rows.lowerBound,
        table.interleaved, inverse)
    }
  }
}
