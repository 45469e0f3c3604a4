import Autograd
import Collectives
import ModelCore
import TensorCore

/// Sums the gradients of replicated parameters over ranks, in place: a layer's as soon as the backward pass is done
/// with it, the rest at the end. They travel in pieces, and no more at once than `most` bytes, however large the model is.
final class GradientSums {
  private let model: LanguageModel
  private let context: RankContext
  /// Runs of neighbouring replicated parameters: [layer], and those outside of layers.
  private var layerRuns: [[Range<Int>]]
  private var otherRuns: [Range<Int>]
  /// Layers that have not been passed in this step.
  private var ahead: Set<Int>
  private var queued: [(run: Range<Int>, layer: Int)] = []
  private var flights: [(flight: RankContext.Flight, bytes: Int)] = []

  private static let most = 1 << 28
  /// Numbers of a piece.
  private static let piece = 1 << 24

  /// - Parameter others: whose gradients are whole where they are
  init(_ model: LanguageModel, except others: [Parameter] = [], _ context: RankContext) {
    self.model = model
    self.context = context
    ahead = Set(model.layers.indices)
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
    ahead.remove(layer)
    enqueue(layerRuns[layer], layer)
  }

  /// Sums the rest and waits for all.
  func finish() {
    for layer in ahead.sorted(by: >) { passed(layer) }
    enqueue(otherRuns, model.layers.count)
    while let first = flights.first {
      context.land(first.flight)
      proceed()
    }
    ahead = Set(model.layers.indices)
  }

  private func enqueue(_ runs: [Range<Int>], _ layer: Int) {
    for run in runs {
      for start in stride(from: run.lowerBound, to: run.upperBound, by: Self.piece) {
        queued.append((start..<min(start + Self.piece, run.upperBound), layer))
      }
    }
    proceed()
  }

  /// Lands what is over and starts what may fly beside the rest, in the same order on all ranks.
  func proceed() {
    while let first = flights.first, first.flight.isOver {
      context.land(first.flight, interrupts: false)
      flights.removeFirst()
    }
    while let next = queued.first {
      let bytes = MemoryLayout<Float>.stride * next.run.count
      if !flights.isEmpty && flights.reduce(bytes, { $0 + $1.bytes }) > Self.most { return }
      queued.removeFirst()
      guard let gradients = model.parameters.gradients else { continue }
      let flight = context.start("R", layer: next.layer, .backward, keeping: [gradients]) { [context] in
        try context.reducer.start(gradients.pointer + next.run.lowerBound, count: next.run.count)
      }
      flights.append((flight, bytes))
    }
  }
}

extension LanguageModel {
  /// The weights of all routed experts.
  var expertParameters: [Parameter] {
    layers.compactMap { $0.transform?.experts }.flatMap { $0.gateUp.parameters + $0.down.parameters }
  }
}
