import Distillation
import Foundation
import Groundwork
import ModelCore
import TokenData
import Upcycling

/// Finds the attention layers that a base misses most (HALO's layer selection, arXiv 2601.22156, section 3.2), and writes HypeNet's
/// hybrid of them: a layer's loss is KL(base || base with the linear layer in this one's place), mean per token. The paper
/// divides what recall loses by what common sense loses; here all of the text counts.
struct SwapSearching {
  /// Folder of an attention-only model.
  let base: URL
  /// Folder of the same with linear layers that learnt from it.
  let linear: URL
  /// Layers that keep attention.
  let count: Int
  /// Token ids that losses are measured on, equally long.
  let windows: [[Int32]]

  /// Measures and writes the hybrid of the layers with the largest losses to `out`, which appears whole.
  /// - Parameter report: (layers measured, layers)
  /// - Returns: the losses by layer, nats per token, and the layers that keep attention, ascending
  func run(
    to out: URL, report: (Int, Int) -> Void = { _, _ in }, shouldStop: () -> Bool = { false }
  ) throws -> (losses: [Double], layers: [Int]) {
    let network = try SuperNetwork(base: LanguageModel(folder: base), linear: LanguageModel(folder: linear))
    let divergence = try PathDivergence(network, windows: windows)
    let losses = try (0..<network.layerCount).map { layer -> Double in
      if shouldStop() { throw UpcycleError("interrupted while it measured layers", at: out.path, kind: .interrupted) }
      defer { report(layer + 1, network.layerCount) }
      return divergence((0..<network.layerCount).filter { $0 != layer })
    }
    let layers = try LayerPlacement(.maxScore, count: count, scores: losses).layers.sorted()
    let hybrid = try PositionFreeHybrid(attentionLayers: layers).model(base: network.base, linear: network.linear)
    try writeModel(hybrid, madeOf: base, to: out)
    return (losses, layers)
  }
}
