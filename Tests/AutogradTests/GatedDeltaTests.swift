import Autograd
import CKernels
import Foundation
import Groundwork
import TensorCore
import TestKit
import XCTest

/// Gated DeltaNet's operations: the gated delta rule in its three forms (token by token in float64, chunked, one
/// step), the lengths of queries and keys, and the norm before the gate.
final class GatedDeltaTests: XCTestCase {
  /// One head's numbers, float64 for the twin.
  private struct Problem {
    var time, K, V: Int
    var q, k, v, g, beta, start, dO, dEnd: [Double]
    var scale: Double { 1 / Double(K).squareRoot() }

    /// - Parameters:
    ///   - decay: mean of -g
    ///   - sameKeys: all keys equal: every token corrects what the one before it wrote
    init(time: Int, K: Int, V: Int, decay: Double = 0.3, sameKeys: Bool = false) {
      (self.time, self.K, self.V) = (time, K, V)
      func random(_ count: Int, _ name: String) -> [Double] {
        let stream = RandomStream(seed: 5, name)
        return (0..<count).map { Double(Float(stream.normal(at: UInt64($0)))) }
      }
      func unit(_ rows: [Double]) -> [Double] {
        var rows = rows
        for t in 0..<time {
          let length = rows[t * K..<(t + 1) * K].reduce(0) { $0 + $1 * $1 }.squareRoot()
          for i in t * K..<(t + 1) * K { rows[i] = Double(Float(rows[i] / length)) }
        }
        return rows
      }
      (q, k, v) = (unit(random(time * K, "q")), unit(random(time * K, "k")), random(time * V, "v"))
      if sameKeys { k = (0..<time * K).map { [k] in k[$0 % K] } }
      g = random(time, "g").map { Double(Float(-abs($0) * decay * 1.25)) }
      beta = random(time, "beta").map { Double(Float(1 / (1 + exp(-$0)))) }
      (start, dO, dEnd) = (random(K * V, "s"), random(time * V, "do"), random(K * V, "ds"))
    }
  }

  private struct Answer {
    var o, end, dq, dk, dv, dg, dbeta, dStart: [Double]
  }

  private func twin(_ p: Problem) -> Answer {
    var (o, end, dState) = ([Double](repeating: 0, count: p.time * p.V), p.start, p.dEnd)
    up_delta_forward_reference(
      p.q, p.K, p.k, p.K, p.v, p.V, p.g, p.beta, p.scale, &end, &o, p.V, p.time, p.K, p.V)
    var (dq, dk, dv) = (p.q, p.k, p.v)
    var (dg, dbeta) = (p.g, p.beta)
    up_delta_backward_reference(
      p.q, p.K, p.k, p.K, p.v, p.V, p.g, p.beta, p.scale, p.start, p.dO, p.V, &dState, &dq, &dk, &dv, &dg, &dbeta,
      p.time,
      p.K, p.V)
    return Answer(o: o, end: end, dq: dq, dk: dk, dv: dv, dg: dg, dbeta: dbeta, dStart: dState)
  }

  /// The chunked form over rows [q | k] and rows of values with a gap between them.
  private func chunked(_ p: Problem, chunk: Int) -> Answer {
    let (T, K, V) = (p.time, p.K, p.V)
    let (keys, values) = (Tensor.zeros([T, 2 * K]), Tensor.zeros([T, V + 3]))
    for t in 0..<T {
      for i in 0..<K {
        keys.pointer[2 * t * K + i] = Float(p.q[t * K + i])
        keys.pointer[(2 * t + 1) * K + i] = Float(p.k[t * K + i])
      }
      for i in 0..<V { values.pointer[t * (V + 3) + i] = Float(p.v[t * V + i]) }
    }
    func tensor(_ values: [Double], _ shape: [Int]) -> Tensor { Tensor(shape, values: values.map { Float($0) }) }
    let (g, beta, dO) = (tensor(p.g, [T]), tensor(p.beta, [T]), tensor(p.dO, [T, V]))
    let (state, dState, o) = (tensor(p.start, [K, V]), tensor(p.dEnd, [K, V]), Tensor([T, V]))
    let (dKeys, dValues, dg, dbeta) = (
      Tensor.zeros(keys.shape), Tensor.zeros(values.shape), Tensor([T]), Tensor([T])
    )
    let form = GatedDeltaChunks(keyDim: K, valueDim: V, chunk: chunk, keyStride: 2 * K, valueStride: V + 3)
    let entries = Tensor([form.chunkCount(T), K, V])
    let head = GatedDeltaChunks.Head(
      q: keys.pointer, k: keys.pointer + K, v: values.pointer, g: g.pointer, beta: beta.pointer)
    form.forward(head, time: T, state: state.pointer, out: o.pointer, outStride: V, entries: entries.pointer)
    form.backward(
      head, time: T, entries: entries.pointer, dOut: dO.pointer, dOutStride: V, dState: dState.pointer,
      GatedDeltaChunks.Gradients(
        dq: dKeys.pointer, dk: dKeys.pointer + K, dv: dValues.pointer, dg: dg.pointer, dbeta: dbeta.pointer))
    func columns(_ tensor: Tensor, _ start: Int, _ count: Int) -> [Double] {
      (0..<T * count).map { Double(tensor.pointer[$0 / count * tensor.width + start + $0 % count]) }
    }
    func doubles(_ tensor: Tensor) -> [Double] { tensor.toArray().map(Double.init) }
    return Answer(
      o: doubles(o), end: doubles(state), dq: columns(dKeys, 0, K), dk: columns(dKeys, K, K),
      dv: columns(dValues, 0, V),
      dg: doubles(dg), dbeta: doubles(dbeta), dStart: doubles(dState))
  }

  private func assertAgree(_ got: Answer, _ full: Answer, _ name: String, tolerance: Double) {
    for (what, got, want) in [
      ("o", got.o, full.o), ("end", got.end, full.end), ("dq", got.dq, full.dq), ("dk", got.dk, full.dk),
      ("dv", got.dv, full.dv), ("dg", got.dg, full.dg), ("dbeta", got.dbeta, full.dbeta),
      ("dS0", got.dStart, full.dStart),
    ] {
      XCTAssertEqual(got.count, want.count, "\(name): \(what)")
      let largest = max(want.map(abs).max()!, 1e-30)  // floats end at 1e-38
      let worst = zip(got, want).map { $0.isFinite ? abs($0 - $1) : .infinity }.max()!
      XCTAssertLessThanOrEqual(worst / largest, tolerance, "\(name): \(what)")
    }
  }

  // MARK: Three forms

  /// Outputs, final state and every gradient, of the entering state too, at odd lengths and ragged chunks.
  func testChunksGiveWhatTheRecurrenceGives() {
    for (time, K, V, chunk) in [
      (1, 4, 6, 8), (11, 4, 6, 4), (63, 16, 16, 16), (77, 5, 3, 64), (40, 8, 16, 32), (9, 3, 2, 1), (1, 20, 16, 64),
      (130, 32, 24, 64), (77, 17, 33, 32), (500, 16, 32, 64), (9, 64, 128, 16),
    ] {
      let problem = Problem(time: time, K: K, V: V)
      assertAgree(
        chunked(problem, chunk: chunk), twin(problem), "T \(time) K \(K) V \(V) chunk \(chunk)", tolerance: 1e-5)
    }
  }

  /// Decay so strong that a ratio of cumulative products would be 0 / 0; repeated keys without decay, where the series
  /// for the inverse explodes.
  func testHardCasesStayFinite() {
    for (decay, sameKeys) in [(3.0, false), (60, false), (0, false), (0, true), (3, true)] {
      let problem = Problem(time: 200, K: 16, V: 24, decay: decay, sameKeys: sameKeys)
      for chunk in [16, 32, 64] {
        let answer = chunked(problem, chunk: chunk)
        assertAgree(answer, twin(problem), "decay \(decay) same keys \(sameKeys) chunk \(chunk)", tolerance: 5e-5)
      }
    }
  }

  /// Tokens with beta 0 and g 0 are padding: the state passes through.
  func testPaddingLeavesTheState() {
    var problem = Problem(time: 40, K: 8, V: 8)
    for t in 20..<40 { (problem.g[t], problem.beta[t]) = (0, 0) }
    var short = problem
    short.time = 20
    (short.q, short.k, short.v) = (Array(short.q.prefix(160)), Array(short.k.prefix(160)), Array(short.v.prefix(160)))
    (short.g, short.beta, short.dO) = (
      Array(short.g.prefix(20)), Array(short.beta.prefix(20)), Array(short.dO.prefix(160))
    )
    let (padded, alone) = (chunked(problem, chunk: 16), chunked(short, chunk: 16))
    for (a, b) in zip(padded.end, alone.end) { XCTAssertEqual(a, b, accuracy: 1e-6) }
  }

  func testStepsGiveWhatTheRecurrenceGives() {
    for (K, V) in [(6, 5), (16, 32), (8, 70)] {
      let p = Problem(time: 23, K: K, V: V)
      let (q, k, v) = (p.q.map { Float($0) }, p.k.map { Float($0) }, p.v.map { Float($0) })
      var (state, o) = (p.start.map { Float($0) }, [Float](repeating: 0, count: V))
      let want = twin(p)
      for t in 0..<p.time {
        up_delta_step(
          Array(q[t * K..<(t + 1) * K]), Array(k[t * K..<(t + 1) * K]), Array(v[t * V..<(t + 1) * V]),
          Float(exp(p.g[t])),
          Float(p.beta[t]), Float(p.scale), &state, &o, K, V)
        for i in 0..<V { XCTAssertEqual(Double(o[i]), want.o[t * V + i], accuracy: 1e-5) }
      }
      for (got, want) in zip(state, want.end) { XCTAssertEqual(Double(got), want, accuracy: 1e-5) }
    }
  }

  /// With beta fixed to 1 and no decay this is the delta rule: after a write, its key reads its value.
  func testTheLastWriteIsReadBack() {
    var p = Problem(time: 12, K: 8, V: 4, decay: 0)
    p.beta = [Double](repeating: 1, count: 12)
    p.q = p.k
    let o = chunked(p, chunk: 4).o
    for (got, want) in zip(o, p.v) { XCTAssertEqual(got / p.scale, want, accuracy: 1e-4) }
  }

  /// The shared vectors, computed from flash-linear-attention's naive code: the twin in float64 and chunks in float32.
  func testThePublishedCodesVectorsComeOut() throws {
    let json = try JSONValue(contentsOf: try sharedFolder("vectors").appendingPathComponent("gdn.json"))
    func numbers(_ key: String) -> [Double] {
      json[key]!.array!.flatMap { $0.array?.map { $0.double! } ?? [$0.double!] }
    }
    var p = Problem(time: 11, K: 4, V: 6)
    (p.q, p.k, p.v, p.g, p.beta) = (numbers("q"), numbers("k"), numbers("v"), numbers("g"), numbers("beta"))
    (p.start, p.dO, p.dEnd) = (numbers("S0"), numbers("do"), numbers("dS_final"))
    let want = Answer(
      o: numbers("o"), end: numbers("S_final"), dq: numbers("dq"), dk: numbers("dk"), dv: numbers("dv"),
      dg: numbers("dg"),
      dbeta: numbers("dbeta"), dStart: numbers("dS0"))
    assertAgree(twin(p), want, "vectors, twin", tolerance: 1e-12)
    for chunk in [1, 4, 16, 64] {
      assertAgree(chunked(p, chunk: chunk), want, "vectors, chunks of \(chunk)", tolerance: 1e-5)
    }
  }

  // MARK: On the tape

  func testVectorsGetUnitLength() {
    GradientCheck("unit length").run([randomTensor([2, 5, 14])]) { $0.unitLength($1[0], columns: 1..<13, head: 4) }
    let tape = Tape(recording: false)
    let y = tape.unitLength(tape.constant(Tensor([1, 3], values: [0, 3, 4])), columns: 1..<3, head: 2).value.toArray()
    XCTAssertEqual(y[0], 0.6, accuracy: 1e-6)
    XCTAssertEqual(y[1], 0.8, accuracy: 1e-6)
    let nothing = tape.unitLength(tape.constant(Tensor.zeros([1, 2])), columns: 0..<2, head: 2)
    XCTAssertEqual(nothing.value.toArray(), [0, 0])
  }

  func testNormThenGateMatchesDifferences() {
    let weight = Parameter("w", randomTensor([4], "w"))
    GradientCheck("norm, then gate").run(
      [randomTensor([5, 12], "y"), randomTensor([5, 20], "z")], parameters: [weight]
    ) {
      $0.gatedNorm($1[0], gate: $1[1], gateColumns: 3..<15, weight, order: .normThenGate, eps: 1e-5)
    }
  }

  /// One key head per value head, and three value heads that share one.
  func testGatedDeltaMatchesDifferences() {
    for (keyHeads, heads) in [(2, 2), (2, 6)] {
      let layout = GatedDeltaLayout(heads: heads, keyHeads: keyHeads, keyDim: 3, valueDim: 4, chunk: 4)
      let bias = Parameter("dt_bias", randomTensor([heads], "bias"))
      let rate = Parameter("A_log", randomTensor([heads], "rate"))
      // Short queries and keys turn sharply: a small step.
      GradientCheck("gated delta, \(keyHeads) and \(heads) heads", step: 2e-3).run(
        [randomTensor([2, 9, layout.width], "rows"), randomTensor([2, 9, 2 * heads + 3], "gates")],
        parameters: [bias, rate]
      ) {
        $0.gatedDelta(
          $0.unitLength($1[0], columns: 0..<2 * layout.keyWidth, head: 3), values: $1[0], gates: $1[1],
          stepColumn: heads + 2, betaColumn: 1, layout, stepBias: bias, logRate: rate, batch: 2, time: 9)
      }
    }
  }
}
