import Autograd
import Foundation
@testable import ModelCore
import TensorCore
import TestKit
import XCTest

/// What every mixer and every family must do, whoever wrote it: gradients against finite differences, decoding in any
/// pieces equal to the pass over the whole sequence, accounting equal to what is allocated, files equal to what was
/// saved. The last of each is a toy from this folder, made known by one line.
final class HouseTests: XCTestCase {
  private let time = 9

  override class func setUp() {
    Mixers.register(RunningMean.self)
    Families.register(Toy())
  }

  private func mixers() throws -> [(name: String, config: ModelConfig)] {
    XCTAssertEqual(Mixers.kinds.last, RunningMean.kind)
    return try Mixers.kinds.map { ($0.rawValue, try SmallModels.of($0)) }
  }

  private func families() throws -> [(name: String, config: ModelConfig)] {
    XCTAssertEqual(Families.all.last?.className, "ToyForCausalLM")
    return try Families.all.map { family in
      let name = family.architecture.rawValue
      return (name, try XCTUnwrap(SmallModels.of(family.architecture), "no small model of \(name)"))
    }
  }

  private func all() throws -> [(name: String, config: ModelConfig)] {
    try mixers() + families() + SmallModels.carryingBiases()
  }

  /// Weights of order 1, vectors moved off their start.
  private func model(_ config: ModelConfig) throws -> LanguageModel {
    try config.validate(file: "small model")
    let model = try LanguageModel(config, weights: RandomWeights(seed: 3, deviation: 0.4, layers: config.layerCount))
    for (parameter, tensor) in zip(model.parameters.parameters, model.tensors) {
      if tensor.shape.count == 1 {
        let noise = randomFloats(tensor.count, parameter.name, scale: 0.3)
        for (i, value) in noise.enumerated() { parameter.value.pointer[i] += value }
      } else if tensor.shape.count == 3, tensor.isMixers {
        // Short keys turn sharply when they are scaled to unit length: these are long.
        for i in 0..<tensor.count { parameter.value.pointer[i] *= 5 }
      }
    }
    return model
  }

  private var ids: [Int32] { randomIds(time, vocabulary: SmallModels.vocabulary) }

  func testGradientsAreTheSlopesOfTheLoss() throws {
    for (name, config) in try all() {
      let model = try model(config)
      // A choice of experts jumps: only a held one has a slope everywhere.
      model.routing.holdsChoices = true
      let targets = randomIds(time, vocabulary: SmallModels.vocabulary, seed: 2)
      GradientCheck(name, step: 6e-4, tolerance: 1e-2, directions: 2).runLoss(set: model.parameters) { tape, _ in
        let hidden = model.hidden(tape, ids: ids, batch: 1, time: time)
        let (loss, sums) = tape.headLoss(
          hidden, head: model.head, targets: targets, scale: 1, cap: model.logitCap)
        return .init(scalar: loss, value: sums.crossEntropy)
      }
    }
  }

  func testDecodingInTwoPiecesSplitAnywhereIsTheForwardPass() throws {
    for (name, config) in try all() {
      let model = try model(config)
      let whole = model.logits(ids: ids, batch: 1, time: time).toArray()
      for split in 0...time {
        let cache = model.makeCache()
        var states: [Float] = []
        for piece in [ids[..<split], ids[split...]] where !piece.isEmpty {
          states += try model.extend(cache, Array(piece)).toArray()
        }
        let logits = model.logits(Tensor([time, config.hiddenSize], values: states)).toArray()
        assertClose(logits, whole, "\(name), split at \(split)", tolerance: 1e-4)
      }
    }
  }

  func testAccountingIsWhatIsAllocated() throws {
    for (name, config) in try all() {
      let model = try model(config)
      XCTAssertEqual(config.parameterCount, model.parameters.count, name)
      XCTAssertEqual(Set(model.tensors.map(\.name)), Set(config.tensors.map(\.name)), name)
      for tokens in [0, 1, 100] {
        let before = StoragePool.liveBytes
        let cache = model.makeCache(capacity: tokens)
        XCTAssertEqual(StoragePool.liveBytes - before, config.reservedBytes(tokens: tokens), "\(name), \(tokens)")
        XCTAssertEqual(cache.bytes, 4 * config.stateNumbers, name)
      }
      let cache = model.makeCache()
      _ = try model.extend(cache, ids)
      XCTAssertEqual(cache.bytes, config.cacheBytes(context: time, .float32), name)
      XCTAssertGreaterThan(config.forwardFLOPsPerToken(context: 8), 2 * Double(config.hiddenSize), name)
    }
  }

  func testWhatIsSavedIsLoaded() throws {
    for (name, config) in try all() {
      let model = try model(config)
      let folder = try temporaryFolder()
      defer { try? FileManager.default.removeItem(at: folder) }
      try model.save(to: folder)
      let loaded = try LanguageModel(folder: folder)
      XCTAssertEqual(loaded.config, config, name)
      XCTAssertEqual(loaded.parameters.values.toArray(), model.parameters.values.toArray(), name)
      XCTAssertEqual(
        loaded.logits(ids: ids, batch: 1, time: time).toArray(), model.logits(ids: ids, batch: 1, time: time).toArray(),
        name)
    }
  }

  func testAFamilySpellsItsTensorsItsOwnWay() throws {
    let config = try XCTUnwrap(SmallModels.of(Toy().architecture))
    let names = config.tensors.map(\.name)
    XCTAssertTrue(
      Set(names).isSuperset(of: [
        "toy.words", "toy.blocks.0.average.in", "toy.blocks.0.average.out", "toy.blocks.1.look.q_proj.weight",
        "toy.blocks.1.second", "toy.last",
      ]), "\(names)")
  }
}
