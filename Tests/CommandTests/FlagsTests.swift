import ArgumentParser
import Commands
import Groundwork
import XCTest

/// What stands between errors of libraries, which name fields, and users, who give flags.
final class FlagsTests: XCTestCase {
  private struct Convert: ParsableCommand {
    @Option(help: "Rank, as of --other-command.") var kvRank: Int?
    @Option(name: .customLong("init"), help: "Start.") var start = "svd"
    @Option(help: "Layers.") var mlaLayers: String
    @Flag(inversion: .prefixedNo, help: "Memory.") var checkpointing = false
  }

  func testFieldsBecomeTheFlagsOfTheCommand() {
    let flags = Flags(of: Convert.self, renamed: ["layers": "mla-layers"])
    let error = UpcycleError.usage(
      "is too large", field: "kv_rank", expected: "1...8", found: "9", hint: "lower `kv_rank`, or change `init`")
    XCTAssertEqual("\(error)", "`kv_rank`: is too large; expected 1...8, found 9 (lower `kv_rank`, or change `init`)")
    XCTAssertEqual(
      flags.spelling("\(error)"), "--kv-rank: is too large; expected 1...8, found 9 (lower --kv-rank, or change --init)"
    )
    XCTAssertEqual(flags.spelling("`layers`: out of range"), "--mla-layers: out of range")
    XCTAssertEqual(flags.spelling("set `checkpointing`"), "set --checkpointing")
  }

  private struct FromBase: ParsableCommand {
    @Option(help: "What it begins with.") var base: String
  }
  private struct FromModel: ParsableCommand {
    @Option(help: "What it begins with.") var model: String
  }

  /// What a method begins with is `model` in one library's words and `base` in another's.
  func testTheModelThatAMethodBeginsWithHasOneFlag() {
    for field in ["model", "base"] {
      XCTAssertEqual(Flags(of: FromBase.self).spelling("`\(field)`: no"), "--base: no")
      XCTAssertEqual(Flags(of: FromModel.self).spelling("`\(field)`: no"), "--model: no")
      XCTAssertEqual(Flags(of: Convert.self).spelling("`\(field)`: no"), "`\(field)`: no")
    }
  }

  func testOtherFieldsAndOtherTextStayAsTheyAre() {
    let flags = Flags(of: Convert.self)
    for text in ["`q_rank`: is needed", "kv_rank", "`kv rank`", "`other_command`", "kv-rank of `"] {
      XCTAssertEqual(flags.spelling(text), text)
    }
  }
}
