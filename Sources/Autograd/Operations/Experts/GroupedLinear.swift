import CKernels
import TensorCore

/// The weights of the experts of a layer for one product: a matrix each, as checkpoints store them.
public enum ExpertMatrices {
  /// For every expert one matrix [out, in], or several whose outputs stand side by side (gate, up).
  case separate([[Parameter]])
  /// All experts in one tensor [experts, in, out] (Llama-4).
  case stacked(Parameter)

  /// Experts.
  public var count: Int {
    switch self {
    case .separate(let experts): experts.count
    case .stacked(let weight): weight.shape[0]
    }
  }

  /// All matrices, expert after expert.
  public var parameters: [Parameter] {
    switch self {
    case .separate(let experts): experts.flatMap { $0 }
    case .stacked(let weight): [weight]
    }
  }

  /// Outputs of a row.
  public var outWidth: Int {
    switch self {
    case .separate(let experts): experts.first.map { $0.reduce(0) { $0 + $1.shape[0] } } ?? 0
    case .stacked(let weight): weight.shape[2]
    }
  }

  /// Inputs of a row.
  public var inWidth: Int {
    switch self {
    case .separate(let experts): experts.first?.first?.shape[1] ?? 0
    case .stacked(let weight): weight.shape[1]
    }
  }

  /// The matrices of some experts: the same values and, where there are gradients already, the same gradients.
  public func part(_ range: Range<Int>) -> ExpertMatrices {
    switch self {
    case .separate(let experts): return .separate(Array(experts[range]))
    case .stacked(let weight):
      let size = weight.shape[1] * weight.shape[2]
      func view(_ all: Tensor) -> Tensor {
        Tensor(
          all.storage, offset: all.offset + range.lowerBound * size, shape: [range.count] + weight.shape.dropFirst())
      }
      let part = Parameter(weight.name, view(weight.value))
      part.isTrainable = weight.isTrainable
      part.gradient = weight.gradient.map(view)
      return .stacked(part)
    }
  }

  /// A part of one expert's outputs that one product makes.
  struct Piece {
    var values: UnsafeMutablePointer<Float>
    /// First output column, and how many.
    var column: Int
    var outputs: Int
  }

  /// Whether pieces are [out, in], so that a product transposes them.
  var isTransposed: Bool { if case .separate = self { true } else { false } }

  /// The pieces of every expert; neighbouring matrices are one.
  func pieces() -> [[Piece]] {
    switch self {
    case .stacked(let weight):
      let size = weight.shape[1] * weight.shape[2]
      return (0..<count).map { [Piece(values: weight.value.pointer + $0 * size, column: 0, outputs: weight.shape[2])] }
    case .separate(let experts):
      return experts.map { matrices in
        var pieces: [Piece] = []
        var column = 0
        for matrix in matrices {
          let (values, outputs) = (matrix.value.pointer, matrix.shape[0])
          if let last = pieces.last, last.values + last.outputs * inWidth == values {
            pieces[pieces.count - 1].outputs += outputs
          } else {
            pieces.append(Piece(values: values, column: column, outputs: outputs))
          }
          column += outputs
        }
        return pieces
      }
    }
  }

  /// y [rows, out] = x [rows, in] op(W) by the pieces of one expert, on this thread.
  func multiply(_ pieces: [Piece], _ x: UnsafePointer<Float>, rows: Int, into y: UnsafeMutablePointer<Float>) {
    let (inWidth, outWidth, transposed) = (inWidth, outWidth, isTransposed)
    for piece in pieces {
      rowwiseGemm(
        transB: transposed, m: rows, n: piece.outputs, k: inWidth, a: x, lda: inWidth, b: piece.values,
        ldb: transposed ? inWidth : piece.outputs, c: y + piece.column, ldc: outWidth)
    }
  }

  /// dx [rows, in] (+)= dy [rows, out] op(W)^T by the pieces of one expert, on this thread.
  func multiplyBack(
    _ pieces: [Piece], _ dy: UnsafePointer<Float>, rows: Int, into dx: UnsafeMutablePointer<Float>, add: Bool
  ) {
    let (inWidth, outWidth, transposed) = (inWidth, outWidth, isTransposed)
    for (number, piece) in pieces.enumerated() {
      rowwiseGemm(
        transB: !transposed, m: rows, n: inWidth, k: piece.outputs, a: dy + piece.column, lda: outWidth,
        b: piece.values,
        ldb: transposed ? inWidth : piece.outputs, beta: add || number > 0 ? 1 : 0, c: dx, ldc: inWidth)
    }
  }
}

extension Tape {
  /// The product of every row with its expert's matrix, without padding: rows starts[e] ..< starts[e + 1] of x [rows,
  /// in] are expert e's; the result is [rows, out].
  ///
  /// One matrix product per expert (several for very many rows, so that threads share the work of a crowded one). A
  /// row's result does not depend on the others (`rowwiseGemm`). Backward: dx = dy W per row, dW_e += dy_e^T x_e.
  /// - Parameter starts: [experts + 1], from 0 to the number of rows.
  public func groupedLinear(_ x: Variable, _ matrices: ExpertMatrices, starts: [Int]) -> Variable {
    let (inWidth, outWidth) = (matrices.inWidth, matrices.outWidth)
    precondition(starts.count == matrices.count + 1 && starts.last == x.rowCount && x.width == inWidth)
    let y = Tensor(x.shape.dropLast() + [outWidth])
    let (source, target, pieces) = (x.value.pointer, y.pointer, matrices.pieces())
    let blocks = RowBlock.all(starts)
    Threads.parallel(blocks.count) { index in
      let block = blocks[index]
      matrices.multiply(
        pieces[block.expert], source + block.rows.lowerBound * inWidth, rows: block.rows.count,
        into: target + block.rows.lowerBound * outWidth)
    }
    return record(y, inputs: [x], parameters: matrices.parameters) { dy in
      self.groupedWeightGradients(x.value, matrices, starts, dy)
      let dyPointer = dy.pointer
      self.withGradient(of: x) { dx, add in
        let dxPointer = dx.pointer
        Threads.parallel(blocks.count) { index in
          let block = blocks[index]
          matrices.multiplyBack(
            pieces[block.expert], dyPointer + block.rows.lowerBound * outWidth, rows: block.rows.count,
            into: dxPointer + block.rows.lowerBound * inWidth, add: add)
        }
      }
    }
  }

  func groupedWeightGradients(_ x: Tensor, _ matrices: ExpertMatrices, _ starts: [Int], _ dy: Tensor) {
    let (source, dyPointer, inWidth, outWidth) = (x.pointer, dy.pointer, x.width, dy.width)
    switch matrices {
    case .stacked(let weight):
      guard weight.isTrainable else { return }
      let gradient = weight.gradientBuffer().pointer
      Threads.parallel(matrices.count) { expert in
        let (low, rows) = (starts[expert], starts[expert + 1] - starts[expert])
        if rows == 0 { return }
        serialGemm(
          transA: true, m: inWidth, n: outWidth, k: rows, a: source + low * inWidth, lda: inWidth,
          b: dyPointer + low * outWidth, ldb: outWidth, beta: 1, c: gradient + expert * inWidth * outWidth,
          ldc: outWidth)
      }
    case .separate(let experts):
      struct Job {
        var gradient: UnsafeMutablePointer<Float>
        var expert: Int
        var column: Int
        var outputs: Int
      }
      var jobs: [Job] = []
      for (expert, members) in experts.enumerated() where starts[expert + 1] > starts[expert] {
        var column = 0
        for member in members {
          if member.isTrainable {
            jobs.append(
              Job(gradient: member.gradientBuffer().pointer, expert: expert, column: column, outputs: member.shape[0]))
          }
          column += member.shape[0]
        }
      }
      let all = jobs
      Threads.parallel(all.count) { index in
        let job = all[index]
        let (low, rows) = (starts[job.expert], starts[job.expert + 1] - starts[job.expert])
        serialGemm(
          transA: true, m: job.outputs, n: inWidth, k: rows, a: dyPointer + low * outWidth + job.column, lda: outWidth,
          b: source + low * inWidth, ldb: inWidth, beta: 1, c: job.gradient, ldc: inWidth)
      }
    }
  }
}
