import Autograd
import Collectives
import ModelCore
import TensorCore

/// Sums the gradients of replicated parameters over ranks, in place: a layer's as soon as the backward pass is done
/// with it, the rest at the end.
final class GradientSums {
  private let model: LanguageModel
  private let context: RankContext
  /// Runs of neighbouring replicated parameters: [layer], and those outside of layers.
  private var layerRuns: [[Range<Int>]]
  private var otherRuns: [Range<Int>]
  private var waiting: Set<Int>
  private var flights: [RankContext.Flight] = []

  /// - Parameter others: whose gradients are whole where they are
  init(_ model: LanguageModel, except others: [Parameter] = [], _ context: RankContext) {
    self.model = model
    self.context = context
    waiting = Set(model.layers.indices)
    let others = Set(others.map(ObjectIdentifier.init))
    layerRuns = model.layers.map { _ in [] }
    otherRuns = []
    for (index, parameter) in model.parameters.parameters.enumerated()
    where parameter.isTrainable && !others.contains(ObjectIdentifier(parameter)) {
      let range = model.parameters.range(of: index)
      if let layer = model.tensors[index].layer {
        Self.append(range, to: &layerRuns[layer])
      } else {
        Self.append(range, to: &otherRuns)
      }
    }
  }

  private static func append(_ range: Range<Int>, to runs: inout [Range<Int>]) {
    if let last = runs.last, last.upperBound == range.lowerBound {
      runs[runs.count - 1] = last.lowerBound..<range.upperBound
    } else {
      runs.append(range)
    }
  }

  /// All runs.
  var runs: [Range<Int>] { layerRuns.flatMap { $0 } + otherRuns }

  /// The gradients of this layer are complete on this rank.
  func passed(_ layer: Int) {
    waiting.remove(layer)
    start(layerRuns[layer], layer)
  }

  /// Sums the rest and waits for all.
  func finish() {
    for layer in waiting.sorted(by: >) { passed(layer) }
    start(otherRuns, model.layers.count)
    for flight in flights { context.land(flight) }
    flights = []
    waiting = Set(model.layers.indices)
  }

  private func start(_ runs: [Range<Int>], _ layer: Int) {
    guard let gradients = model.parameters.gradients else { return }
    for run in runs {
      flights.append(
        context.start("R", layer: layer, .backward, keeping: [gradients]) {
          try context.reducer.start(gradients.pointer + run.lowerBound, count: run.count)
        })
    }
  }
}

extension LanguageModel {
  /// The weights of all routed experts.
  var expertParameters: [Parameter] {
    layers.compactMap { $0.transform?.experts }.flatMap { $0.gateUp.parameters + $0.down.parameters }
  }
}
