import XCTest

@testable import LabKit

/// Specs of one claim, and records for it to be decided by.
class ClaimTestCase: XCTestCase {
  /// A spec of cells `a` ... `h` (run), `base` (without seeds) and `absent` (no stand-in), with one claim.
  func spec(_ tests: String, extra: String = "", chance: String = "", id: String = "D-C2") throws -> Spec {
    let lab = try TestLaboratory()
    let cells = "abcdefgh".map { "{ id: \"\($0)\", pipeline: \"train\" }" }.joined(separator: ", ")
    try lab.write(
      "claims.json5",
      """
      {
        extends: "t.json5", title: "claims", noise: { avg: 0.8 }, \(chance)
        matrix: {
          published: "published/t.csv", id: "{method}",
          rules: [
            { when: { method: ["base", "small"] }, pipeline: "base" }, { when: { method: "later" }, pending: "another method" },
          ],
          cells: [\(cells), { id: "absent", pending: "a thing we lack" }],
        },
        claims: [{ id: "\(id)", statement: "A claim.", metric: "score.avg", \(extra) tests: [\(tests)] }],
      }
      """)
    return try withExtendedLifetime(lab) { try lab.laboratory.spec("demo/claims") }
  }

  func record(_ cell: String, _ seed: Int?, _ metrics: [String: Metric]) -> Record {
    Record(
      spec: "demo/claims", profile: "micro", cell: cell, seed: seed, key: "\(cell)\(seed ?? 0)", commit: "abc1234567",
      host: .init(cpu: "Test CPU", cores: 2), threads: 2, started: "2026-01-01T00:00:00Z", seconds: 1.5, tokens: 0,
      metrics: metrics)
  }

  func records(_ cells: [String: [Double]], metric: String = "score.avg", stderr: Double? = nil) -> [Record] {
    cells.sorted { $0.key < $1.key }.flatMap { cell, values in
      values.enumerated().map { record(cell, $0 + 1, [metric: Metric($1, stderr: stderr)]) }
    }
  }

  func verdict(_ spec: Spec, _ records: [Record]) throws -> ClaimVerdict {
    try ClaimVerdict(spec.claims[0], from: ClaimEvidence(spec, records: records))
  }

  let difference = "{ let: { a: \"a\", b: \"b\" }, quantity: \"a - b\", above: 0 }"
}
