import Groundwork
import ModelCore
import TensorCore

/// One layer's factorisations, before ranks are chosen: queries alone, keys and values together.
struct LatentFactors {
  let slice: RopeSlice
  let query: TruncatedSVD
  let keyValue: TruncatedSVD

  init(slice: RopeSlice, query: TruncatedSVD, keyValue: TruncatedSVD) {
    self.slice = slice
    self.query = query
    self.keyValue = keyValue
  }

  /// - Parameters:
  ///   - ranks: how many triplets are needed at most
  ///   - covariance: of the layer's normed inputs, [d, d]; nil: plain
  init(
    _ weights: AttentionWeights, _ base: ModelConfig, _ conversion: LatentConversion, ranks: (q: Int, kv: Int),
    covariance: Matrix?
  ) throws {
    let (nope, rope) = (conversion.nopeHeadDim, conversion.ropeHeadDim)
    slice =
      conversion.rope == .paper
      ? .paper(weights, base, nope: nope, rope: rope)
      : try .aligned(weights, base, nope: nope, rope: rope, covariance: covariance)
    query = try Self.factorise(slice.query, rank: ranks.q, covariance)
    keyValue = try Self.factorise(slice.keyValue, rank: ranks.kv, covariance)
  }

  private static func factorise(_ matrix: Matrix, rank: Int, _ covariance: Matrix?) throws -> TruncatedSVD {
    guard let covariance else { return try TruncatedSVD(matrix, rank: rank) }
    return try TruncatedSVD(matrix, rank: rank, covariance: covariance)
  }
}

extension TruncatedSVD {
  /// The rank-r product that is closest in its outputs: minimises E |(W - W_r) x|^2 for inputs with second
  /// moment C = E x x^T.
  ///
  /// The textbook form factorises W C^(1/2) = U S V^T and multiplies the right factor by C^(-1/2). With the
  /// eigenvectors U of W C W^T, S V^T C^(-1/2) is U^T W, so neither root is needed; `right` is S^(-1) U^T W,
  /// whose rows are orthonormal in the metric of C.
  init(_ matrix: Matrix, rank: Int, covariance: Matrix) throws {
    var scatter = matrix.product(covariance).product(matrix, transposingOther: true)
    let n = scatter.rows
    for i in 0..<n {
      for j in 0..<i {
        let mean = (scatter[i, j] + scatter[j, i]) / 2
        scatter[i, j] = mean
        scatter[j, i] = mean
      }
    }
    let rank = min(rank, matrix.rows, matrix.columns)
    let eigen = try LAPACK.symmetricEigen(scatter, top: rank)
    let floor = 1e-14 * max(eigen.values.first ?? 0, 0)
    let values = eigen.values.map { $0 > floor ? $0.squareRoot() : 0 }
    self.init(
      left: eigen.vectors.transposed, singularValues: values,
      right: eigen.vectors.product(matrix).scalingRows(by: values.map { $0 > 0 ? 1 / $0 : 0 }),
      energy: (0..<n).reduce(0) { $0 + scatter[$1, $1] })
  }

  /// Share of the energy that is lost: the squared relative error of the product.
  var lostShare: Double {
    energy > 0 ? max(0, 1 - singularValues.reduce(0) { $0 + $1 * $1 } / energy) : 0
  }
}

extension LatentConversion.SigmaPlacement {
  /// Factors of the down- and the up-projection.
  func split(_ values: [Double]) -> (down: [Double], up: [Double]) {
    let ones = values.map { _ in 1.0 }
    switch self {
    case .down: return (values, ones)
    case .up: return (ones, values)
    case .balanced:
      let roots = values.map { $0.squareRoot() }
      return (roots, roots)
    }
  }
}

/// A latent layer's new projections in checkpoint orientation (out x in).
struct LatentWeights {
  var queryDown: Tensor  // q_a_proj [r_q, d]
  var queryUp: Tensor  // q_b_proj [n_h (d_qk + d_r), r_q]
  var keyValueDown: Tensor  // kv_a_proj_with_mqa [r_kv + d_r, d]
  var keyValueUp: Tensor  // kv_b_proj [n_up (d_qk + d_h), r_kv]
  /// Biases of `queryUp`, `keyValueDown` (0 on the latent) and `keyValueUp`; nil without.
  var biases: (queryUp: Tensor, keyValueDown: Tensor, keyValueUp: Tensor)?

  /// Cuts the factors to `ranks` and puts the singular values where they belong.
  ///
  /// The official code repeats every KV head for its g queries before the SVD. That multiplies all singular
  /// values by sqrt(g) and leaves V^T alone, so the SVD of the un-repeated matrix serves: rows of U / sqrt(g)
  /// repeated, S sqrt(g).
  init(_ factors: LatentFactors, _ base: ModelConfig, _ conversion: LatentConversion, ranks: (q: Int, kv: Int)) {
    let query = factors.query.truncated(to: ranks.q)
    let (queryDown, queryUp) = conversion.sigma.split(query.singularValues)
    self.queryDown = query.right.scalingRows(by: queryDown).tensor()
    self.queryUp = query.left.selecting(rows: factors.slice.queryRows).scalingColumns(by: queryUp).tensor()

    let keyValue = factors.keyValue.truncated(to: ranks.kv)
    let heads = conversion.upProjectionHeads(base)
    let (groups, width) = (base.keyValueHeads, base.headDim)
    let repeats = heads / groups
    let root = Double(repeats).squareRoot()
    let (down, up) = conversion.sigma.split(keyValue.singularValues.map { $0 * root })
    keyValueDown = keyValue.right.scalingRows(by: down).stacked(on: factors.slice.ropeKey).tensor()
    let keyWidth = factors.slice.keyWidth
    let rows = (0..<heads).flatMap { head -> [Int] in
      let group = head / repeats
      let value = groups * keyWidth + group * width
      return Array(group * keyWidth..<group * keyWidth + conversion.nopeHeadDim) + Array(value..<value + width)
    }
    keyValueUp = keyValue.left.selecting(rows: rows).scalingColumns(by: up.map { $0 / root }).tensor()
    biases = factors.slice.biases.map { biases in
      func tensor(_ values: [Double]) -> Tensor { Tensor([values.count], values: values.map { Float($0) }) }
      return (
        tensor(factors.slice.queryRows.map { biases.query[$0] }),
        tensor([Double](repeating: 0, count: ranks.kv) + biases.ropeKey), tensor(rows.map { biases.keyValue[$0] })
      )
    }
  }
}
