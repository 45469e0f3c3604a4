import Autograd
import Foundation
import Groundwork
import TensorCore
import TestKit
import XCTest

@testable import Distillation

/// Schedule, optimizer and plan on their own.
final class TrainingPlanTests: XCTestCase {
  // MARK: Schedule

  /// Linear over the first four steps, cosine over the other sixteen (values by hand).
  func testTheRateRisesLinearlyAndFallsByACosine() {
    let schedule = Schedule(peak: 2, steps: 20, warmup: 4)
    for (step, rate) in [
      (0, 0.5), (1, 1), (3, 2), (4, 2), (8, 1.7071067811865475), (12, 1), (16, 0.2928932188134525),
      (19, 0.019214719596769747),
    ] { XCTAssertEqual(schedule.rate(at: step), rate, accuracy: 1e-12, "step \(step)") }
    XCTAssertEqual(schedule.rate(at: 20), 0, accuracy: 1e-12)
    XCTAssertEqual(schedule.rate(at: 1000), 0, accuracy: 1e-12, "stays down")
  }

  func testTheRateEndsAtItsFloor() {
    let schedule = Schedule(peak: 1, steps: 10, warmup: 0, floor: 0.1)
    XCTAssertEqual(schedule.rate(at: 0), 1)
    XCTAssertEqual(schedule.rate(at: 5), 0.55, accuracy: 1e-12)
    XCTAssertEqual(schedule.rate(at: 10), 0.1, accuracy: 1e-12)
  }

  func testSchedulesOfOneStepOrAllWarmupAreDefined() {
    XCTAssertEqual(Schedule(peak: 3, steps: 1, warmup: 0).rate(at: 0), 3)
    XCTAssertEqual(Schedule(peak: 3, steps: 1, warmup: 1).rate(at: 0), 3)
    let all = Schedule(peak: 1, steps: 5, warmup: 5)
    XCTAssertEqual((0..<5).map { all.rate(at: $0) }, [0.2, 0.4, 0.6, 0.8, 1])
  }

  func testAPlanBecomesWholeStepsAndASchedule() {
    let plan = TrainingPlan(tokens: 1_000_000, batch: 8, time: 256, learningRate: 3e-4)
    XCTAssertEqual(plan.steps, 488, "rounded down to whole steps")
    XCTAssertEqual(plan.schedule, Schedule(peak: 3e-4, steps: 488, warmup: 5, floor: 0))
    XCTAssertEqual(plan.microBatch, 8)
  }

  // MARK: Refusals

  func testImpossiblePlansAreRefusedByOption() throws {
    let plans: [(String, (inout TrainingPlan) -> Void)] = [
      ("tokens", { $0.tokens = 31 }), ("tokens", { $0.tokens = -1 }), ("batch", { $0.batch = 0 }),
      ("sequence", { $0.time = -8 }),
      (
        "batch",
        {
          $0.batch = 1 << 40; $0.time = 1 << 40
        }
      ),
      ("micro_batch", { $0.microBatch = 3 }), ("micro_batch", { $0.microBatch = 0 }),
      ("lr", { $0.learningRate = 0 }), ("lr", { $0.learningRate = .nan }),
      ("lr", { $0.learningRate = .infinity }), ("warmup", { $0.warmup = 1.5 }),
      ("floor", { $0.floor = -0.1 }), ("clip", { $0.clip = .nan }), ("clip", { $0.clip = -1 }),
      ("weight`", { $0.ceWeight = 0 }), ("weight`", { $0.klWeight = -1 }),
      ("weight`", { $0.ceWeight = .infinity }), ("beta1", { $0.optimizer.beta1 = 1 }),
      ("beta2", { $0.optimizer.beta2 = -0.5 }), ("epsilon", { $0.optimizer.epsilon = .nan }),
      ("weight_decay", { $0.optimizer.weightDecay = -1 }),
    ]
    for (option, change) in plans {
      XCTAssertThrowsError(try TinyTraining.plan(change).validate(), option) {
        XCTAssertEqual(($0 as? UpcycleError)?.exitCode, 2)
        XCTAssert("\($0)".prefix { $0 != ":" }.contains(option), "\(option): \($0)")
      }
    }
    XCTAssertNoThrow(try TinyTraining.plan().validate())
  }

  func testPlanSurvivesItsFile() throws {
    let plan = TinyTraining.plan {
      $0.learningRate = 1.0 / 3; $0.seed = .max; $0.klWeight = 0.1
    }
    XCTAssertEqual(try JSONDecoder().decode(TrainingPlan.self, from: JSONEncoder().encode(plan)), plan)
  }

  // MARK: Optimizer

  /// Ten steps against the equations in float64: matrices decay, vectors do not, frozen parameters stay.
  func testAdamWFollowsItsEquations() {
    let parameters = [
      Parameter("matrix", randomTensor([3, 5], "matrix")), Parameter("vector", randomTensor([4], "vector")),
      Parameter("frozen", randomTensor([2, 2], "frozen")),
    ]
    parameters[2].isTrainable = false
    let set = ParameterSet(parameters)
    let optimizer = AdamW(set, .init(beta1: 0.8, beta2: 0.95, epsilon: 1e-6, weightDecay: 0.2))
    var twin = parameters.map { $0.value.toArray().map { (x: Double($0), m: 0.0, v: 0.0) } }
    for step in 1...10 {
      set.zeroGradients()
      let rate = 0.02 / Double(step)
      for (index, parameter) in parameters.enumerated() where parameter.isTrainable {
        let gradient = randomFloats(parameter.value.count, seed: UInt64(step), parameter.name)
        parameter.gradientBuffer().pointer.update(from: gradient, count: gradient.count)
        for (i, g) in gradient.enumerated() {
          let scaled = 0.5 * Double(g)
          twin[index][i].m = 0.8 * twin[index][i].m + 0.2 * scaled
          twin[index][i].v = 0.95 * twin[index][i].v + 0.05 * scaled * scaled
          if index == 0 { twin[index][i].x *= 1 - rate * 0.2 }
          let m = twin[index][i].m / (1 - pow(0.8, Double(step)))
          let v = twin[index][i].v / (1 - pow(0.95, Double(step)))
          twin[index][i].x -= rate * m / (v.squareRoot() + 1e-6)
        }
      }
      let norm = set.gradients!.toArray().reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
      XCTAssertEqual(optimizer.gradientNorm(), norm, accuracy: 1e-6 * norm)
      optimizer.update(rate: rate, gradientScale: 0.5)
      XCTAssertEqual(optimizer.step, step)
    }
    for (index, parameter) in parameters.enumerated() {
      assertClose(parameter.value.toArray(), twin[index].map { Float($0.x) }, parameter.name, tolerance: 3e-6)
    }
  }

  /// The norm of gradients whose squares leave float32's range.
  func testTheNormOfLargeGradientsDoesNotOverflow() {
    let set = ParameterSet([Parameter("w", Tensor.zeros([100, 10]))])
    set.zeroGradients()
    set.gradients!.fill(1e30)
    XCTAssertEqual(AdamW(set, .init()).gradientNorm() / (1e30 * 1000.0.squareRoot()), 1, accuracy: 1e-6)
  }
}
