import TensorCore
import TestKit
import XCTest

@testable import Autograd

/// Routing, grouped products and the rows' way to the experts and back: against plain loops and finite differences.
final class ExpertTests: XCTestCase {
  private let (tokens, experts, slots) = (13, 8, 3)

  private let rules: [(String, RoutingRule)] = [
    ("softmax", RoutingRule(score: .softmax)),
    ("softmax, normalised", RoutingRule(score: .softmax, isNormalized: true)),
    ("softmax, groups", RoutingRule(score: .softmax, groups: 4, keptGroups: 2, groupScore: .best, scale: 16)),
    ("sigmoid", RoutingRule(score: .sigmoid)),
    (
      "sigmoid, groups",
      RoutingRule(score: .sigmoid, groups: 2, keptGroups: 1, groupScore: .twoBest, isNormalized: true, scale: 2.5)
    ),
  ]

  // MARK: Routing

  /// One token by the routing rule's definition, in float64.
  private func naive(_ logits: [Float], _ bias: [Float], _ rule: RoutingRule) -> (chosen: [Int], weights: [Double]) {
    let z = logits.map(Double.init)
    let sum = z.reduce(0) { $0 + exp($1) }
    let p = z.map { rule.score == .softmax ? exp($0) / sum : 1 / (1 + exp(-$0)) }
    let values = zip(p, bias).map { $0 + Double($1) }
    let size = values.count / rule.groups
    let groupScores = (0..<rule.groups).map { group in
      let best = values[group * size..<(group + 1) * size].sorted(by: >)
      return rule.groupScore == .best ? best[0] : best[0] + best[1]
    }
    let open = (0..<rule.groups).sorted { groupScores[$0] > groupScores[$1] }.prefix(rule.keptGroups)
    let chosen = values.indices.filter { open.contains($0 / size) }.sorted { values[$0] > values[$1] }.prefix(slots)
    let total = chosen.reduce(0) { $0 + p[$1] }
    return (Array(chosen), chosen.map { p[$0] / (rule.isNormalized ? total : 1) * rule.scale })
  }

  func testRoutingIsTheFormula() {
    for (name, rule) in rules {
      for (kind, bias) in [("no bias", [Float](repeating: 0, count: experts)), ("bias", randomFloats(experts, "bias"))]
      {
        let logits = randomTensor([tokens, experts], "logits", scale: 2)
        let tape = Tape(recording: false)
        let (weights, choice, _) = tape.route(
          tape.constant(logits), rule, slots: slots, bias: kind == "bias" ? Tensor([experts], values: bias) : nil)
        for token in 0..<tokens {
          let row = Array(logits.toArray()[token * experts..<(token + 1) * experts])
          let expected = naive(row, bias, rule)
          XCTAssertEqual(
            choice.chosen[token * slots..<(token + 1) * slots].map(Int.init), expected.chosen, "\(name), \(kind)")
          assertClose(
            Array(weights.value.toArray()[token * slots..<(token + 1) * slots]), expected.weights.map(Float.init),
            "\(name), \(kind): weights", tolerance: 1e-5)
        }
      }
    }
  }

  func testSlotsAreOrderedByExpertAndRow() {
    let choice = ExpertChoice(chosen: [2, 0, 2, 1, 0, 2], slots: 2, experts: 4)
    XCTAssertEqual(choice.starts, [0, 2, 3, 6, 6])
    XCTAssertEqual(choice.slotOfRow, [1, 4, 3, 0, 2, 5])
    XCTAssertEqual(choice.rowOfSlot, [3, 0, 4, 2, 1, 5])
    XCTAssertEqual(choice.loads, [2, 1, 3, 0])
    let even = ExpertChoice(evenly: 5, slots: 2, experts: 4)
    XCTAssertEqual(even.chosen, [0, 1, 2, 3, 0, 1, 2, 3, 0, 1])
    XCTAssertEqual(even.loads, [3, 3, 2, 2])
  }

  /// Not numbers, infinities and equal scores lead to valid experts, each once.
  func testEveryLogitGivesValidExperts() {
    for value in [Float.nan, .infinity, -.infinity, 0] {
      for (name, rule) in rules {
        let logits = Tensor([2, experts])
        logits.fill(value)
        let tape = Tape(recording: false)
        let choice = tape.route(tape.constant(logits), rule, slots: slots).choice
        XCTAssertTrue(choice.chosen.allSatisfy { (0..<Int32(experts)).contains($0) }, "\(name), \(value)")
        XCTAssertEqual(Set(choice.chosen[..<slots]).count, slots, "\(name), \(value)")
      }
    }
  }

  func testRoutingMatchesDifferences() {
    let logits = randomTensor([tokens, experts], "logits", scale: 2)
    for (name, rule) in rules {
      GradientCheck("route, \(name)", step: 1e-3).run([logits]) { tape, x in
        tape.route(x[0], rule, slots: slots).weights
      }
    }
  }

  /// The balance loss acts through the gradient as if it were part of the loss.
  func testBalanceLossActsThroughTheGradient() {
    let logits = randomTensor([tokens, experts], "logits", scale: 2)
    for (name, rule) in rules {
      let projection = randomTensor([tokens, slots], "projection")
      GradientCheck("balance, \(name)", step: 1e-3).runLoss([logits]) { tape, x in
        let (weights, _, balance) = tape.route(x[0], rule, slots: slots, balanceWeight: 3)
        let sum = zip(weights.value.toArray(), projection.toArray()).reduce(0) { $0 + Double($1.0) * Double($1.1) }
        return .init(scalar: tape.dot(weights, projection), value: sum + 3 * balance)
      }
    }
    // Even: 1. All to one expert: its share of the scores, times their number.
    let tape = Tape(recording: true)
    let level = tape.route(tape.input(Tensor.zeros([16, 4])), rules[0].1, slots: 4, balanceWeight: 1).balance
    XCTAssertEqual(level, 1, accuracy: 1e-6)
    let one = Tensor([16, 4], values: (0..<64).map { $0 % 4 == 2 ? 50 : 0 })
    XCTAssertEqual(tape.route(tape.input(one), rules[0].1, slots: 1, balanceWeight: 1).balance, 4, accuracy: 1e-6)
  }

  // MARK: Grouped products

  private let starts = [0, 5, 5, 6, 40]  // one expert without rows

  private func separate() -> ExpertMatrices {
    .separate(
      (0..<4).map { expert in
        [
          Parameter("gate \(expert)", randomTensor([7, 9], seed: UInt64(expert), "gate")),
          Parameter("up \(expert)", randomTensor([4, 9], seed: UInt64(expert), "up")),
        ]
      })
  }

  private func stacked() -> ExpertMatrices { .stacked(Parameter("all", randomTensor([4, 9, 11], "all"))) }

  func testGroupedProductIsEachExpertsOwn() {
    let x = randomTensor([40, 9], "x")
    for matrices in [separate(), stacked()] {
      let tape = Tape(recording: false)
      let y = tape.groupedLinear(tape.constant(x), matrices, starts: starts).value.toArray()
      var expected: [Float] = []
      for row in 0..<40 {
        let expert = (0..<4).first { row < starts[$0 + 1] }!
        for out in 0..<11 {
          func weight(_ i: Int) -> Float {
            switch matrices {
            case .separate(let all):
              return out < 7
                ? all[expert][0].value.pointer[out * 9 + i] : all[expert][1].value.pointer[(out - 7) * 9 + i]
            case .stacked(let all): return all.value.pointer[(expert * 9 + i) * 11 + out]
            }
          }
          expected.append((0..<9).reduce(0) { $0 + x.pointer[row * 9 + $1] * weight($1) })
        }
      }
      assertClose(y, expected, "grouped product", tolerance: 1e-5)
    }
  }

  func testGroupedProductMatchesDifferences() {
    for matrices in [separate(), stacked()] {
      // Experts without rows get none.
      let trained = matrices.parameters.filter { !$0.name.hasSuffix("1") }
      GradientCheck("grouped").run([randomTensor([40, 9], "x")], parameters: trained) { tape, x in
        tape.groupedLinear(x[0], matrices, starts: starts)
      }
    }
  }

  /// All of an expert at once: the bits of product, SwiGLU and product, forward and backward.
  func testExpertFeedForwardHasTheBitsOfItsParts() {
    for isStacked in [false, true] {
      let gateUp: ExpertMatrices =
        isStacked
        ? .stacked(Parameter("gate_up", randomTensor([4, 9, 10], "gate_up")))
        : .separate(
          (0..<4).map { expert in
            ["gate", "up"].map { Parameter("\($0) \(expert)", randomTensor([5, 9], seed: UInt64(expert), $0)) }
          })
      let down: ExpertMatrices =
        isStacked
        ? .stacked(Parameter("down", randomTensor([4, 5, 9], "down")))
        : .separate((0..<4).map { [Parameter("down \($0)", randomTensor([9, 5], seed: UInt64($0), "down"))] })
      let parameters = gateUp.parameters + down.parameters
      func results(fused: Bool, recording: Bool = true) -> [[Float]] {
        for parameter in parameters { parameter.gradient = nil }
        let tape = Tape(recording: recording)
        let x = tape.input(randomTensor([40, 9], "x"))
        let y =
          fused
          ? tape.expertFeedForward(x, gateUp: gateUp, down: down, starts: starts)
          : tape.groupedLinear(tape.swiGLU(tape.groupedLinear(x, gateUp, starts: starts)), down, starts: starts)
        if !recording { return [y.value.toArray()] }
        tape.backward(from: y, seed: randomTensor([40, 9], "seed"))
        return [y.value.toArray(), tape.gradient(of: x)!.toArray()] + parameters.map { $0.gradient?.toArray() ?? [] }
      }
      let fused = results(fused: true)
      XCTAssertEqual(fused, results(fused: false))
      XCTAssertEqual(results(fused: true, recording: false)[0], fused[0])
      // Where the rows need no gradient the weights still do.
      for parameter in parameters { parameter.gradient = nil }
      let tape = Tape(recording: true)
      let y = tape.expertFeedForward(
        tape.constant(randomTensor([40, 9], "x")), gateUp: gateUp, down: down, starts: starts)
      tape.backward(from: y, seed: randomTensor([40, 9], "seed"))
      XCTAssertEqual(parameters.map { $0.gradient?.toArray() ?? [] }, Array(fused.dropFirst(2)))
    }
  }

  func testDispatchAndCombineMatchDifferences() {
    let choice = ExpertChoice(chosen: (0..<tokens * slots).map { Int32(($0 * $0 + 1) % 5) }, slots: slots, experts: 5)
    let (x, weights) = (randomTensor([tokens, 6], "x"), randomTensor([tokens, slots], "weights"))
    let rows = randomTensor([tokens * slots, 6], "rows")
    GradientCheck("dispatch").run([x]) { $0.dispatch($1[0], choice) }
    GradientCheck("dispatch, weighed").run([x, weights]) { $0.dispatch($1[0], choice, weights: $1[1]) }
    GradientCheck("combine").run([rows]) { $0.combine($1[0], choice, leading: [tokens]) }
    GradientCheck("combine, weighed").run([rows, weights]) {
      $0.combine($1[0], choice, weights: $1[1], leading: [tokens])
    }
  }

  /// There and back without experts in between: every token times its sum of weights.
  func testThereAndBackIsEachTokenTimesItsWeights() {
    let choice = ExpertChoice(chosen: [3, 1, 0, 1, 2, 3, 3, 0], slots: 2, experts: 4)
    let x = randomTensor([4, 5], "x")
    let weights = Tensor([4, 2], values: [0.5, 0.25, 1, 1, 2, 0, 0.125, 0.5])
    let tape = Tape(recording: false)
    let back = tape.combine(
      tape.dispatch(tape.constant(x), choice), choice, weights: tape.constant(weights), leading: [4])
    let expected = (0..<20).map { x.pointer[$0] * [0.75, 2, 2, 0.625][$0 / 5] }
    assertClose(back.value.toArray(), expected, "there and back", tolerance: 1e-6)
  }

  // MARK: Several streams through a checkpoint

  func testCheckpointOfSeveralVariablesIsExact() {
    let weights = [Parameter("a", randomTensor([4, 4], "a")), Parameter("b", randomTensor([4, 4], "b"))]
    func gradients(checkpointing: Bool) -> [[Float]] {
      for weight in weights { weight.gradient = nil }
      let tape = Tape(recording: true)
      let inputs = [tape.input(randomTensor([3, 4], "r")), tape.input(randomTensor([3, 4], "n"))]
      func body(_ tape: Tape, _ x: [Variable]) -> [Variable] {
        let free = tape.add(x[0], tape.silu(tape.linear(x[1], weights[0])))
        return [tape.add(free, tape.silu(tape.linear(x[0], weights[1]))), free]
      }
      var streams = inputs
      for _ in 0..<3 { streams = checkpointing ? tape.checkpoint(streams, body) : body(tape, streams) }
      tape.backward(from: tape.dot(streams[0], randomTensor([3, 4], "seed")))
      return weights.map { $0.gradient!.toArray() } + inputs.map { tape.gradient(of: $0)!.toArray() }
    }
    XCTAssertEqual(gradients(checkpointing: true), gradients(checkpointing: false))
  }
}
