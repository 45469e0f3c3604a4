import ModelCore
import TensorCore

/// One attention layer's weights in float64, Hub orientation (out x in), with the biases of a base that has them
/// (Qwen2) as a last column: what is done to rows is done to their biases.
struct AttentionWeights {
  var query: Matrix  // [n_h d_h, d]
  var key: Matrix  // [n_kv d_h, d]
  var value: Matrix  // [n_kv d_h, d]
}

/// A layer's attention split into what rotates and what does not: the matrices to factorise, and which of
/// their rows the up-projections keep.
struct RopeSlice {
  /// Rows of this become q_b_proj.
  var query: Matrix
  /// Rows of `query`, head by head [nope (d_qk) | rope (d_r)].
  var queryRows: [Int]
  /// Per KV head `keyWidth` key rows, stacked on all value rows: the joint matrix.
  var keyValue: Matrix
  var keyWidth: Int
  /// The shared rope key, [d_r, d].
  var ropeKey: Matrix
  /// Dimensions of the base head behind a latent head's [nope | rope] columns (for norms over heads).
  var headDims: [Int]
  /// Biases of the rows of `query`, `keyValue` and `ropeKey`; nil without.
  var biases: (query: [Double], keyValue: [Double], ropeKey: [Double])?

  /// The biases, so far a last column behind `inputs` ones, set apart: they belong to no factorisation.
  func settingBiasesApart(inputs: Int) -> RopeSlice {
    if query.columns == inputs { return self }
    func last(_ matrix: Matrix) -> [Double] { (0..<matrix.rows).map { matrix[$0, inputs] } }
    var slice = self
    slice.biases = (last(query), last(keyValue), last(ropeKey))
    slice.query = query.prefix(columns: inputs)
    slice.keyValue = keyValue.prefix(columns: inputs)
    slice.ropeKey = ropeKey.prefix(columns: inputs)
    return slice
  }
}

// MARK: - The paper's slice

extension RopeSlice {
  /// Dimensions of a base head in the order [nope | rope].
  static func paperDims(_ base: ModelConfig, nope: Int, rope: Int) -> [Int] {
    Array(0..<nope) + Array(base.headDim - rope..<base.headDim)
  }

  /// X-EcoMLA (Algorithm 1): the first d_qk dimensions of a head are position-free, the last d_r rotate as
  /// neighbouring pairs, and the rope key is the mean over the KV heads. Rows are used twice when
  /// d_qk + d_r > d_h, dropped when below. The pairs are not the base's: logits agree with it at relative
  /// distance 0 only.
  static func paper(_ weights: AttentionWeights, _ base: ModelConfig, nope: Int, rope: Int) -> RopeSlice {
    let (width, groups) = (base.headDim, base.keyValueHeads)
    let dims = paperDims(base, nope: nope, rope: rope)
    var mean = Matrix.zeros(rope, weights.key.columns)
    for group in 0..<groups {
      for row in 0..<rope {
        let source = group * width + width - rope + row
        for column in 0..<mean.columns { mean[row, column] += weights.key[source, column] / Double(groups) }
      }
    }
    return RopeSlice(
      query: weights.query, queryRows: (0..<base.attentionHeads).flatMap { head in dims.map { head * width + $0 } },
      keyValue: weights.key.stacked(on: weights.value), keyWidth: width, ropeKey: mean, headDims: dims
    ).settingBiasesApart(inputs: base.hiddenSize)
  }
}

// MARK: - Whole rotary pairs

extension RopeSlice {
  /// Beyond the paper: the d_r / 2 highest frequencies keep rotating as the base's own pairs (j, j + d_h/2),
  /// the other pairs become position-free.
  ///
  /// With z = a + ib for the two rows of a pair, rope multiplies z by a phase and the logit is
  /// Re(z_q conj(z_k)). Per frequency the KV heads' complex key rows c_g are replaced by their best common
  /// direction: C ~ u (u^H C), u the leading eigenvector of C C^H (of C cov C^H with an input covariance).
  /// Then Re(z_q conj(u_g s)) = Re((conj(u_g) z_q) conj(s)): one shared rope key s = u^H C, and each query
  /// head takes its KV head's coefficient, conjugated. Exact for one KV head.
  static func aligned(
    _ weights: AttentionWeights, _ base: ModelConfig, nope: Int, rope: Int, covariance: Matrix?
  ) throws -> RopeSlice {
    let (width, groups, heads) = (base.headDim, base.keyValueHeads, base.attentionHeads)
    let perGroup = heads / groups
    let (half, rotated) = (width / 2, rope / 2)
    let freePairs = freePairs(weights, base, from: rotated, count: nope / 2)
    let freeDims = freePairs + freePairs.map { $0 + half }
    let rotatedDims = Array(0..<rotated) + (0..<rotated).map { $0 + half }

    var query = weights.query.selecting(
      rows: (0..<heads).flatMap { head in (freeDims + rotatedDims).map { head * width + $0 } })
    var ropeKey = Matrix.zeros(rope, weights.key.columns)
    let headWidth = nope + rope
    for pair in 0..<rotated {
      let rows = (0..<groups).flatMap { [$0 * width + pair, $0 * width + pair + half] }
      let common = try CommonDirection(
        pairs: weights.key.selecting(rows: rows), inputs: base.hiddenSize, covariance: covariance)
      for column in 0..<ropeKey.columns {
        ropeKey[pair, column] = common.shared[0, column]
        ropeKey[pair + rotated, column] = common.shared[1, column]
      }
      for head in 0..<heads {
        let (x, y) = common.coefficients[head / perGroup]
        let real = head * headWidth + nope + pair
        let imaginary = real + rotated
        for column in 0..<query.columns {
          let (a, b) = (query[real, column], query[imaginary, column])
          query[real, column] = x * a + y * b
          query[imaginary, column] = x * b - y * a
        }
      }
    }
    // YaRN's factor on cos and sin scaled every logit of the base; here only the rope part passes through it.
    let magnitude = base.rope.magnitude
    if magnitude != 1 {
      query = query.scalingRows(by: (0..<query.rows).map { $0 % headWidth < nope ? magnitude * magnitude : 1 })
    }
    let keyRows = (0..<groups).flatMap { group in freeDims.map { group * width + $0 } }
    return RopeSlice(
      query: query, queryRows: Array(0..<query.rows),
      keyValue: weights.key.selecting(rows: keyRows).stacked(on: weights.value), keyWidth: nope, ropeKey: ropeKey,
      headDims: freeDims + rotatedDims
    ).settingBiasesApart(inputs: base.hiddenSize)
  }

  /// The pairs that become position-free: all that do not rotate, or those with the largest products of query
  /// and key norms when fewer are wanted.
  private static func freePairs(_ weights: AttentionWeights, _ base: ModelConfig, from: Int, count: Int) -> [Int] {
    let (width, half) = (base.headDim, base.headDim / 2)
    let candidates = Array(from..<half)
    if count >= candidates.count { return candidates }
    func norm(_ matrix: Matrix, _ head: Int, _ pair: Int) -> Double {
      matrix.selecting(rows: [head * width + pair, head * width + pair + half]).prefix(columns: base.hiddenSize)
        .squaredNorm.squareRoot()
    }
    let perGroup = base.attentionHeads / base.keyValueHeads
    let scores = candidates.map { pair in
      (0..<base.attentionHeads).reduce(0) {
        $0 + norm(weights.query, $1, pair) * norm(weights.key, $1 / perGroup, pair)
      }
    }
    let best = candidates.indices.sorted { scores[$0] == scores[$1] ? $0 < $1 : scores[$0] > scores[$1] }.prefix(count)
    return best.map { candidates[$0] }.sorted()
  }
}

/// The best rank-one fit c_g ~ u_g s of complex rows c_1 ... c_G, with u scaled so that its mean squared
/// magnitude is 1 (equal rows give u = 1 and s = the row).
struct CommonDirection {
  /// u_g as (real, imaginary)
  var coefficients: [(Double, Double)]
  /// s: real row, imaginary row
  var shared: Matrix

  /// - Parameters:
  ///   - pairs: rows 2g (real) and 2g + 1 (imaginary) of every head g
  ///   - inputs: columns that decide the direction; a last one of biases follows it
  init(pairs: Matrix, inputs: Int, covariance: Matrix?) throws {
    let count = pairs.rows / 2
    let weights = pairs.columns == inputs ? pairs : pairs.prefix(columns: inputs)
    // All real inner products of the 2G rows; H = C C^H from them, as the real symmetric [[A, -B], [B, A]].
    let inner = covariance.map { weights.product($0).product(weights, transposingOther: true) } ?? weights.gram()
    var hermitian = Matrix.zeros(2 * count, 2 * count)
    for g in 0..<count {
      for h in 0..<count {
        let real = inner[2 * g, 2 * h] + inner[2 * g + 1, 2 * h + 1]
        let imaginary = inner[2 * g + 1, 2 * h] - inner[2 * g, 2 * h + 1]
        hermitian[g, h] = real
        hermitian[g + count, h + count] = real
        hermitian[g, h + count] = -imaginary
        hermitian[g + count, h] = imaginary
      }
    }
    let leading = try LAPACK.symmetricEigen(hermitian).vectors
    var u = (0..<count).map { (leading[0, $0], leading[0, count + $0]) }
    // The phase is free; take the one that makes the coefficients' sum real and positive.
    let sum = u.reduce((0, 0)) { ($0.0 + $1.0, $0.1 + $1.1) }
    let length = (sum.0 * sum.0 + sum.1 * sum.1).squareRoot()
    if length > 1e-9 {
      let (c, s) = (sum.0 / length, -sum.1 / length)
      u = u.map { ($0.0 * c - $0.1 * s, $0.0 * s + $0.1 * c) }
    }
    let scale = Double(count).squareRoot()
    var shared = Matrix.zeros(2, pairs.columns)
    for (g, (x, y)) in u.enumerated() {
      for column in 0..<pairs.columns {
        let (a, b) = (pairs[2 * g, column], pairs[2 * g + 1, column])
        shared[0, column] += (x * a + y * b) / scale
        shared[1, column] += (x * b - y * a) / scale
      }
    }
    self.shared = shared
    coefficients = u.map { ($0.0 * scale, $0.1 * scale) }
  }
}

extension ModelConfig {
  /// d_qk and d_r where half of each head rotates, as in X-EcoMLA's Table 12: whole pairs, one at least.
  public var halfRotated: (nope: Int, rope: Int) {
    let rope = max(2, headDim / 4 * 2)
    return (headDim - rope, rope)
  }
}
