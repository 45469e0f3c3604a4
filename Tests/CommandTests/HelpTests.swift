import Foundation
import Groundwork
import TestKit
import XCTest

/// What every command says of itself, and of what it does not understand.
final class HelpTests: XCTestCase {
  private static let tools = ["xecomla", "zebra", "hylo", "farskip", "hybrid", "shards", "lab"]

  private func help(_ tool: String, _ words: [String]) throws -> String {
    try assertSucceeds(tool, words + ["--help"]).output
  }

  private func subcommands(_ tool: String) throws -> [String] {
    let text = try help(tool, [])
    let list = text[try XCTUnwrap(text.range(of: "SUBCOMMANDS:\n")).upperBound...]
    return list.split(separator: "\n").compactMap { line in
      line.hasPrefix("  ") && !line.hasPrefix("   ") && !line.hasPrefix("  See")
        ? line.split(separator: " ").first.map(String.init) : nil
    }
  }

  /// Prose flows to the width of the window, and every example can be pasted as it stands.
  func testHelpFitsEightyColumnsAndItsExamplesArePasted() throws {
    var shown = 0
    for tool in Self.tools {
      for command in try subcommands(tool) {
        let text = try help(tool, [command])
        let prose = text.components(separatedBy: "USAGE:")[0]
        let usage = text.dropFirst(prose.count).split(separator: "\n\n")[0]
        for line in (prose + usage).split(separator: "\n") {
          XCTAssertLessThanOrEqual(line.count, 80, "\(tool) \(command): \(line)")
        }
        let paragraphs = prose.split(separator: /Examples?:\n/)[0]
          .split(separator: "\n", omittingEmptySubsequences: false)
        for (line, next) in zip(paragraphs, paragraphs.dropFirst()) where !line.isEmpty && !line.hasPrefix(" ") {
          let word = next.prefix { $0 != " " }
          // No break where the next word had room; the parser leaves the last columns free.
          XCTAssertFalse(!word.isEmpty && line.count + 1 + word.count < 78, "\(tool) \(command): \(line)")
        }
        let parts = prose.split(separator: /Examples?:\n/)
        guard parts.count == 2 else { continue }
        let lines = String(parts[1]).replacingOccurrences(of: "\\\n", with: " ").split(separator: "\n")
        for line in lines {
          let words = line.split(separator: " ").map(String.init)
          let program = words.first == "mpirun" ? words[3] : words[0]
          XCTAssertTrue(line.hasPrefix("  ") && program == tool, "\(tool) \(command): \(line)")
          shown += 1
        }
      }
    }
    XCTAssertGreaterThan(shown, 20)
  }

  /// A program's own page shows how its work begins.
  func testEveryProgramHasAnExample() throws {
    for tool in Self.tools where tool != "lab" {
      let text = try help(tool, [])
      XCTAssertTrue(text.contains("Example:\n  \(tool) "), tool)
      for line in text.components(separatedBy: "USAGE:")[0].split(separator: "\n") {
        XCTAssertLessThanOrEqual(line.count, 80, "\(tool): \(line)")
      }
    }
  }

  func testUnknownWordsAreAnsweredWithWhatWasMeant() throws {
    for (tool, words, said) in [
      ("xecomla", ["distil", "--student", "a"], ["there is no command \"distil\"", "did you mean distill?"]),
      ("xecomla", ["convert", "--modell", "a"], ["--modell", "did you mean --model?"]),
      ("lab", ["run", "xecomla/tabel3"], ["xecomla/tabel3", "did you mean xecomla/table3?"]),
      ("lab", ["run", "xecoml"], ["did you mean xecomla?"]),
      ("lab", ["chek"], ["did you mean check?"]),
      ("xecomla", ["compare-svd", "--shapes=1", "--jsno"], ["--jsno", "did you mean --json?"]),
      (
        "xecomla", ["distill", "--student", "a", "--teacher", "b", "--data", "c", "--out", "d", "--tokens", "-5"],
        ["--tokens", "0 or more", "-5"]
      ),
      ("hybrid", ["generate", "--model", "a", "--prompt", "-5"], ["--prompt=-5"]),
    ] {
      let result = try launch(tool, words)
      XCTAssertEqual(result.status, 2, "\(words)")
      XCTAssertEqual(result.errorLines.count, 1, result.error)
      XCTAssertLessThan(result.error.count, 240, result.error)
      for part in said { XCTAssertTrue(result.error.contains(part), "\(part) in \(result.error)") }
    }
    XCTAssertFalse(try launch("lab", ["run", "--dry"]).error.contains("did you mean"), "nothing is near")
  }
}
