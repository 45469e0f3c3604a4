import Autograd
import Foundation
import Groundwork
import ModelCore
import TensorCore
import TestKit
import XCTest

@testable import Distillation

/// A super-network: paths through two models, blocks that learn on them, and what paths cost.
final class SuperNetworkTests: XCTestCase {
  private let layers = 4

  /// Copies of everything but the mixers.
  private func network() throws -> SuperNetwork {
    var config = TinyTraining.config()
    (config.layerCount, config.mixers) = (layers, Array(repeating: .attention, count: layers))
    let base = try TinyTraining.model(config)
    let linear = try TinyTraining.model(
      seed: 4, config.withJetBlock(JetConfig(heads: 2, keyDim: 3, valueDim: 4, chunk: 4)))
    for (parameter, tensor) in zip(linear.parameters.parameters, linear.tensors) where !tensor.isMixers {
      let own = try XCTUnwrap(base.parameter(tensor.role, layer: tensor.layer))
      parameter.value.pointer.update(from: own.value.pointer, count: own.count)
    }
    return try SuperNetwork(base: base, linear: linear)
  }

  private func trainer(
    _ network: SuperNetwork, steps: Int, loss: IntermediatePlan.Loss = .norm
  ) throws -> SuperNetworkTrainer {
    try SuperNetworkTrainer(
      network, batches: RandomBatches(4, 8),
      plan: IntermediatePlan(tokens: steps * 32, batch: 4, time: 8, learningRate: 0.01, loss: loss, trained: .mixers))
  }

  private let windows = (0..<5).map { randomIds(8, vocabulary: TinyTraining.vocabulary, seed: UInt64(50 + $0)) }

  func testAPathOfOneKindIsThatModel() throws {
    let network = try network()
    let tape = Tape(recording: false)
    let ends: [(path: Set<Int>, model: LanguageModel)] = [(Set(0..<layers), network.base), ([], network.linear)]
    for (path, model) in ends {
      let output = network.output(tape, ids: windows[0], batch: 1, time: 8, attention: path)
      XCTAssertEqual(
        model.normed(tape, output).value.toArray(),
        model.hidden(tape, ids: windows[0], batch: 1, time: 8).value.toArray())
    }
    XCTAssertEqual(try PathDivergence(network, windows: windows, batch: 2)(Array(0..<layers)), 0, accuracy: 1e-6)
    XCTAssertThrowsError(try PathDivergence(network, windows: []))
  }

  /// A step's path depends on seed and step alone; every number of attention layers but all comes as often, and every layer.
  func testPathsAreDrawnEvenly() throws {
    let network = try network()
    var (sizes, uses) = ([Int](repeating: 0, count: layers + 1), [Int](repeating: 0, count: layers))
    for step in 0..<4000 {
      let path = network.path(step: step, seed: 1)
      XCTAssertEqual(path, network.path(step: step, seed: 1))
      sizes[path.count] += 1
      for layer in path { uses[layer] += 1 }
    }
    XCTAssertEqual(sizes[layers], 0)
    for size in 0..<layers { XCTAssertEqual(Double(sizes[size]), 1000, accuracy: 120, "\(size)") }
    // (0 + 1 + 2 + 3) / 4 of 4 layers.
    for layer in 0..<layers { XCTAssertEqual(Double(uses[layer]), 1500, accuracy: 150, "\(layer)") }
    XCTAssertNotEqual(
      (0..<20).map { network.path(step: $0, seed: 1) }, (0..<20).map { network.path(step: $0, seed: 2) })
  }

  /// Only the blocks of the step's path move.
  func testAStepMovesTheBlocksOfItsPathAlone() throws {
    let network = try network()
    let trainer = try trainer(network, steps: 12)
    for step in 0..<12 {
      func values(_ model: LanguageModel) -> [[Float]] { model.parameters.parameters.map { $0.value.toArray() } }
      let (before, base) = (values(network.linear), values(network.base))
      let metrics = try trainer.trainStep()
      let path = network.path(step: step, seed: 1)
      XCTAssertEqual(metrics.attentionLayers, path.count)
      XCTAssertEqual(values(network.base), base)
      for (index, tensor) in network.linear.tensors.enumerated() {
        let moves = tensor.isMixers && !path.contains(tensor.layer!)
        let after = network.linear.parameters.parameters[index].value.toArray()
        XCTAssertEqual(after != before[index], moves, "step \(step), path \(path.sorted()): \(tensor.name)")
      }
    }
  }

  func testPathsComeCloserToTheBase() throws {
    for loss in [IntermediatePlan.Loss.norm, .squared] {
      let network = try network()
      let divergence = try PathDivergence(network, windows: windows)
      let paths: [[Int]] = [[], [0], [2], [1, 3]]
      let before = paths.map { divergence($0) }
      let trainer = try trainer(network, steps: 150, loss: loss)
      for _ in 0..<150 { _ = try trainer.trainStep() }
      for (path, before) in zip(paths, before) {
        XCTAssertLessThan(divergence(path), 0.9 * before, "\(loss), attention in \(path)")
      }
    }
  }

  /// The divergence of a path is what the head says of it.
  func testTheDivergenceIsThatOfTheProbabilities() throws {
    let network = try network()
    let tape = Tape(recording: false)
    func logProbabilities(_ path: Set<Int>, _ ids: [Int32]) -> [[Double]] {
      let states = network.base.normed(tape, network.output(tape, ids: ids, batch: 1, time: 8, attention: path))
      let logits = network.base.logits(states.value.reshaped([8, 16]))
      return (0..<7).map { row in
        let values = (0..<logits.width).map { Double(logits.pointer[row * logits.width + $0]) }
        let sum = log(values.map { exp($0) }.reduce(0, +))
        return values.map { $0 - sum }
      }
    }
    var sum = 0.0
    for ids in windows {
      for (p, q) in zip(logProbabilities(Set(0..<layers), ids), logProbabilities([1], ids)) {
        sum += zip(p, q).reduce(0) { $0 + exp($1.0) * ($1.0 - $1.1) }
      }
    }
    XCTAssertEqual(try PathDivergence(network, windows: windows, batch: 2)([1]), sum / 35, accuracy: 1e-5)
  }

  func testFrozenFeedForwardsStay() throws {
    let plan = TinyTraining.plan(steps: 2) { $0.freezesFeedForwards = true }
    let trainer = try TinyTraining.trainer(plan)
    let before = trainer.student.parameters.parameters.map { $0.value.toArray() }
    _ = try trainer.trainStep()
    for (index, tensor) in trainer.student.tensors.enumerated() {
      let isFrozen = if case .feedForward = tensor.role { true } else { false }
      XCTAssertEqual(
        trainer.student.parameters.parameters[index].value.toArray() == before[index], isFrozen, tensor.name)
    }
  }
}
