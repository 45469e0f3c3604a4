import Autograd
import Foundation
import Groundwork
import TensorCore
import TestKit
import XCTest

/// The matrices by which heads mix values, of Mamba2 and of attention, against what an independent script computes from the
/// equations (Scripts/goldens/zebra_baselines.py), against the operations that they stand for, and against differences.
final class MixingMatrixTests: XCTestCase {
  /// Mamba2's parameters of the heads.
  private struct Heads {
    let bias, rate, skip: Parameter

    init(_ heads: Int) {
      bias = Parameter("dt_bias", randomTensor([heads], "bias"))
      rate = Parameter("A_log", randomTensor([heads], "rate"))
      skip = Parameter("D", randomTensor([heads], "skip"))
    }

    init(bias: [Float], rate: [Float], skip: [Float]) {
      self.bias = Parameter("dt_bias", Tensor([bias.count], values: bias))
      self.rate = Parameter("A_log", Tensor([rate.count], values: rate))
      self.skip = Parameter("D", Tensor([skip.count], values: skip))
    }

    func matrices(
      _ tape: Tape, _ rows: Variable, _ steps: Variable, column: Int = 0, _ layout: StateSpaceLayout, batch: Int,
      time: Int
    ) -> Variable {
      tape.stateSpaceMatrices(
        rows, steps: steps, stepColumn: column, layout, stepBias: bias, logRate: rate, skip: skip, batch: batch,
        time: time)
    }
  }

  private func layout(_ heads: Int, x: Int, b: Int, c: Int, width: Int, state: Int) -> StateSpaceLayout {
    StateSpaceLayout(heads: heads, headDim: width, stateSize: state, xHeads: x, bGroups: b, cGroups: c, chunk: 16)
  }

  /// M x by head: [B, T, heads * P].
  private func products(_ matrices: Tensor, _ rows: Tensor, _ layout: StateSpaceLayout, batch: Int, time: Int) -> Tensor
  {
    let (heads, P) = (layout.heads, layout.headDim)
    let out = Tensor.zeros([batch, time, heads * P])
    for b in 0..<batch {
      for h in 0..<heads {
        gemm(
          m: time, n: P, k: time, a: matrices.pointer + (b * heads + h) * time * time, lda: time,
          b: rows.pointer + b * time * layout.width + layout.columns(h).x, ldb: layout.width,
          c: out.pointer + b * time * heads * P + h * P, ldc: heads * P)
      }
    }
    return out
  }

  func testTheMatrixTimesXIsTheRecurrence() {
    for (layout, time) in [
      (layout(4, x: 2, b: 2, c: 4, width: 3, state: 3), 9), (layout(4, x: 4, b: 1, c: 1, width: 3, state: 5), 63),
      (layout(6, x: 2, b: 2, c: 6, width: 20, state: 20), 77), (layout(2, x: 2, b: 2, c: 2, width: 1, state: 1), 1),
      (layout(2, x: 1, b: 1, c: 2, width: 8, state: 8), 500),
    ] {
      let heads = Heads(layout.heads)
      let rows = randomTensor([2, time, layout.width], "rows", scale: 0.5)
      let steps = randomTensor([2, time, layout.heads + 3], "steps")
      let tape = Tape(recording: false)
      let y = tape.stateSpace(
        tape.constant(rows), steps: tape.constant(steps), stepColumn: 2, layout, stepBias: heads.bias,
        logRate: heads.rate, skip: heads.skip, batch: 2, time: time)
      let matrices = heads.matrices(
        tape, tape.constant(rows), tape.constant(steps), column: 2, layout, batch: 2, time: time)
      XCTAssertEqual(matrices.shape, [2, layout.heads, time * time])
      assertClose(
        products(matrices.value, rows, layout, batch: 2, time: time).toArray(), y.value.toArray(),
        "T \(time), width \(layout.width)", tolerance: 2e-5)
    }
  }

  func testGradientsMatchDifferences() {
    for layout in [
      layout(4, x: 2, b: 2, c: 4, width: 3, state: 3), layout(4, x: 4, b: 1, c: 1, width: 3, state: 5),
    ] {
      let heads = Heads(4)
      GradientCheck("matrices \(layout.width)").run(
        [randomTensor([2, 9, layout.width], "rows"), randomTensor([2, 9, 6], "steps")],
        parameters: [heads.bias, heads.rate, heads.skip]
      ) { heads.matrices($0, $1[0], $1[1], column: 1, layout, batch: 2, time: 9) }
    }
  }

  /// Decay so strong that it underflows, and none at all.
  func testExtremeDecayStaysFinite() {
    let layout = layout(2, x: 1, b: 1, c: 2, width: 4, state: 4)
    for (rate, step) in [(Float(4), Float(60)), (-20, -20)] {
      let heads = Heads(bias: [step, step], rate: [rate, rate], skip: [1, 1])
      let tape = Tape(recording: true)
      let (rows, steps) = (
        tape.input(randomTensor([1, 40, layout.width], "rows")), tape.input(randomTensor([1, 40, 2], "s"))
      )
      let matrices = heads.matrices(tape, rows, steps, layout, batch: 1, time: 40)
      tape.backward(from: matrices, seed: randomTensor(matrices.shape, "seed"))
      let gradients = [rows, steps].flatMap { tape.gradient(of: $0)!.toArray() }
      XCTAssertTrue((matrices.value.toArray() + gradients).allSatisfy(\.isFinite), "rate \(rate)")
    }
  }

  func testTheScriptsMatricesDistanceAndSlopesComeOut() throws {
    let file = repositoryRoot().appendingPathComponent("Tests/Goldens/zebra-baselines.json")
    let golden = try XCTUnwrap(JSONValue(contentsOf: file)["mohawk"])
    func size(_ name: String) throws -> Int { try XCTUnwrap(golden["shape"]?[name]?.int, name) }
    func floats(_ value: JSONValue?) throws -> [Float] {
      try XCTUnwrap(value?.array).map { Float(try XCTUnwrap($0.double)) }
    }
    let (time, count, groups, width) = (
      try size("tokens"), try size("heads"), try size("groups"), try size("width")
    )
    let layout = layout(count, x: groups, b: groups, c: count, width: width, state: width)
    let heads = Heads(
      bias: try floats(golden["step_bias"]), rate: try floats(golden["log_rate"]), skip: try floats(golden["skip"]))
    let tape = Tape(recording: true)
    let rows = tape.input(Tensor([1, time, layout.width], values: try floats(golden["rows"])))
    let steps = tape.input(Tensor([1, time, count], values: try floats(golden["steps"])))
    let matrices = heads.matrices(tape, rows, steps, layout, batch: 1, time: time)
    assertClose(matrices.value.toArray(), try floats(golden["matrices"]), "matrices", tolerance: 1e-6)

    func slices(_ name: String, _ heads: Int) throws -> HeadSlices {
      HeadSlices(
        tape.constant(Tensor([1, time, heads * width], values: try floats(golden[name]))),
        HeadLayout(offset: 0, stride: width, heads: heads, width: width))
    }
    let attention = attentionMatrices(
      q: try slices("queries", count), k: try slices("keys", groups), batch: 1, time: time,
      scale: 1 / Float(width).squareRoot())
    assertClose(attention.toArray(), try floats(golden["attention"]), "attention", tolerance: 1e-6)

    let (loss, sum) = tape.distance(matrices, to: attention, squared: false, scale: 1)
    XCTAssertEqual(sum, try XCTUnwrap(golden["distance"]?.double), accuracy: 1e-5)
    tape.backward(from: loss)
    for (name, gradient) in [
      ("rows", tape.gradient(of: rows)), ("steps", tape.gradient(of: steps)), ("step_bias", heads.bias.gradient),
      ("log_rate", heads.rate.gradient), ("skip", heads.skip.gradient),
    ] {
      assertClose(
        try XCTUnwrap(gradient, name).toArray(), try floats(golden["slopes"]?[name]), "slope of \(name)",
        tolerance: 1e-5)
    }
  }

  /// Every row is a distribution over what is seen.
  func testAttentionMatricesAreWhatAttentionMultipliesBy() {
    let (batch, time, heads, groups, width) = (2, 21, 4, 2, 6)
    for (name, chunk, window, cap) in [
      ("all", Int?.none, Int?.none, Float(0)), ("chunks", 8, nil, 0), ("window", nil, 5, 0), ("cap", nil, nil, 1.5),
      ("both", nil, 7, 2),
    ] {
      let tape = Tape(recording: false)
      func slices(_ name: String, _ heads: Int) -> HeadSlices {
        HeadSlices(
          tape.constant(randomTensor([batch, time, heads * width], name)),
          HeadLayout(offset: 0, stride: width, heads: heads, width: width))
      }
      let (q, k, v) = (slices("q", heads), slices("k", groups), slices("v", groups))
      let out = tape.attention(
        q: q, k: k, v: v, batch: batch, time: time, scale: 0.4, chunk: chunk, window: window, cap: cap)
      let matrices = attentionMatrices(
        q: q, k: k, batch: batch, time: time, scale: 0.4, chunk: chunk, window: window, cap: cap)
      let mixed = Tensor.zeros([batch, time, heads * width])
      for index in 0..<batch * heads {
        let (b, h) = index.quotientAndRemainder(dividingBy: heads)
        gemm(
          m: time, n: width, k: time, a: matrices.pointer + index * time * time, lda: time,
          b: v.variable.value.pointer + b * time * groups * width + h / 2 * width, ldb: groups * width,
          c: mixed.pointer + b * time * heads * width + h * width, ldc: heads * width)
      }
      assertClose(mixed.toArray(), out.value.toArray(), name, tolerance: 2e-6)
      for row in 0..<batch * heads * time {
        let sum = (0..<time).reduce(Float(0)) { $0 + matrices.pointer[row * time + $1] }
        XCTAssertEqual(sum, 1, accuracy: 1e-5, name)
      }
    }
  }
}
