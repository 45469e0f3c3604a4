import Foundation
import Groundwork
import ModelCore
import TensorCore
import TestKit
import XCTest

@testable import Distillation

/// Training on a teacher's recorded hidden states.
final class TeacherCacheTests: XCTestCase {
  private var folder = URL(fileURLWithPath: "/")

  override func setUpWithError() throws { folder = try temporaryFolder() }
  override func tearDown() { try? FileManager.default.removeItem(at: folder) }

  private let plan = TinyTraining.plan(steps: 6) {
    $0.microBatch = 2; $0.klWeight = 1; $0.ceWeight = 0
  }

  private func identity(
    _ type: TeacherCache.NumberType = .float32, teacher: String = "five", data: String = "ids",
    _ plan: TrainingPlan? = nil
  )
    -> TeacherCache.Identity
  {
    TeacherCache.Identity(teacher: teacher, data: data, plan: plan ?? self.plan, width: 16, type: type)
  }

  private func states(_ name: String) -> URL { folder.appendingPathComponent(name) }

  /// Values after every step of a student that follows `teacher`.
  private func train(_ teacher: any Teacher) throws -> [Float] {
    let trainer = try Trainer(
      student: TinyTraining.model(), teacher: teacher, batches: RandomBatches(plan.batch, plan.time), plan: plan)
    for _ in 0..<plan.steps { _ = try trainer.trainStep() }
    return trainer.student.parameters.values.toArray()
  }

  private func record(_ name: String, _ type: TeacherCache.NumberType = .float32) throws -> TeacherCache {
    let teacher = try TinyTraining.model(seed: 5)
    var done: [Int] = []
    try TeacherCache.record(
      teacher, batches: RandomBatches(plan.batch, plan.time), identity: identity(type), steps: plan.steps,
      in: states(name)
    ) { done.append($0) }
    XCTAssertEqual(done, Array(1...6))
    XCTAssertTrue(try TeacherCache.isComplete(states(name), identity(type), steps: plan.steps))
    return try TeacherCache(
      states(name), identity: identity(type), steps: plan.steps, head: teacher.head.value.copy())
  }

  func testFloat32GivesTheSameBits() throws {
    let beside = try train(TinyTraining.model(seed: 5))
    XCTAssertEqual(try train(record("float32")), beside)
    // Read again from disk, as a later run does.
    let head = try TinyTraining.model(seed: 5).head.value.copy()
    XCTAssertEqual(try train(TeacherCache(states("float32"), identity: identity(), steps: 6, head: head)), beside)
    XCTAssertNotEqual(try train(TinyTraining.model(seed: 6)), beside, "another teacher is another run")
  }

  /// Other kernels make other last bits: said, not refused.
  func testStatesOfOtherKernelsAreTold() throws {
    _ = try record("kernels")
    XCTAssertNil(TeacherCache.otherKernels(states("kernels"), identity()))
    var others = identity()
    others.kernels = "another processor's"
    XCTAssertTrue(try TeacherCache.isComplete(states("kernels"), others, steps: 6))
    XCTAssertEqual(TeacherCache.otherKernels(states("kernels"), others), identity().kernels)
    // Those of before say nothing of it.
    others.kernels = nil
    try writeFile(jsonText(others), to: states("kernels").appendingPathComponent("states.json"))
    XCTAssertTrue(try TeacherCache.isComplete(states("kernels"), identity(), steps: 6))
    XCTAssertNil(TeacherCache.otherKernels(states("kernels"), identity()))
  }

  /// Who comes while another records waits, and finds what it recorded.
  func testTwoRecordingsWaitForEachOther() throws {
    try makeDirectory(states("shared"))
    var lock: FileLock? = try FileLock(states("shared").appendingPathComponent("lock"), of: states("shared"))
    let (waits, done) = (expectation(description: "waits"), expectation(description: "recorded"))
    let (folder, identity, plan) = (states("shared"), identity(), plan)
    DispatchQueue.global().async {
      do {
        try TeacherCache.record(
          TinyTraining.model(seed: 5), batches: RandomBatches(plan.batch, plan.time), identity: identity,
          steps: plan.steps, in: folder, waiting: { _ in waits.fulfill() })
      } catch { XCTFail("\(error)") }
      done.fulfill()
    }
    wait(for: [waits], timeout: 60)
    XCTAssertFalse(try TeacherCache.isComplete(folder, identity, steps: plan.steps))
    withExtendedLifetime(lock) {}
    lock = nil
    wait(for: [done], timeout: 60)
    XCTAssertTrue(try TeacherCache.isComplete(folder, identity, steps: plan.steps))
  }

  func testBFloat16IsCloseAndSmaller() throws {
    let cache = try record("bfloat16", .bfloat16)
    let values = try train(cache)
    let beside = try train(TinyTraining.model(seed: 5))
    XCTAssertNotEqual(values, beside)
    assertClose(values, beside, "values", tolerance: 0.02)
    XCTAssertLessThan(cache.storedBytes, try record("wide").storedBytes * 2 / 3)
  }

  /// Every kind of number survives the planes.
  func testEveryNumberSurvivesThePlanes() {
    let numbers: [Float] = [
      0, -0.0, 1, -1.5, .pi, Float("1e-40")!, .greatestFiniteMagnitude, -.infinity, .ulpOfOne, 65_504,
    ]
    var back = [Float](repeating: 9, count: numbers.count)
    let planes = BytePlanes(count: numbers.count, type: .float32)
    planes.split(numbers)
    planes.join(into: &back)
    XCTAssertEqual(back.map(\.bitPattern), numbers.map(\.bitPattern))
    let half = BytePlanes(count: numbers.count, type: .bfloat16)
    half.split(numbers)
    half.join(into: &back)
    XCTAssertEqual(back, numbers.map { BFloat16.decode(BFloat16.encode($0)) })
  }

  /// Stopped in the middle, the recording goes on to the same states.
  func testAStoppedRecordingGoesOnToTheSameStates() throws {
    let teacher = try TinyTraining.model(seed: 5)
    let batches = RandomBatches(plan.batch, plan.time)
    var steps = 0
    XCTAssertThrowsError(
      try TeacherCache.record(
        teacher, batches: batches, identity: identity(), steps: 6, in: states("parts"), report: { steps = $0 },
        shouldStop: { steps == 3 })
    ) { XCTAssert("\($0)".contains("the same command goes on"), "\($0)") }
    XCTAssertFalse(try TeacherCache.isComplete(states("parts"), identity(), steps: 6))
    XCTAssertThrowsError(try TeacherCache(states("parts"), identity: identity(), steps: 6, head: teacher.head.value))
    try writeFile("half", to: states("parts").appendingPathComponent(".states-00000.zst.1.tmp"))
    XCTAssertEqual(try train(record("parts")), try train(teacher))
    XCTAssertEqual(
      try FileManager.default.contentsOfDirectory(atPath: states("parts").path).sorted(),
      ["states-00000.zst", "states.json"])
  }

  func testAnotherRunIsRefused() throws {
    let cache = try record("taken")
    var other = plan
    other.seed = 9
    for (name, wanted) in [
      ("teacher", identity(teacher: "six")), ("data", identity(data: "other")), ("type", identity(.bfloat16)),
      ("seed", identity(other)),
    ] {
      XCTAssertThrowsError(try TeacherCache.isComplete(states("taken"), wanted, steps: 6), name) {
        XCTAssertEqual(($0 as? UpcycleError)?.exitCode, 2)
        XCTAssert("\($0)".contains("states of something else"), "\($0)")
      }
    }
    // Settings of the training alone may differ.
    var faster = plan
    faster.learningRate = 0.1
    XCTAssertTrue(try TeacherCache.isComplete(states("taken"), identity(faster), steps: 6))
    withExtendedLifetime(cache) {}
  }

  /// A longer training adds to the states, a shorter one takes the first of them.
  func testStatesServeOtherLengths() throws {
    let (teacher, batches, place) = (
      try TinyTraining.model(seed: 5), RandomBatches(plan.batch, plan.time), states("length")
    )
    func record(_ steps: Int) throws -> [Int] {
      var done: [Int] = []
      try TeacherCache.record(teacher, batches: batches, identity: identity(), steps: steps, in: place) {
        done.append($0)
      }
      return done
    }
    XCTAssertEqual(try record(2), [1, 2])
    XCTAssertFalse(try TeacherCache.isComplete(place, identity(), steps: 6))
    XCTAssertEqual(try record(6).last, 6)
    XCTAssertEqual(try record(3), [], "a shorter one finds all that it needs")
    let head = teacher.head.value
    let (short, long) = (
      try TeacherCache(place, identity: identity(), steps: 2, head: head),
      try TeacherCache(place, identity: identity(), steps: 6, head: head)
    )
    let ids = [Int32](repeating: 0, count: plan.microBatch * plan.time)
    for part in 0..<plan.batch / plan.microBatch {
      func states(_ cache: TeacherCache) throws -> [Float] {
        try cache.teaching(step: 1, part: part, ids: ids, batch: plan.microBatch, time: plan.time).hidden.toArray()
      }
      XCTAssertEqual(try states(short), try states(long))
    }
    XCTAssertEqual(try train(long), try train(teacher))
  }

  func testDamageIsNamed() throws {
    let cache = try record("damaged")
    let file = states("damaged").appendingPathComponent("states-00000.zst")
    var bytes = try readFile(file)
    bytes[40] ^= 1
    try bytes.write(to: file)
    let head = try TinyTraining.model(seed: 5).head.value
    XCTAssertThrowsError(try train(TeacherCache(states("damaged"), identity: identity(), steps: 6, head: head))) {
      XCTAssert("\($0)".contains("states-00000.zst: damaged"), "\($0)")
    }
    withExtendedLifetime(cache) {}
  }

  private func identity(_ plan: TrainingPlan) -> TeacherCache.Identity { identity(.float32, plan) }
}
