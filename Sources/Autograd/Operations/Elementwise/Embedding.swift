import TensorCore

extension Tape {
  /// Rows of a table: out[i] = table[ids[i]], shape `leading` + [width].
  ///
  /// Backward: dtable[ids[i]] += dout[i], split by columns over the threads so that the order of additions
  /// never depends on them. Ids must lie in the table (the caller checks data once, when it is loaded).
  public func embedding(_ table: Parameter, ids: [Int32], leading: [Int]) -> Variable {
    let width = table.shape[1]
    let y = Tensor(leading + [width])
    precondition(y.rowCount == ids.count)
    let rows = table.matrix
    for (row, id) in ids.enumerated() { rows.widen(Int(id)..<Int(id) + 1, into: y.pointer + row * width) }
    return record(y, inputs: [], parameters: [table]) { dy in
      let dtable = table.gradientBuffer().pointer
      Threads.parallelRows(width, grain: 16) { columns in
        for (row, id) in ids.enumerated() {
          let from = dy.pointer + row * width
          let to = dtable + Int(id) * width
          for column in columns { to[column] += from[column] }
        }
      }
    }
  }
}
