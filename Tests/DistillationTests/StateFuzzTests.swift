import Foundation
import Groundwork
import ModelCore
import TestKit
import XCTest

@testable import Distillation

/// Mutated training states and loss curves: named as damaged, or the same numbers.
final class StateFuzzTests: XCTestCase {
  /// Flips, cuts, longer files, other bytes in the header, and the state of another step under this one's name.
  private func mutate(_ bytes: inout Data, _ random: inout RandomStream) {
    let header = min(bytes.count, 1200)
    let at = random.next(below: random.chance(0.7) ? header : bytes.count)
    switch random.next(below: 5) {
    case 0: bytes[at] ^= 1 << UInt8(random.next(below: 8))
    case 1: bytes[at] = UInt8(random.next(below: 256))
    case 2: bytes.removeSubrange(at..<min(bytes.count, at + 1 + random.next(below: 9)))
    case 3: bytes.insert(contentsOf: bytes[0..<min(bytes.count, 12)], at: at)
    default: bytes.removeSubrange(at...)
    }
  }

  func testMutatedStatesAreDamagedOrTheSame() throws {
    let folder = try memoryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let trainer = try TinyTraining.trainer(TinyTraining.plan())
    let run = RunDirectory(folder.appendingPathComponent("run"))
    _ = try? trainer.run(in: run, identity: TinyTraining.identity, shouldStop: { trainer.step == 4 })
    let step = try XCTUnwrap(TrainingCheckpoint.examine(run.checkpoint).good.first)
    let url = try XCTUnwrap(TrainingCheckpoint.newest(run.checkpoint))
    func numbers(_ url: URL) throws -> [[Float]] {
      let file = try SafetensorsFile(url)
      return try ["parameters", "moment1", "moment2"].map { try file.readFloats($0) }
    }
    let (whole, original) = (try readFile(url), try numbers(url))
    Fuzz.run("training states", place: url.path) { _, random in
      var mutant = whole
      mutate(&mutant, &random)
      try mutant.write(to: url)
      let found = TrainingCheckpoint.examine(run.checkpoint)
      if mutant == whole { return }
      // Other white space behind the header is the same state.
      if found.good.contains(step) { return XCTAssertEqual(try numbers(url), original) }
      XCTAssertEqual(found.damaged.count, 1)
      throw UpcycleError(found.damaged.first ?? "")
    }
  }

  func testMutatedLossCurvesAreRefused() throws {
    let folder = try memoryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let run = RunDirectory(folder.appendingPathComponent("run"))
    let trainer = try TinyTraining.trainer(TinyTraining.plan())
    _ = try? trainer.run(in: run, identity: TinyTraining.identity, shouldStop: { trainer.step == 4 })
    let whole = try String(contentsOf: run.metrics, encoding: .utf8)
    Fuzz.run("loss curves", part: 20) { _, random in
      let mutant = TextMutation.of(whole, &random)
      // Rows behind the state's step are cut off as those of a run that was killed between state and row; empty lines are none.
      func rows(_ text: String) -> [Substring] { text.split(separator: "\n") }
      if rows(String(decoding: mutant, as: UTF8.self)).starts(with: rows(whole)) { return }
      try mutant.write(to: run.metrics)
      let again = try TinyTraining.trainer(TinyTraining.plan())
      do {
        _ = try again.run(in: run, identity: TinyTraining.identity, shouldStop: { again.step == 5 })
        XCTFail("a run went on from \(mutant.count) other bytes")
      } catch {
        XCTAssertFalse("\(error)".contains("interrupted"), "\(error)")
        throw error
      }
    }
  }
}
