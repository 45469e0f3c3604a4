import Groundwork
import ModelCore
import TensorCore
import TestKit
import XCTest

@testable import Upcycling

final class ConversionTests: XCTestCase {
  func testSigmaPlacementsGiveOneFunction() throws {
    let base = try tinyBase()
    let models = try LatentConversion.SigmaPlacement.allCases.map { placement in
      var conversion = tinyConversion()
      conversion.sigma = placement
      return try convert(base: base, conversion).model
    }
    let reference = logits(models[0])
    for model in models.dropFirst() { assertClose(logits(model), reference, "logits", tolerance: 1e-4) }
    // The weights themselves differ.
    func values(_ model: LanguageModel) -> [Float] { model.parameter(.keyValueUp, layer: 0)!.value.toArray() }
    XCTAssertGreaterThan(relativeError(values(models[1]), values(models[0])), 0.1)
  }

  /// A gate of one half before a doubled projection is no gate; without positions it is another function.
  func testAHalfOpenGateIsNoGateAndPositionsMatter() throws {
    let base = try tinyBase()
    let plain = try convert(base: base, tinyConversion()).model
    var gated = tinyConversion()
    gated.outputGate = true
    let model = try convert(base: base, gated).model
    XCTAssertEqual(model.config.latent?.outputGate, true)
    XCTAssertEqual(
      model.config.parameterCount - plain.config.parameterCount,
      plain.config.layerCount * plain.config.hiddenSize * plain.config.attentionHeads * plain.config.headDim)
    assertClose(logits(model), logits(plain), "logits at the start", tolerance: 1e-5)
    var free = tinyConversion()
    free.isPositionFree = true
    let other = try convert(base: base, free).model
    XCTAssertEqual(other.config.parameterCount, plain.config.parameterCount)
    XCTAssertGreaterThan(relativeError(logits(other), logits(plain)), 1e-3)
    XCTAssertEqual(try ModelConfig(json: other.config.json, file: "written"), other.config)
    XCTAssertEqual(try ModelConfig(json: model.config.json, file: "written"), model.config)
  }

  /// The official code repeats KV heads before its SVD; we do not.
  func testRepeatedHeadsGiveTheSameFactors() throws {
    let base = try tinyBase(heads: 4, groups: 2)
    let weights = try AttentionWeights(ModelWeights(base), base.config, layer: 1)
    let width = base.config.headDim
    let rows = (0..<4).flatMap { head in (0..<width).map { head / 2 * width + $0 } }
    let repeated = weights.key.selecting(rows: rows).stacked(on: weights.value.selecting(rows: rows))
    let rank = 10
    let code = try TruncatedSVD(repeated, rank: rank, method: .gesdd)
    let conversion = tinyConversion(rank)
    let factors = try LatentFactors(weights, base.config, conversion, ranks: (16, rank), covariance: nil)
    let ours = LatentWeights(factors, base.config, conversion, ranks: (16, rank))
    let root = 2.0.squareRoot()
    for (a, b) in zip(factors.keyValue.singularValues, code.singularValues) {
      XCTAssertEqual(a * root, b, accuracy: 1e-9)
    }
    // Up to the sign of each component: down-projection rows, and the product.
    let down = code.right.scalingRows(by: code.singularValues).tensor().toArray()
    let mine = ours.keyValueDown.toArray()
    for row in 0..<rank {
      let range = row * 32..<(row + 1) * 32
      let sign: Float = zip(mine[range], down[range]).reduce(0) { $0 + $1.0 * $1.1 } < 0 ? -1 : 1
      assertClose(mine[range].map { $0 * sign }, Array(down[range]), "row \(row) of kv_a", tolerance: 1e-5)
    }
    var selected: [Int] = []
    for head in 0..<4 {
      selected += (0..<4).map { head * width + $0 }
      selected += (0..<width).map { 4 * width + head * width + $0 }
    }
    let product = code.product().selecting(rows: selected).tensor().toArray()
    let latent = ours.keyValueDown.rows(0..<rank)
    assertClose(ours.keyValueUp.matrixProduct(latent).toArray(), product, "kv_b kv_a", tolerance: 1e-5)
  }

  func testSharedUpProjectionGivesTheSameFunction() throws {
    let base = try tinyBase()
    var conversion = tinyConversion()
    // Parity depends on the number of up-projected heads; keep the query rank.
    conversion.queryRank = .fixed(20)
    let full = try convert(base: base, conversion)
    conversion.sharesUpProjection = true
    let shared = try convert(base: base, conversion)
    XCTAssertLessThan(shared.report.parameters, full.report.parameters)
    assertClose(logits(shared.model), logits(full.model), "logits", tolerance: 1e-4)
  }

  func testOtherWeightsAreCopied() throws {
    let base = try tinyBase()
    for start in LatentConversion.Start.allCases {
      var conversion = tinyConversion()
      conversion.layers = .list([0, 2])
      conversion.start = start
      let (model, report) = try convert(base: base, conversion)
      XCTAssertEqual(model.config.mixers, [.latentAttention, .attention, .latentAttention])
      for spec in base.config.tensors where !spec.name.contains("self_attn") || spec.name.contains("layers.1.") {
        XCTAssertEqual(
          model.parameters[spec.name]?.value.toArray(), base.parameters[spec.name]?.value.toArray(), spec.name)
      }
      XCTAssertEqual(
        model.parameter(.output, layer: 2)?.value.toArray(),
        base.parameters["model.layers.2.self_attn.o_proj.weight"]?.value.toArray())
      XCTAssertEqual(report.kvNumbersPerToken, 2 * (6 + 4) + 32)
      XCTAssertEqual(report.layers.map(\.layer), start == .svd ? [0, 2] : [])
    }
  }

  func testRandomStartIsTorchsLinearAndWorseThanTheSVD() throws {
    let base = try tinyBase()
    var conversion = tinyConversion(24)
    conversion.queryRank = .fixed(32)
    let svd = try convert(base: base, conversion).model
    conversion.start = .random
    let random = try convert(base: base, conversion).model
    let values = random.parameter(.queryUp, layer: 1)!.value.toArray()
    let bound = 1 / Float(32).squareRoot()
    XCTAssertLessThanOrEqual(values.map(abs).max()!, bound)
    XCTAssertGreaterThan(values.map(abs).max()!, 0.98 * bound)
    let windows = [Array(tinyIds[..<12]), Array(tinyIds[12...])]
    let svdFit = try StartingFit(svd, base: base, windows: windows)
    let randomFit = try StartingFit(random, base: base, windows: windows)
    XCTAssertLessThan(svdFit.divergence, randomFit.divergence)
    XCTAssertEqual(svdFit.tokens, 22)
    let same = try StartingFit(base, base: base, windows: windows)
    XCTAssertEqual(same.divergence, 0, accuracy: 1e-6)
    XCTAssertEqual(same.loss, same.baseLoss, accuracy: 1e-6)
  }

  func testHeadsMayBeCutOrUsedTwice() throws {
    let base = try tinyBase()
    for (nope, rope) in [(8, 8), (2, 4), (8, 4), (4, 8)] {
      let conversion = LatentConversion(kvRank: 8, queryRank: .fixed(16), nopeHeadDim: nope, ropeHeadDim: rope)
      let (model, _) = try convert(base: base, conversion)
      XCTAssertFalse(logits(model).contains { !$0.isFinite })
      XCTAssertEqual(model.parameter(.queryUp, layer: 0)?.shape, [4 * (nope + rope), 16])
    }
  }

  func testLatentNormsStartAtOneAndHeadNormsAreCarriedOver() throws {
    let base = try tinyBase(qkNorm: true)
    for (start, role) in [(1, MixerRole.queryNorm), (11, .keyNorm)] {
      let norm = try XCTUnwrap(base.parameter(role, layer: 1)).value
      for dim in 0..<8 { norm.pointer[dim] = Float(start + dim) }
    }
    for rope in LatentConversion.Rope.allCases {
      var conversion = tinyConversion()
      conversion.latentNorm = true
      conversion.rope = rope
      let (model, _) = try convert(base: base, conversion)
      XCTAssertEqual(
        model.parameter(.keyValueLatentNorm, layer: 1)?.value.toArray(), [1, 1, 1, 1, 1, 1])
      // Position-free dimensions first: the lower half of a head, or the pairs (2, 6) and (3, 7) of low frequency.
      let dims: [Float] = rope == .paper ? [0, 1, 2, 3, 4, 5, 6, 7] : [2, 3, 6, 7, 0, 1, 4, 5]
      XCTAssertEqual(model.parameter(.queryNorm, layer: 1)?.value.toArray(), dims.map { 1 + $0 }, "\(rope)")
      XCTAssertEqual(model.parameter(.keyNorm, layer: 1)?.value.toArray(), dims.map { 11 + $0 }, "\(rope)")
      XCTAssertFalse(logits(model).contains { !$0.isFinite })
    }
  }

  func testLlama3ScalingBecomesYarnInThePapersSliceOnly() throws {
    let rope = RopeConfig(theta: 500_000, scaling: .llama3(.init(factor: 32, originalMaxPosition: 8192)))
    let base = try tinyBase(rope: rope)
    let paper = try convert(base: base, tinyConversion()).model.config
    XCTAssertEqual(paper.latent?.rope?.scaling, .yarn(.init(factor: 32, originalMaxPosition: 8192)))
    XCTAssertEqual(paper.latentRope.magnitude, 1.34657, accuracy: 1e-5)
    var conversion = tinyConversion()
    conversion.rope = .aligned
    let aligned = try convert(base: base, conversion).model.config
    XCTAssertEqual(aligned.latent?.rope?.scaling, rope.scaling)
    XCTAssertEqual(
      aligned.latentRope.inverseFrequencies(dim: 4), Array(rope.inverseFrequencies(dim: 8).prefix(2)))
  }
}
