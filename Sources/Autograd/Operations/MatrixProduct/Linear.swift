import CKernels
import TensorCore

extension Tape {
  /// y = x W^T (+ b), W as torch stores it, [out, in].
  ///
  /// Several weights give their outputs side by side: [..., out_1 + out_2 + ...]; neighbours in one buffer
  /// (q, k, v; gate, up) run as a single product. `columns` reads a slice of x's innermost axis without
  /// copying it.
  ///
  /// Few rows (decoding) take dot products, 16-bit weights are converted on the way: `WeightMatrix.product`.
  ///
  /// Backward: dx = dy W, dW += dy^T x, db += column sums of dy.
  /// - Parameters:
  ///   - x: [..., in], or wider when `columns` names the slice.
  ///   - biases: of the first weights, [out_i] each; empty for none.
  public func linear(
    _ x: Variable, _ weights: [Parameter], biases: [Parameter] = [], columns: Range<Int>? = nil
  ) -> Variable {
    let columns = columns ?? 0..<x.width
    let rows = x.rowCount
    let groups = neighbouring(weights)
    let outWidth = weights.reduce(0) { $0 + $1.shape[0] }
    for weight in weights {
      precondition(
        weight.shape[1] == columns.count, "\(weight.name): \(weight.shape) applied to width \(columns.count)")
    }
    let y = Tensor(x.shape.dropLast() + [outWidth])
    let source = x.value.pointer + columns.lowerBound
    let matrices = groups.map(\.matrix)
    if isRowwise {
      WeightMatrix.rowwiseProduct(matrices, rows: rows, source, lda: x.width, into: y.pointer, ldc: outWidth)
    } else {
      WeightMatrix.product(matrices, rows: rows, source, lda: x.width, into: y.pointer, ldc: outWidth)
    }
    if !biases.isEmpty { addBiases(biases, to: y) }
    return record(y, inputs: [x], parameters: weights + biases) { dy in
      self.linearBackward(x, columns, groups, biases, dy)
    }
  }

  /// y = x W^T for one weight [out, in]: [..., in] -> [..., out].
  public func linear(_ x: Variable, _ weight: Parameter, columns: Range<Int>? = nil) -> Variable {
    linear(x, [weight], columns: columns)
  }

  private func linearBackward(
    _ x: Variable, _ columns: Range<Int>, _ groups: [WeightGroup], _ biases: [Parameter], _ dy: Tensor
  ) {
    let rows = x.rowCount
    let outWidth = dy.width
    let source = x.value.pointer + columns.lowerBound
    var column = 0
    for group in groups {
      if let dw = group.gradient() {
        gemm(
          transA: true, m: group.rows, n: columns.count, k: rows, a: dy.pointer + column, lda: outWidth,
          b: source, ldb: x.width, beta: 1, c: dw.pointer, ldc: columns.count)
      }
      column += group.rows
    }
    column = 0
    for bias in biases {
      if bias.isTrainable {
        let db = bias.gradientBuffer()
        for row in 0..<rows { up_axpy(1, dy.pointer + row * outWidth + column, db.pointer, db.count) }
      }
      column += bias.shape[0]
    }
    let whole = columns.count == x.width
    let addInto: (Tensor, Bool) -> Void = { dx, add in
      var column = 0
      for (index, group) in groups.enumerated() {
        gemm(
          m: rows, n: columns.count, k: group.rows, a: dy.pointer + column, lda: outWidth,
          b: group.value.pointer, ldb: columns.count, beta: add || index > 0 ? 1 : 0,
          c: dx.pointer + columns.lowerBound, ldc: x.width)
        column += group.rows
      }
    }
    if whole {
      withGradient(of: x, addInto)
    } else {
      addingGradient(of: x) { addInto($0, true) }
    }
  }

  private func addBiases(_ biases: [Parameter], to y: Tensor) {
    for row in 0..<y.rowCount {
      var column = row * y.width
      for bias in biases {
        up_axpy(1, bias.value.pointer, y.pointer + column, bias.value.count)
        column += bias.value.count
      }
    }
  }
}

/// Weights that lie one after another, in values and in gradients: one matrix product serves them. A stored matrix stands
/// alone.
private struct WeightGroup {
  var members: [Parameter]
  /// nil for a stored matrix.
  var joined: Tensor?
  var rows: Int { members.reduce(0) { $0 + $1.shape[0] } }

  /// [rows, in]
  var value: Tensor { joined ?? members[0].value }
  var matrix: WeightMatrix { joined.map { WeightMatrix($0) } ?? members[0].matrix }

  /// The joint gradient buffer, or nil when the weights are frozen.
  func gradient() -> Tensor? {
    guard members[0].isTrainable else { return nil }
    let first = members[0].gradientBuffer()
    return members.count == 1 ? first : Tensor(first.storage, offset: first.offset, shape: value.shape)
  }
}

/// Joins weights that are neighbours in one storage and have the same training state.
private func neighbouring(_ weights: [Parameter]) -> [WeightGroup] {
  var groups: [WeightGroup] = []
  for weight in weights {
    if let last = groups.last, let value = last.joined, continues(last.members.last!, weight) {
      groups[groups.count - 1].members.append(weight)
      groups[groups.count - 1].joined = Tensor(
        value.storage, offset: value.offset, shape: [value.shape[0] + weight.shape[0], weight.shape[1]])
    } else {
      groups.append(WeightGroup(members: [weight], joined: weight.stored == nil ? weight.value : nil))
    }
  }
  return groups
}

private func continues(_ a: Parameter, _ b: Parameter) -> Bool {
  guard b.stored == nil, a.value.storage === b.value.storage, a.value.offset + a.value.count == b.value.offset,
    a.isTrainable == b.isTrainable
  else { return false }
  if !a.isTrainable { return true }
  switch (a.gradient, b.gradient) {
  case (let x?, let y?): return x.storage === y.storage && x.offset + x.count == y.offset
  case (nil, nil), (nil, _?), (_?, nil): return false
  }
}
