import CKernels
import TensorCore

extension Tape {
  /// y = [x_1 W_1^T | x_2 W_2^T | ...]: every weight [out_i, in_i] reads columns of its own, one block after the other
  /// from `column` on. One product with a block-diagonal matrix, without its zeros.
  ///
  /// Backward: dx_i = dy_i W_i, dW_i += dy_i^T x_i.
  /// - Parameter x: [..., column + in_1 + in_2 + ...], or wider
  public func blockLinear(_ x: Variable, _ weights: [Parameter], from column: Int = 0) -> Variable {
    let (rows, outWidth) = (x.rowCount, weights.reduce(0) { $0 + $1.shape[0] })
    precondition(column + weights.reduce(0) { $0 + $1.shape[1] } <= x.width)
    let y = Tensor(x.shape.dropLast() + [outWidth])
    func eachBlock(_ body: (_ weight: Parameter, _ input: Int, _ output: Int) -> Void) {
      var (input, output) = (column, 0)
      for weight in weights {
        body(weight, input, output)
        input += weight.shape[1]
        output += weight.shape[0]
      }
    }
    eachBlock { weight, input, output in
      gemm(
        transB: true, m: rows, n: weight.shape[0], k: weight.shape[1], a: x.value.pointer + input, lda: x.width,
        b: weight.value.pointer, ldb: weight.shape[1], c: y.pointer + output, ldc: outWidth)
    }
    return record(y, inputs: [x], parameters: weights) { dy in
      eachBlock { weight, input, output in
        if !weight.isTrainable { return }
        gemm(
          transA: true, m: weight.shape[0], n: weight.shape[1], k: rows, a: dy.pointer + output, lda: outWidth,
          b: x.value.pointer + input, ldb: x.width, beta: 1, c: weight.gradientBuffer().pointer, ldc: weight.shape[1])
      }
      self.addingGradient(of: x) { dx in
        eachBlock { weight, input, output in
          gemm(
            m: rows, n: weight.shape[1], k: weight.shape[0], a: dy.pointer + output, lda: outWidth,
            b: weight.value.pointer, ldb: weight.shape[1], beta: 1, c: dx.pointer + input, ldc: x.width)
        }
      }
    }
  }
}
