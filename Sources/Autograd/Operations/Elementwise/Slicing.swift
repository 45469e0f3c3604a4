import CKernels
import TensorCore

extension Tape {
  /// Columns `range` of the innermost axis, copied: [..., W] -> [..., range.count].
  public func columns(_ x: Variable, _ range: Range<Int>) -> Variable { columns(x, [range]) }

  /// Several ranges of columns side by side, in their order: [..., W] -> [..., sum of counts].
  public func columns(_ x: Variable, _ ranges: [Range<Int>]) -> Variable {
    let rows = x.rowCount
    let y = Tensor(x.shape.dropLast() + [ranges.reduce(0) { $0 + $1.count }])
    var column = 0
    for range in ranges {
      up_copy_block(x.value.pointer + range.lowerBound, x.width, y.pointer + column, y.width, rows, range.count)
      column += range.count
    }
    return record(y, inputs: [x]) { dy in
      self.addingGradient(of: x) {
        var column = 0
        for range in ranges {
          up_add_block(dy.pointer + column, y.width, $0.pointer + range.lowerBound, x.width, rows, range.count)
          column += range.count
        }
      }
    }
  }

  /// Keys of latent attention: per head the position-free part followed by its rope key. `nope` names the heads' slices
  /// inside `source` [..., *]; `rope` those inside `ropeSource`, as many, or one that all heads share. Result
  /// [..., heads * (nope + rope)]. Backward sums a shared part over heads.
  public func joinKeys(_ source: Variable, _ nope: HeadLayout, _ ropeSource: Variable, _ rope: HeadLayout) -> Variable {
    precondition(rope.heads == 1 || rope.heads == nope.heads)
    let width = nope.width + rope.width
    let ropeStride = rope.heads == 1 ? 0 : rope.stride
    let rows = source.rowCount
    let y = Tensor(source.shape.dropLast() + [nope.heads * width])
    for head in 0..<nope.heads {
      up_copy_block(
        source.value.pointer + nope.offset + head * nope.stride, source.width, y.pointer + head * width, y.width,
        rows, nope.width)
      up_copy_block(
        ropeSource.value.pointer + rope.offset + head * ropeStride, ropeSource.width,
        y.pointer + head * width + nope.width, y.width, rows, rope.width)
    }
    return record(y, inputs: [source, ropeSource]) { dy in
      self.addingGradient(of: source) { d in
        for head in 0..<nope.heads {
          up_add_block(
            dy.pointer + head * width, y.width, d.pointer + nope.offset + head * nope.stride, source.width, rows,
            nope.width)
        }
      }
      self.addingGradient(of: ropeSource) { d in
        for head in 0..<nope.heads {
          up_add_block(
            dy.pointer + head * width + nope.width, y.width, d.pointer + rope.offset + head * ropeStride,
            ropeSource.width, rows, rope.width)
        }
      }
    }
  }
}
