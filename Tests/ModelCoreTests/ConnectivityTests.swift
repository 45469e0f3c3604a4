import Autograd
import Foundation
import Groundwork
import Published
import TensorCore
import TestKit
import XCTest

@testable import ModelCore

/// FarSkip's connectivity (FarSkip-Collective): against the equations written out, degenerate cases, wrong
/// wirings that must show, gradients, caches.
final class ConnectivityTests: XCTestCase {
  private let (batch, time) = (2, 7)
  private var ids: [Int32] { randomIds(batch * time, vocabulary: TinyExperts.vocabulary) }

  private func logits(_ model: LanguageModel) -> [Float] { model.logits(ids: ids, batch: batch, time: time).toArray() }

  private func rewired(_ model: LanguageModel, _ connectivity: Connectivity, layers: [Int]? = nil) throws
    -> LanguageModel
  {
    let layers = layers ?? Array(0..<model.config.layerCount)
    let other = try LanguageModel(
      model.config.connecting(layers, as: connectivity), weights: RandomWeights(seed: 1, layers: 1))
    other.parameters.values.pointer.update(from: model.parameters.values.pointer, count: model.parameters.count)
    return other
  }

  // MARK: The equations

  /// What the two halves of a layer read, given R and N of the layer before; wrong ones too.
  private struct Wiring {
    var attention: (_ full: Variable, _ free: Variable) -> Variable
    var experts: (_ full: Variable, _ attended: Variable) -> Variable
    var withholds = true
    /// Wrong: routed experts read N of their own layer.
    var routesOwnFree = false
  }

  private func wiring(_ connectivity: Connectivity) -> Wiring {
    switch connectivity {
    case .standard: Wiring(attention: { r, _ in r }, experts: { _, x in x }, withholds: false)
    case .farskip: Wiring(attention: { _, n in n }, experts: { r, _ in r })
    case .attentionOnly: Wiring(attention: { _, n in n }, experts: { _, x in x })
    case .mlpOnly: Wiring(attention: { r, _ in r }, experts: { r, _ in r }, withholds: false)
    }
  }

  /// The layers one by one, their equations written out: a, x, u, r, s, N, R. `wirings` gives each layer's inputs.
  private func naive(_ model: LanguageModel, _ wirings: [Wiring]) -> [Float] {
    let tape = Tape(recording: false)
    let eps = Float(model.config.rmsNormEps)
    let positions = (0..<batch * time).map { Int32($0 % time) }
    var full = tape.embedding(model.embedding, ids: ids, leading: [batch, time])
    var free = full
    for (layer, wiring) in zip(model.layers, wirings) {
      let read = tape.rmsNorm(wiring.attention(full, free), layer.inputNorm!, eps: eps)
      let a = layer.mixer.forward(tape, read, batch: batch, time: time, positionIds: positions)
      let x = tape.add(full, a)
      let transform = layer.transform!
      let u = tape.rmsNorm(wiring.experts(full, x), transform.norm!, eps: eps)
      if let dense = transform.feedForward {
        full = tape.add(x, dense.forward(tape, u))
        free = full
        continue
      }
      let experts = transform.experts!
      let s = experts.shared?.forward(tape, u)
      let now = s.map { tape.add(x, $0) } ?? x
      let r = experts.routed(tape, wiring.routesOwnFree ? tape.rmsNorm(now, transform.norm!, eps: eps) : u)
      full = tape.add(now, r)
      free = wiring.withholds ? now : full
    }
    return model.logits(tape.rmsNorm(full, model.finalNorm, eps: eps).value).toArray()
  }

  func testEveryConnectivityIsItsEquations() throws {
    for (name, config) in try TinyExperts.all() {
      let model = try TinyExperts.model(config)
      let plain = logits(model)
      for connectivity in Connectivity.allCases {
        let ours = logits(try rewired(model, connectivity))
        let wirings = Array(repeating: wiring(connectivity), count: config.layerCount)
        XCTAssertEqual(ours, naive(model, wirings), "\(name), \(connectivity)")
        if connectivity == .standard {
          XCTAssertEqual(ours, plain, name)
        } else {
          XCTAssertGreaterThan(relativeError(ours, plain), 1e-2, "\(name), \(connectivity)")
        }
      }
      // Layers of several kinds: what a layer reads is its own affair, what it withholds as well.
      for kinds: [Connectivity] in [
        [.farskip, .standard, .farskip], [.mlpOnly, .farskip, .attentionOnly], [.standard, .attentionOnly, .mlpOnly],
      ] {
        var mixed = config
        mixed.connectivities = kinds
        let other = try LanguageModel(mixed, weights: RandomWeights(seed: 1, layers: 1))
        other.parameters.values.pointer.update(from: model.parameters.values.pointer, count: model.parameters.count)
        XCTAssertEqual(logits(other), naive(model, kinds.map(wiring)), "\(name), \(kinds)")
      }
    }
  }

  /// Streams swapped, or experts fed with another residual, are other functions.
  func testWrongWiringsShow() throws {
    for (name, config) in try TinyExperts.all() {
      let model = try TinyExperts.model(config)
      let right = logits(try rewired(model, .farskip))
      for (wrong, wiring) in [
        ("attention on R", Wiring(attention: { r, _ in r }, experts: { r, _ in r })),
        ("experts on R + a", Wiring(attention: { _, n in n }, experts: { _, x in x })),
        ("experts on N", Wiring(attention: { _, n in n }, experts: { r, _ in r }, routesOwnFree: true)),
      ] {
        let found = naive(model, Array(repeating: wiring, count: config.layerCount))
        XCTAssertGreaterThan(relativeError(found, right), 1e-2, "\(name): \(wrong)")
      }
      XCTAssertGreaterThan(relativeError(swapped(model), right), 1e-2, "\(name): streams swapped")
    }
  }

  /// Attention on R and experts on N of the layer before.
  private func swapped(_ model: LanguageModel) -> [Float] {
    let free = Held()
    return naive(
      model,
      Array(
        repeating: Wiring(
          attention: { r, n in
            free.variable = n
            return r
          }, experts: { _, _ in free.variable! }), count: model.config.layerCount))
  }

  private final class Held { var variable: Variable? }

  // MARK: Degenerate cases (item 3)

  private func zero(_ model: LanguageModel, _ suffixes: [String]) {
    for parameter in model.parameters.parameters where suffixes.contains(where: { parameter.name.hasSuffix($0) }) {
      parameter.value.fill(0)
    }
  }

  func testSilentPartsMakeConnectivitiesAgree() throws {
    for (name, config) in try TinyExperts.all(dense: false) {
      // Routed experts that answer nothing are not missed.
      let silent = try TinyExperts.model(config)
      for parameter in silent.parameters.parameters
      where parameter.name.contains(".experts.") && parameter.name.contains("down_proj") { parameter.value.fill(0) }
      XCTAssertEqual(logits(try rewired(silent, .attentionOnly)), logits(silent), "\(name): routed experts are zero")
      XCTAssertEqual(
        logits(try rewired(silent, .farskip)), logits(try rewired(silent, .mlpOnly)), "\(name): routed experts are zero"
      )
      // Nor is attention that says nothing.
      let deaf = try TinyExperts.model(config)
      zero(deaf, ["o_proj.weight"])
      XCTAssertEqual(logits(try rewired(deaf, .mlpOnly)), logits(deaf), "\(name): attention is zero")
      // In the first layer nothing is routed yet.
      let model = try TinyExperts.model(config)
      XCTAssertEqual(
        logits(try rewired(model, .attentionOnly, layers: [0])), logits(try rewired(model, .standard)), name)
      XCTAssertEqual(
        logits(try rewired(model, .farskip, layers: [0])), logits(try rewired(model, .mlpOnly, layers: [0])),
        "\(name): one layer, N is not read")
    }
  }

  /// All experts the same, weights to the sum 1: routing does not matter.
  func testEqualExpertsNeedNoRouter() throws {
    for (name, config) in try TinyExperts.all() where config.experts!.rule.isNormalized {
      let model = try TinyExperts.model(config)
      for layer in config.experts!.layers {
        for projection in TensorRole.Projection.allCases {
          let first = model.parameter(.expert(0, projection), layer: layer)!.value
          for expert in 1..<config.experts!.count {
            model.parameter(.expert(expert, projection), layer: layer)!.value.pointer.update(
              from: first.pointer, count: first.count)
          }
        }
      }
      for connectivity in Connectivity.allCases {
        let other = try rewired(model, connectivity)
        let before = logits(other)
        for layer in config.experts!.layers {
          let router = other.parameter(.router, layer: layer)!.value
          router.pointer.update(from: randomFloats(router.count, seed: 5, "router"), count: router.count)
        }
        assertClose(logits(other), before, "\(name), \(connectivity)", tolerance: 1e-5)
      }
    }
  }

  // MARK: Gradients (item 8)

  private func loss(_ model: LanguageModel, _ tape: Tape, checkpointing: Bool = false) -> GradientCheck.Loss {
    let targets = randomIds(batch * time, vocabulary: TinyExperts.vocabulary, seed: 2)
    let hidden = model.hidden(tape, ids: ids, batch: batch, time: time, checkpointing: checkpointing)
    let (loss, sums) = tape.headLoss(hidden, head: model.head, targets: targets, scale: 1)
    return .init(scalar: loss, value: sums.crossEntropy)
  }

  /// Choices are held: where a token goes to another expert the loss jumps, and differences say nothing.
  func testEveryConnectivityMatchesDifferences() throws {
    for (name, config) in try TinyExperts.all() {
      for connectivity in Connectivity.allCases {
        let model = try rewired(TinyExperts.model(config), connectivity)
        model.routing.holdsChoices = true
        GradientCheck("\(name), \(connectivity)", step: 6e-4, tolerance: 1e-2, directions: 3)
          .runLoss(set: model.parameters) { tape, _ in loss(model, tape) }
      }
    }
  }

  func testCheckpointingChangesNoBit() throws {
    for (name, config) in try TinyExperts.all() {
      for connectivity in Connectivity.allCases {
        let model = try rewired(TinyExperts.model(config), connectivity)
        func gradients(checkpointing: Bool) -> [Float] {
          model.parameters.zeroGradients()
          let tape = Tape(recording: true)
          tape.backward(from: loss(model, tape, checkpointing: checkpointing).variable)
          return model.parameters.gradients!.toArray()
        }
        XCTAssertEqual(gradients(checkpointing: true), gradients(checkpointing: false), "\(name), \(connectivity)")
      }
    }
  }

  // MARK: Experts

  /// The routed output of a token does not depend on the others, bit for bit.
  func testTokensAreIndependent() throws {
    for (name, config) in try TinyExperts.all(dense: false) {
      let experts = try TinyExperts.model(config).layers[1].transform!.experts!
      let u = randomTensor([150, 12], "u")
      let tape = Tape(recording: false)
      let whole = experts.routed(tape, tape.constant(u)).value
      for rows in [0..<1, 3..<40, 40..<150, 149..<150] {
        let part = experts.routed(tape, tape.constant(u.rows(rows))).value
        XCTAssertEqual(part.toArray(), whole.rows(rows).toArray(), "\(name), \(rows)")
      }
    }
  }

  func testForcedBalanceSpreadsTokensEvenly() throws {
    for (name, config) in try TinyExperts.all() {
      let model = try TinyExperts.model(config)
      let free = logits(model)
      model.routing.isForced = true
      XCTAssertNotEqual(logits(model), free, name)
      let (experts, slots) = (config.experts!.count, config.experts!.perToken)
      let tape = Tape(recording: false)
      let routing = model.layers[2].transform!.experts!.route(tape, tape.constant(randomTensor([7, 12], "u")))
      XCTAssertEqual(routing.choice.chosen, (0..<7 * slots).map { Int32($0 % experts) }, name)
      XCTAssertEqual(Set(routing.weights.value.toArray()), [1 / Float(slots)], name)
      model.routing.isForced = false
      XCTAssertEqual(logits(model), free, name)
    }
  }

  /// V3's bias follows the load and turns the choice, not the weights.
  func testBiasFollowsTheLoad() throws {
    let (_, config) = try TinyExperts.all().first { $0.config.architecture == .deepseekV3 }!
    let model = try TinyExperts.model(config)
    func pass() { _ = loss(model, Tape(recording: true)) }
    pass()
    let first = model.routing.records[0]
    XCTAssertEqual(first.loads.reduce(0, +), batch * time * 3)
    let bias = model.parameter(.correctionBias, layer: first.layer)!
    XCTAssertFalse(bias.isTrainable)
    let before = bias.value.toArray()
    model.routing.updateBias(rate: 0.25)
    let mean = Double(batch * time * 3) / 8
    for (expert, load) in first.loads.enumerated() {
      let moved = bias.value.pointer[expert] - before[expert]
      XCTAssertEqual(
        moved, Double(load) < mean ? 0.25 : Double(load) > mean ? -0.25 : 0, accuracy: 1e-6, "expert \(expert)")
    }
    for _ in 0..<200 {
      model.routing.restart()
      pass()
      model.routing.updateBias(rate: 0.01)
    }
    XCTAssertLessThan(model.routing.records[0].loads.max()!, first.loads.max()!)
  }

  // MARK: Configurations

  func testDenseModelsAndOddLayersAreRefused() throws {
    let dense = try ModelConfig.preset("nano-1b")
    XCTAssertThrowsError(try dense.connecting([0], as: .farskip)) {
      XCTAssertTrue("\($0)".contains("dense model"), "\($0)")
    }
    let model = try ModelConfig.preset("nano-qwen-moe")
    XCTAssertThrowsError(try model.connecting([8], as: .farskip)) { XCTAssertTrue("\($0)".contains("0...7"), "\($0)") }
    let some = try model.connecting([2, 3], as: .farskip)
    XCTAssertEqual(some.rewiredLayers, [2, 3])
    XCTAssertEqual(try ModelConfig(json: some.json, file: "some"), some)
    XCTAssertEqual(try some.connecting([2, 3], as: .standard), model)
    for bad: JSONValue in [.array([.string("farskip")]), .array(Array(repeating: .string("fast"), count: 8)), .int(1)] {
      XCTAssertThrowsError(
        try ModelConfig(json: model.json.merging(.object(["farskip_connectivity": bad])), file: "config.json")
      ) { XCTAssertTrue("\($0)".contains("farskip_connectivity"), "\($0)") }
    }
  }

  func testConnectivitySurvivesItsConfigAndCounts() throws {
    for (name, config) in try TinyExperts.all() {
      XCTAssertEqual(try ModelConfig(json: config.json, file: name), config, name)
      let far = try config.connecting([1, 2], as: .attentionOnly)
      XCTAssertEqual(try ModelConfig(json: far.json, file: name), far, name)
      XCTAssertEqual(far.parameterCount, config.parameterCount)
      let model = try LanguageModel(far, seed: 1)
      XCTAssertEqual(model.parameters.count, far.parameterCount, name)
      let folder = try temporaryFolder()
      defer { try? FileManager.default.removeItem(at: folder) }
      try model.save(to: folder)
      XCTAssertEqual(logits(try LanguageModel(folder: folder)), logits(model), name)
    }
  }
}
