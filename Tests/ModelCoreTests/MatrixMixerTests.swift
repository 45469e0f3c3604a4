import Autograd
import TensorCore
import TestKit
import XCTest

@testable import ModelCore

/// A mixer's matrices times its values, behind its own projections, are its output.
final class MatrixMixerTests: XCTestCase {
  private let (batch, time) = (2, 19)

  private func layer(
    _ change: (inout ModelConfig) throws -> Void = { _ in }
  ) throws -> (mixer: any MatrixMixer, config: ModelConfig, model: LanguageModel) {
    var config = ModelConfig(
      hiddenSize: 24, layerCount: 2, attentionHeads: 4, keyValueHeads: 2, headDim: 8, intermediateSize: 16,
      vocabularySize: 11, tieWordEmbeddings: true, maxPosition: 64)
    try change(&config)
    let model = try LanguageModel(config, weights: RandomWeights(seed: 2, deviation: 0.3, layers: 2))
    return (try XCTUnwrap(model.layers[0].mixer as? any MatrixMixer), config, model)
  }

  /// M v by head: [B, T, H K].
  private func mixed(_ matrices: Tensor, _ values: Tensor, column: Int, heads: Int, groups: Int, width: Int) -> Tensor {
    let out = Tensor.zeros([batch, time, heads * width])
    for index in 0..<batch * heads {
      let (b, h) = index.quotientAndRemainder(dividingBy: heads)
      gemm(
        m: time, n: width, k: time, a: matrices.pointer + index * time * time, lda: time,
        b: values.pointer + b * time * values.width + column + h / (heads / groups) * width, ldb: values.width,
        c: out.pointer + b * time * out.width + h * width, ldc: out.width)
    }
    return out
  }

  func testAttention() throws {
    for (name, change): (String, (inout ModelConfig) throws -> Void) in [
      ("llama", { _ in }), ("qwen2", { $0.attention.qkvBias = true }), ("qwen3", { $0.attention.qkNorm = true }),
      ("window", { $0.attention.windows = .init(layers: [0], size: 5) }), ("cap", { $0.attention.scoreCap = 2 }),
      ("half-turned", { $0.rope.rotatedShare = 0.5 }), ("unrotated", { $0.attention.unrotatedLayers = [0] }),
    ] {
      let (mixer, config, model) = try layer(change)
      let tape = Tape(recording: false)
      let x = tape.constant(randomTensor([batch, time, 24], "x"))
      let positions = (0..<batch * time).map { Int32($0 % time) }
      let matrices = mixer.matrices(tape, x, batch: batch, time: time, positionIds: positions).value
      let values = tape.linear(
        x, [model.parameter(.value, layer: 0)!],
        biases: model.parameter(.valueBias, layer: 0).map { [$0] } ?? [])
      let out = mixed(matrices, values.value, column: 0, heads: 4, groups: 2, width: config.headDim)
      assertClose(
        tape.linear(tape.constant(out), model.parameter(.output, layer: 0)!).value.toArray(),
        mixer.forward(tape, x, batch: batch, time: time, positionIds: positions).value.toArray(), name, tolerance: 1e-5)
    }
  }

  func testMamba2() throws {
    for shape in [
      nil, MambaConfig(heads: 6, headDim: 5, stateSize: 7, groups: 2, inputBias: true),
    ] {
      let (mixer, config, model) = try layer { $0 = try $0.withMamba2(shape) }
      let (mamba, own) = (try XCTUnwrap(config.mamba), try XCTUnwrap(mixer as? Mamba2))
      let tape = Tape(recording: false)
      let x = tape.constant(randomTensor([batch, time, 24], "x"))
      let positions = (0..<batch * time).map { Int32($0 % time) }
      let matrices = mixer.matrices(tape, x, batch: batch, time: time, positionIds: positions).value
      let projected = tape.linear(
        x, [own.input], biases: model.parameter(.inputBias, layer: 0).map { [$0] } ?? [])
      let rows = tape.causalConv(
        projected, columns: mamba.innerWidth..<mamba.innerWidth + mamba.convWidth,
        [model.parameter(.convolution, layer: 0)!], bias: model.parameter(.convolutionBias, layer: 0)!, batch: batch,
        time: time)
      let y = mixed(
        matrices, rows.value, column: 0, heads: mamba.heads, groups: mamba.layout.xHeads, width: mamba.headDim)
      let gated = tape.gatedNorm(
        tape.constant(y), gate: projected, gateColumns: 0..<mamba.innerWidth, own.norm,
        order: .gateThenNorm(group: mamba.normGroup), eps: Float(mamba.normEps))
      assertClose(
        tape.linear(gated, own.output).value.toArray(),
        mixer.forward(tape, x, batch: batch, time: time, positionIds: positions).value.toArray(),
        shape == nil ? "grouped" : "stock", tolerance: 2e-5)
    }
  }
}
