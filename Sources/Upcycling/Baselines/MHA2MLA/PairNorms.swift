import Autograd
import ModelCore
import TensorCore

/// How much each rotary pair of a KV head contributes to its scores at most (MHA2MLA, section 3.1, S_2-norm): the mean
/// norm of a query's pair times that of the key's, summed over the query heads that share the key.
///
///   s_{g,j} = sum_{h of g} E||q_h^(j)|| E||k_g^(j)||,  pair j of half-split heads: dimensions j and j + K/2
///
/// - Parameter windows: token ids, equally long
/// - Returns: by layer, [G][K / 2]
public func rotaryPairNorms(of model: LanguageModel, layers: [Int], windows: [[Int32]]) -> [Int: [[Double]]] {
  let config = model.config
  let (groups, half) = (config.keyValueHeads, config.headDim / 2)
  let perGroup = config.attentionHeads / groups
  /// Sums over tokens of the norms of every head's pairs.
  func norms(_ rows: Tensor, _ heads: Int) -> [Double] {
    var sums = [Double](repeating: 0, count: heads * half)
    for row in 0..<rows.rowCount {
      for head in 0..<heads {
        let start = rows.pointer + row * rows.width + head * config.headDim
        for pair in 0..<half {
          let (a, b) = (Double(start[pair]), Double(start[pair + half]))
          sums[head * half + pair] += (a * a + b * b).squareRoot()
        }
      }
    }
    return sums
  }
  var sums: [Int: (query: [Double], key: [Double])] = [:]
  let tokens = model.eachMixerInput(of: layers, windows: windows) { tape, layer, normed in
    guard let query = model.parameter(.query, layer: layer), let key = model.parameter(.key, layer: layer) else {
      return
    }
    let own = (
      query: norms(tape.linear(normed, query).value, config.attentionHeads),
      key: norms(tape.linear(normed, key).value, groups)
    )
    guard let before = sums[layer] else {
      sums[layer] = own
      return
    }
    sums[layer] = (zip(before.query, own.query).map { $0 + $1 }, zip(before.key, own.key).map { $0 + $1 })
  }
  let squared = Double(max(1, tokens)) * Double(max(1, tokens))
  return sums.mapValues { sum in
    (0..<groups).map { group in
      (0..<half).map { pair in
        (group * perGroup..<(group + 1) * perGroup).reduce(0) { $0 + sum.query[$1 * half + pair] }
          * sum.key[group * half + pair] / squared
      }
    }
  }
}
