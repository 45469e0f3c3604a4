import Autograd
import ModelCore
import TensorCore
import TestKit
import XCTest

/// Whole tiny models of every kind: gradients of every parameter against finite differences of the loss,
/// gradients under checkpointing and freezing, and the same bits twice. Sizes are odd on purpose: G != H,
/// K != V, odd ranks.
final class ModelGradientTests: XCTestCase {
  private let vocabulary = 11
  private let batch = 2
  private let time = 7

  private func config(_ change: (inout ModelConfig) -> Void = { _ in }) throws -> ModelConfig {
    var config = ModelConfig(
      hiddenSize: 12, layerCount: 2, attentionHeads: 6, keyValueHeads: 3, headDim: 4, intermediateSize: 10,
      vocabularySize: vocabulary, tieWordEmbeddings: true, rope: RopeConfig(theta: 50))
    change(&config)
    try config.validate(file: "tiny")
    return config
  }

  private func latent(layers: [Int]? = nil, _ change: (inout LatentConfig) -> Void = { _ in }) throws -> ModelConfig {
    var latent = LatentConfig(
      qRank: 7, kvRank: 5, nopeHeadDim: 3, ropeHeadDim: 4, valueHeadDim: 5, upProjectionHeads: 6)
    change(&latent)
    return try config().withLatentAttention(latent, layers: layers)
  }

  /// The loss bends sharply along some directions: a small step.
  private let differences = GradientCheck("", step: 1e-3, tolerance: 6e-3, directions: 3)

  /// Weights of order 1, biases and norms moved off their initial 0 and 1.
  private func model(_ config: ModelConfig) throws -> LanguageModel {
    let model = try LanguageModel(config, weights: RandomWeights(seed: 3, deviation: 0.4, layers: config.layerCount))
    for parameter in model.parameters.parameters where parameter.shape.count == 1 {
      let noise = randomFloats(parameter.value.count, parameter.name, scale: 0.3)
      for (i, value) in noise.enumerated() { parameter.value.pointer[i] += value }
    }
    // Short queries, keys and states turn sharply when they are scaled to unit length: these are long.
    for parameter in model.parameters.parameters where parameter.name.contains("conv1d") {
      for i in 0..<parameter.value.count { parameter.value.pointer[i] *= 5 }
    }
    return model
  }

  private func loss(_ model: LanguageModel, _ tape: Tape, checkpointing: Bool = false) -> GradientCheck.Loss {
    let ids = randomIds(batch * time, vocabulary: vocabulary)
    var targets = randomIds(batch * time, vocabulary: vocabulary, seed: 2)
    targets[4] = -1
    let teacher = TeacherHead(
      hidden: randomTensor([batch * time, 4], "teacher"), weight: randomTensor([vocabulary, 4], "teacher head"))
    let hidden = model.hidden(tape, ids: ids, batch: batch, time: time, checkpointing: checkpointing)
    let (loss, sums) = tape.headLoss(
      hidden, head: model.head, targets: targets, teacher: teacher, ceWeight: 1, klWeight: 0.5, scale: 1)
    return .init(scalar: loss, value: sums.crossEntropy + 0.5 * sums.divergence)
  }

  /// - Parameter isSteep: bends sharply even so: a smaller step, and its rounding
  private func check(
    _ name: String, _ config: ModelConfig, isSteep: Bool = false, file: StaticString = #filePath, line: UInt = #line
  ) throws {
    let model = try model(config)
    var check = differences
    check.name = name
    if isSteep { (check.step, check.tolerance) = (3e-4, 1e-2) }
    check.runLoss(set: model.parameters, file: file, line: line) { tape, _ in loss(model, tape) }
  }

  // MARK: Against finite differences

  func testAttentionMatchesDifferences() throws { try check("attention", config()) }
  func testAnUntiedHeadMatchesDifferences() throws { try check("untied head", config { $0.tieWordEmbeddings = false }) }
  func testQwen2sBiasesMatchDifferences() throws {
    try check(
      "qkv biases",
      config {
        $0.attention.qkvBias = true; $0.architecture = .qwen2
      })
  }
  func testQwen3sNormsMatchDifferences() throws {
    try check(
      "qk norms",
      config {
        $0.attention.qkNorm = true; $0.architecture = .qwen3
      })
  }

  func testYarnsMagnitudeMatchesDifferences() throws {
    try check(
      "YaRN", config { $0.rope.scaling = .yarn(.init(factor: 8, originalMaxPosition: 4)) })
  }

  func testLatentAttentionMatchesDifferences() throws { try check("latent", latent()) }
  func testDirectQueriesMatchDifferences() throws { try check("latent, direct queries", latent { $0.qRank = nil }) }
  func testLatentNormsMatchDifferences() throws { try check("latent norms", latent { $0.latentNorm = true }) }
  func testLatentHeadNormsMatchDifferences() throws { try check("latent, qk norms", latent { $0.qkNorm = true }) }
  func testLatentAttentionWithoutPositionsMatchesDifferences() throws {
    try check("latent, position-free", latent { $0.isPositionFree = true })
  }
  func testTheOutputGateMatchesDifferences() throws {
    try check("latent, output gate", latent { $0.outputGate = true })
  }
  func testSharedUpProjectionsMatchDifferences() throws {
    try check("latent, KV heads", latent { $0.upProjectionHeads = 3 })
  }
  func testHalfSplitRopeMatchesDifferences() throws {
    try check("latent, half-split rope", latent { $0.ropeInterleaved = false })
  }
  func testRopeAloneMatchesDifferences() throws { try check("latent, rope only", latent { $0.nopeHeadDim = 0 }) }

  func testEveryLatentOptionAtOnceMatchesDifferences() throws {
    try check(
      "latent, everything",
      latent {
        $0.qRank = nil
        $0.latentNorm = true
        $0.qkNorm = true
        $0.upProjectionHeads = 3
        $0.ropeInterleaved = false
      })
  }

  func testHybridsMatchDifferences() throws {
    try check("hybrid", latent(layers: [1]))
    try check("hybrid, ranks by layer", latent(layers: [0]) { $0.layerRanks = [0: .init(q: 4, kv: 3)] })
  }

  func testGatedDeltaNetMatchesDifferences() throws {
    let delta = DeltaConfig(heads: 4, keyHeads: 2, keyDim: 9, valueDim: 5, chunk: 4)
    try check("gated deltanet", config().withGatedDeltaNet(delta), isSteep: true)
    try check("gated deltanet and latent", latent().withGatedDeltaNet(delta, layers: [0]))
  }

  private func qwen3Next() throws -> ModelConfig {
    try config {
      $0.architecture = .qwen3Next
      $0.mixers = [.gatedDeltaNet, .attention]
      $0.delta = DeltaConfig(heads: 4, keyHeads: 2, keyDim: 9, valueDim: 5, chunk: 4, isFused: true)
      $0.rope.rotatedShare = 0.5
      $0.normOffset = 1
      $0.attention = AttentionConfig(qkNorm: true, outputGate: true)
    }
  }

  func testQwen3NextMatchesDifferences() throws { try check("qwen3-next", qwen3Next()) }

  // MARK: Ways to the same gradients

  private func gradients(_ model: LanguageModel, checkpointing: Bool = false) -> [Float] {
    model.parameters.zeroGradients()
    let tape = Tape(recording: true)
    tape.backward(from: loss(model, tape, checkpointing: checkpointing).variable)
    return model.parameters.gradients!.toArray()
  }

  func testCheckpointingChangesNoBit() throws {
    for config in [
      try config {
        $0.attention.qkNorm = true; $0.architecture = .qwen3
      }, try latent(layers: [1]), try qwen3Next(),
    ] {
      let model = try model(config)
      XCTAssertEqual(gradients(model, checkpointing: true), gradients(model))
    }
  }

  func testTheSamePassTwiceHasTheSameBits() throws {
    let model = try model(latent(layers: [1]))
    XCTAssertEqual(gradients(model), gradients(model))
  }

  /// Frozen parameters get nothing and change no other gradient; all frozen, nothing is recorded.
  func testFrozenParametersGetNothingAndChangeNothing() throws {
    for config in [try config(), try latent()] {
      let model = try model(config)
      let all = gradients(model)
      for parameter in model.parameters.parameters {
        parameter.isTrainable = parameter.name.contains("layers.1.self_attn")
      }
      let some = gradients(model)
      for (index, parameter) in model.parameters.parameters.enumerated() {
        let range = model.parameters.range(of: index)
        if parameter.isTrainable {
          assertClose(Array(some[range]), Array(all[range]), parameter.name, tolerance: 1e-5)
        } else {
          XCTAssertNil(parameter.gradient, parameter.name)
          XCTAssertEqual(some[range].map { abs($0) }.max(), 0, parameter.name)
        }
      }
      for parameter in model.parameters.parameters { parameter.isTrainable = false }
      let tape = Tape(recording: true)
      _ = loss(model, tape)
      XCTAssertEqual(tape.nodeCount, 0)
    }
  }

  /// Freezing everything but one projection of separate queries, keys and values.
  func testOneProjectionLearnsAlone() throws {
    let model = try model(
      config {
        $0.attention.qkNorm = true; $0.architecture = .qwen3; $0.layerCount = 1; $0.mixers = [.attention]
      })
    for name in ["q_proj", "k_proj", "v_proj"] {
      for parameter in model.parameters.parameters { parameter.isTrainable = parameter.name.contains(name) }
      var check = differences
      check.name = "\(name) alone"
      check.runLoss(set: model.parameters) { tape, _ in loss(model, tape) }
    }
  }

  /// Sequences of a batch do not see each other.
  func testSequencesAreIndependent() throws {
    for config in [try config(), try latent(), try qwen3Next()] {
      let model = try model(config)
      let ids = randomIds(2 * time, vocabulary: vocabulary)
      let both = model.logits(ids: ids, batch: 2, time: time).toArray()
      let second = model.logits(ids: Array(ids[time...]), batch: 1, time: time).toArray()
      assertClose(Array(both[(time * vocabulary)...]), second, "second sequence", tolerance: 1e-6)
    }
  }
}
