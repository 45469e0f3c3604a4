import ModelCore
import TensorCore

/// Rows of a recurrent mixer's projection, or columns of its output, and the attention's rows that they start from. Those
/// are numbered as if keys and values were repeated from n_kv to n_h heads (repeat_interleave): 0 ..< n_h d_h.
struct TeacherBlock: Equatable {
  var rows: Range<Int>
  var teacher: Int
}

/// The attention of a base, from whose projections a recurrent mixer's start.
struct TeacherRows {
  let source: any WeightSource
  let base: ModelConfig

  /// Copies rows of a projection, or of its bias, each of whose heads stands for its group of query heads.
  func copyRows(
    _ role: MixerRole, _ layer: Int, _ blocks: [TeacherBlock], to destination: UnsafeMutablePointer<Float>
  ) throws {
    if blocks.isEmpty { return }
    let head = base.headDim
    let teacher = try source.read(base.attentionTensor(role, layer: layer))
    let width = teacher.count / teacher.shape[0]
    let repeats = base.attentionHeads * head / teacher.shape[0]
    for block in blocks {
      for (offset, row) in block.rows.enumerated() {
        let repeated = block.teacher + offset
        let from = repeated / head / repeats * head + repeated % head
        (destination + row * width).update(from: teacher.pointer + from * width, count: width)
      }
    }
  }

  /// Copies columns of the output projection, whose rows are `stride` apart.
  /// - Parameter isSilent: the others become zero; else they are left as they are
  func copyColumns(
    _ layer: Int, _ blocks: [TeacherBlock], stride: Int, isSilent: Bool, to destination: UnsafeMutablePointer<Float>
  ) throws {
    if blocks.isEmpty { return }
    let teacher = try source.read(base.attentionTensor(.output, layer: layer))
    if isSilent { destination.update(repeating: 0, count: base.hiddenSize * stride) }
    for row in 0..<base.hiddenSize {
      for block in blocks {
        (destination + row * stride + block.rows.lowerBound).update(
          from: teacher.pointer + row * teacher.width + block.teacher, count: block.rows.count)
      }
    }
  }
}
