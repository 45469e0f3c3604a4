import Autograd
import CKernels
import Foundation
import Groundwork
import TensorCore
import TestKit
import XCTest

/// Mamba2's operations: the recurrence in its three forms (token by token in float64, chunked, one step), the
/// convolution and the gated norm.
final class StateSpaceTests: XCTestCase {
  /// One head's numbers, float64 for the twin.
  private struct Problem {
    let time, N, P: Int
    let c, b, x, dt, start, dy, dEnd: [Double]
    let a, d: Double

    init(time: Int, N: Int, P: Int, rate: Double = -1.3, stepScale: Double = 0.5) {
      (self.time, self.N, self.P, a, d) = (time, N, P, rate, 0.7)
      func random(_ count: Int, _ name: String) -> [Double] {
        let stream = RandomStream(seed: 5, name)
        return (0..<count).map { Double(Float(stream.normal(at: UInt64($0)))) }
      }
      (c, b, x) = (random(time * N, "c"), random(time * N, "b"), random(time * P, "x"))
      dt = random(time, "dt").map { Double(Float(abs($0) * stepScale)) }
      (start, dy, dEnd) = (random(N * P, "h"), random(time * P, "dy"), random(N * P, "dh"))
    }
  }

  private struct Answer {
    var y, end, dc, db, dx, ddt, dStart: [Double]
    var dRate, dSkip: Double
  }

  private func twin(_ p: Problem) -> Answer {
    var (y, end) = ([Double](repeating: 0, count: p.time * p.P), p.start)
    up_ssd_forward_reference(p.c, p.N, p.b, p.N, p.x, p.P, p.dt, p.a, p.d, &end, &y, p.P, p.time, p.N, p.P)
    var (dState, da, dd) = (p.dEnd, 0.0, 0.0)
    var (dc, db) = ([Double](repeating: 0, count: p.time * p.N), [Double](repeating: 0, count: p.time * p.N))
    var (dx, ddt) = ([Double](repeating: 0, count: p.time * p.P), [Double](repeating: 0, count: p.time))
    up_ssd_backward_reference(
      p.c, p.N, p.b, p.N, p.x, p.P, p.dt, p.a, p.d, p.start, p.dy, p.P, &dState, &dc, &db, &dx, &ddt, &da, &dd, p.time,
      p.N, p.P)
    return Answer(y: y, end: end, dc: dc, db: db, dx: dx, ddt: ddt, dStart: dState, dRate: da, dSkip: dd)
  }

  /// The chunked form over rows [x | b | c] of one head.
  private func chunked(_ p: Problem, chunk: Int) -> Answer {
    let (N, P) = (p.N, p.P)
    let width = P + 2 * N
    let rows = Tensor.zeros([p.time, width])
    for t in 0..<p.time {
      for i in 0..<P { rows.pointer[t * width + i] = Float(p.x[t * P + i]) }
      for i in 0..<N {
        rows.pointer[t * width + P + i] = Float(p.b[t * N + i])
        rows.pointer[t * width + P + N + i] = Float(p.c[t * N + i])
      }
    }
    func tensor(_ values: [Double], _ shape: [Int]) -> Tensor { Tensor(shape, values: values.map { Float($0) }) }
    let (dt, state, dState) = (tensor(p.dt, [p.time]), tensor(p.start, [N, P]), tensor(p.dEnd, [N, P]))
    let (dy, y, dRows, ddt) = (
      tensor(p.dy, [p.time, P]), Tensor([p.time, P]), Tensor.zeros([p.time, width]), Tensor([p.time])
    )
    let form = StateSpaceChunks(stateSize: N, headDim: P, chunk: chunk, stride: width)
    let entries = Tensor([form.chunkCount(p.time), N, P])
    let head = StateSpaceChunks.Head(
      c: rows.pointer + P + N, b: rows.pointer + P, x: rows.pointer, dt: dt.pointer, rate: Float(p.a), skip: Float(p.d))
    form.forward(head, time: p.time, state: state.pointer, y: y.pointer, yStride: P, entries: entries.pointer)
    var gradients = StateSpaceChunks.Gradients(
      dc: dRows.pointer + P + N, db: dRows.pointer + P, dx: dRows.pointer, ddt: ddt.pointer)
    form.backward(
      head, time: p.time, entries: entries.pointer, dy: dy.pointer, dyStride: P, dState: dState.pointer, &gradients)
    func columns(_ start: Int, _ count: Int) -> [Double] {
      (0..<p.time * count).map { Double(dRows.pointer[$0 / count * width + start + $0 % count]) }
    }
    func doubles(_ tensor: Tensor) -> [Double] { tensor.toArray().map(Double.init) }
    return Answer(
      y: doubles(y), end: doubles(state), dc: columns(P + N, N), db: columns(P, N), dx: columns(0, P),
      ddt: doubles(ddt),
      dStart: doubles(dState), dRate: gradients.rate, dSkip: gradients.skip)
  }

  private func assertAgree(_ got: Answer, _ full: Answer, _ p: Problem, _ name: String, tolerance: Double) {
    for (what, got, want) in [
      ("y", got.y, full.y), ("end", got.end, full.end), ("dC", got.dc, full.dc), ("dB", got.db, full.db),
      ("dX", got.dx, full.dx), ("ddt", got.ddt, full.ddt), ("dH0", got.dStart, full.dStart),
      ("dA", [got.dRate], [full.dRate]), ("dD", [got.dSkip], [full.dSkip]),
    ] {
      // Sums over time cancel: their error is that of the terms. Floats end at 1e-38.
      let terms = what == "dA" ? zip(p.dt, full.ddt).map { abs($0 * $1 / p.a) }.max()! * Double(p.time).squareRoot() : 0
      let largest = max(want.map(abs).max()!, terms, 1e-30)
      for (g, w) in zip(got, want) {
        XCTAssertEqual(g, w, accuracy: tolerance * largest, "\(name): \(what)")
        if !(abs(g - w) <= tolerance * largest) { return }
      }
    }
  }

  /// Outputs, final state and every gradient, of the entering state too, at odd lengths and ragged chunks.
  func testChunksGiveWhatTheRecurrenceGives() {
    for (time, N, P, chunk) in [
      (1, 4, 6, 8), (11, 4, 6, 4), (64, 16, 16, 16), (77, 5, 3, 64), (40, 8, 8, 16), (9, 3, 2, 1), (1, 20, 16, 8),
      (130, 32, 24, 64), (77, 17, 16, 32), (9, 64, 64, 4),
    ] {
      let problem = Problem(time: time, N: N, P: P)
      assertAgree(
        chunked(problem, chunk: chunk), twin(problem), problem, "T \(time) N \(N) P \(P) chunk \(chunk)",
        tolerance: 2e-5)
    }
  }

  /// Decay so strong that a ratio of cumulative products would be 0 / 0, and none at all.
  func testExtremeDecayStaysFinite() {
    for (rate, scale) in [(-16.0, 40.0), (-1e-4, 1e-3), (-16, 3)] {
      let problem = Problem(time: 70, N: 8, P: 8, rate: rate, stepScale: scale)
      let answer = chunked(problem, chunk: 32)
      XCTAssertTrue((answer.y + answer.dx + answer.ddt + answer.dc).allSatisfy(\.isFinite))
      assertAgree(answer, twin(problem), problem, "rate \(rate) steps \(scale)", tolerance: 5e-5)
    }
  }

  func testStepsGiveWhatTheRecurrenceGives() {
    let p = Problem(time: 23, N: 6, P: 5)
    let (c, b, x) = (p.c.map { Float($0) }, p.b.map { Float($0) }, p.x.map { Float($0) })
    var (state, y) = (p.start.map { Float($0) }, [Float](repeating: 0, count: p.P))
    let want = twin(p)
    for t in 0..<p.time {
      up_ssd_scan(
        Array(c[t * p.N..<(t + 1) * p.N]), Array(b[t * p.N..<(t + 1) * p.N]), Array(x[t * p.P..<(t + 1) * p.P]),
        0, [Float(p.dt[t])], [Float(exp(p.dt[t] * p.a))], Float(p.d), &state, &y, 0, 1, p.N, p.P)
      for i in 0..<p.P { XCTAssertEqual(Double(y[i]), want.y[t * p.P + i], accuracy: 1e-4) }
    }
    for (got, want) in zip(state, want.end) { XCTAssertEqual(Double(got), want, accuracy: 1e-4) }
  }

  /// The shared vectors, computed from Mamba's own minimal code.
  func testThePublishedCodesVectorsComeOut() throws {
    let json = try JSONValue(contentsOf: try sharedFolder("vectors").appendingPathComponent("ssd.json"))
    func numbers(_ key: String) -> [Double] {
      let rows = json[key]!.array ?? [json[key]!]
      return rows.flatMap { $0.array?.map { $0.double! } ?? [$0.double!] }
    }
    let (N, P) = (4, 6)
    var problem = Answer(y: [], end: [], dc: [], db: [], dx: [], ddt: [], dStart: [], dRate: 0, dSkip: 0)
    var (y, end) = ([Double](repeating: 0, count: 11 * P), numbers("H0"))
    let (c, b, x, dt) = (numbers("C_mat"), numbers("B"), numbers("x"), numbers("dt"))
    let (a, d) = (numbers("A")[0], numbers("D")[0])
    up_ssd_forward_reference(c, N, b, N, x, P, dt, a, d, &end, &y, P, 11, N, P)
    problem.y = y
    problem.end = end
    var dState = numbers("dH_final")
    problem.dc = [Double](repeating: 0, count: 11 * N)
    problem.db = problem.dc
    problem.dx = [Double](repeating: 0, count: 11 * P)
    problem.ddt = [Double](repeating: 0, count: 11)
    up_ssd_backward_reference(
      c, N, b, N, x, P, dt, a, d, numbers("H0"), numbers("dy"), P, &dState, &problem.dc, &problem.db, &problem.dx,
      &problem.ddt, &problem.dRate, &problem.dSkip, 11, N, P)
    problem.dStart = dState
    let want = Answer(
      y: numbers("y"), end: numbers("H_final"), dc: numbers("dC"), db: numbers("dB"), dx: numbers("dx"),
      ddt: numbers("ddt"),
      dStart: numbers("dH0"), dRate: numbers("dA")[0], dSkip: numbers("dD")[0])
    assertAgree(problem, want, Problem(time: 11, N: N, P: P), "vectors", tolerance: 1e-12)
  }

  // MARK: On the tape

  func testCausalConvolutionMatchesDifferences() {
    let weight = Parameter("w", randomTensor([5, 1, 4], "w"))
    let bias = Parameter("b", randomTensor([5], "b"))
    GradientCheck("causal convolution").run([randomTensor([2, 7, 9])], parameters: [weight, bias]) {
      $0.causalConv($1[0], columns: 2..<7, [weight], bias: bias, batch: 2, time: 7)
    }
    let (first, second) = (
      Parameter("first", randomTensor([3, 1, 4], "first")), Parameter("second", randomTensor([2, 1, 4], "second"))
    )
    GradientCheck("two convolutions, no bias").run([randomTensor([2, 7, 9])], parameters: [first, second]) {
      $0.causalConv($1[0], columns: 2..<7, [first, second], batch: 2, time: 7)
    }
  }

  /// A token sees itself and the three before it, and no other sequence.
  func testAConvolutionSeesFourTokensOfItsSequence() {
    let weight = Parameter("w", Tensor([1, 1, 4], values: [1000, 100, 10, 1]))
    let bias = Parameter("b", Tensor([1], values: [0]))
    let tape = Tape(recording: false)
    let x = tape.constant(Tensor([2, 5, 1], values: [1, 2, 3, 4, 5, 6, 7, 8, 9, 1]))
    let y = tape.causalConv(x, columns: 0..<1, [weight], bias: bias, batch: 2, time: 5).value.toArray()
    XCTAssertEqual(y, [1, 12, 123, 1234, 2345, 6, 67, 678, 6789, 7891].map { Float($0) / (1 + exp(-Float($0))) })
  }

  func testGatedNormMatchesDifferences() {
    let weight = Parameter("w", randomTensor([12], "w"))
    for group in [12, 4] {
      GradientCheck("gated norm by \(group)").run(
        [randomTensor([5, 12], "y"), randomTensor([5, 20], "z")], parameters: [weight]
      ) {
        $0.gatedNorm($1[0], gate: $1[1], gateColumns: 3..<15, weight, order: .gateThenNorm(group: group), eps: 1e-5)
      }
    }
  }

  /// Threads take whole shares: no two of them may add to one group's gradient.
  func testSharesHaveNoGroupInCommon() {
    for (x, b, c, shares) in [(4, 4, 6, 2), (6, 4, 12, 2), (2, 2, 4, 2), (12, 1, 1, 1), (3, 4, 12, 1), (4, 4, 4, 4)] {
      let layout = StateSpaceLayout(heads: 12, headDim: 3, stateSize: 5, xHeads: x, bGroups: b, cGroups: c, chunk: 4)
      XCTAssertEqual(layout.shares, shares, "\(x) \(b) \(c)")
      let perShare = 12 / layout.shares
      func groups(_ share: Int, _ column: (Int) -> Int) -> Set<Int> {
        Set((share * perShare..<(share + 1) * perShare).map(column))
      }
      for (one, other) in zip(0..<layout.shares, 1..<max(1, layout.shares)) {
        for column in [{ layout.columns($0).x }, { layout.columns($0).b }, { layout.columns($0).c }] {
          XCTAssertTrue(groups(one, column).isDisjoint(with: groups(other, column)), "\(x) \(b) \(c)")
        }
      }
    }
  }

  /// Heads that share x and B (the papers' variant), and B and C (stock).
  func testStateSpaceMatchesDifferences() {
    for layout in [
      StateSpaceLayout(heads: 4, headDim: 3, stateSize: 3, xHeads: 2, bGroups: 2, cGroups: 4, chunk: 4),
      StateSpaceLayout(heads: 4, headDim: 3, stateSize: 5, xHeads: 4, bGroups: 1, cGroups: 1, chunk: 4),
    ] {
      let bias = Parameter("dt_bias", randomTensor([4], "bias"))
      let rate = Parameter("A_log", randomTensor([4], "rate"))
      let skip = Parameter("D", randomTensor([4], "skip"))
      GradientCheck("state space \(layout.width)").run(
        [randomTensor([2, 9, layout.width], "rows"), randomTensor([2, 9, 6], "steps")], parameters: [bias, rate, skip]
      ) {
        $0.stateSpace(
          $1[0], steps: $1[1], stepColumn: 1, layout, stepBias: bias, logRate: rate, skip: skip, batch: 2, time: 9)
      }
    }
  }
}
