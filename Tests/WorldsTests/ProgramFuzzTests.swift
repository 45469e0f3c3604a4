import Foundation
import Groundwork
import TestKit
import XCTest

@testable import Worlds

/// Mutated answers that are programs: refused or run, never a crash.
final class ProgramFuzzTests: XCTestCase {
  func testMutatedPrograms() {
    let seed = "sort | reverse | take 2 | join | repeat 99 | letters | upper | add 3 | times 7 | unique | sum"
    Fuzz.run("programs") { _, random in
      guard let program = TinyProgram(parsing: String(decoding: TextMutation.of(seed, &random), as: UTF8.self)) else {
        return
      }
      for input in [["4", "-1", "9223372036854775807"], ["b", "a", "é"], []] { _ = program.run(input) }
    }
  }
}
