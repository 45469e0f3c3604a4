import Foundation
import Groundwork
import TestKit
import XCTest

@testable import LabKit

/// Mutated experiment files, published tables and records: refused in one line or read; never a crash.
final class SpecFuzzTests: XCTestCase {
  private func fuzz(_ kind: String, _ name: String, _ text: String, read: (TestLaboratory) throws -> Void) throws {
    let lab = try TestLaboratory()
    let file = lab.laboratory.experiments.appendingPathComponent("demo/\(name)")
    try makeDirectory(file.deletingLastPathComponent())
    Fuzz.run(kind) { _, random in
      try TextMutation.of(text, &random).write(to: file)
      try read(lab)
    }
  }

  func testMutatedSpecs() throws {
    try fuzz("experiment files", "t.json5", TestLaboratory.spec) { lab in
      let spec = try lab.laboratory.spec("demo/t")
      _ = try Plan(
        spec, profile: "micro", seeds: nil, cells: nil, threads: 1, registry: lab.registry())
    }
  }

  func testMutatedPublishedTables() throws {
    let text = "# source: a paper\nmethod,kv,avg\nbase,100,50.0\nsmall,15.63,48.5\nlater,9.4,49\n"
    try fuzz("published tables", "published/t.csv", text) { _ = try $0.laboratory.spec("demo/t") }
  }

  func testMutatedRecords() throws {
    let record =
      #"{"cell":"base","commit":"c","key":"k","metrics":{"score.avg":{"value":1}},"profile":"micro","seed":1,"spec":"demo/t"}"#
    try fuzz("records", "records/t.micro.jsonl", record + "\n" + record + "\n") { lab in
      _ = try RecordFile(url: lab.laboratory.experiments.appendingPathComponent("demo/records/t.micro.jsonl")).read()
    }
  }
}
