import CKernels
import Foundation
import XCTest

/// UPCYCLE_ISA: the kernels of every instruction set that this processor has agree with their twins, and only those can
/// be asked for. The choice is made once per process, so this program runs again for each.
final class InstructionSetTests: XCTestCase {
  private static let comparisons = [
    "GemmTests", "RowProductTests", "DoubleProductTests", "WeightMatrixTests", "KernelAttentionTests",
  ]

  private func run(_ instructionSet: String, _ suites: [String]) throws -> (status: Int32, errors: String) {
    let process = Process()
    process.executableURL = try XCTUnwrap(Bundle.main.executableURL)
    process.arguments = [suites.map { "TensorCoreTests.\($0)" }.joined(separator: ",")]
    process.environment = ProcessInfo.processInfo.environment.merging(["UPCYCLE_ISA": instructionSet]) { $1 }
    let errors = Pipe()
    process.standardOutput = FileHandle.nullDevice
    process.standardError = errors
    try process.run()
    let text = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return (process.terminationStatus, text)
  }

  func testKernelsOfEveryLowerInstructionSetAgreeWithTheirTwins() throws {
    let lower = ["portable", "avx2", "avx512"].prefix(Int(up_processor_instruction_set().rawValue))
    if lower.isEmpty || up_chosen_instruction_set() != up_processor_instruction_set() {
      throw XCTSkip("skipped: no lower instruction set")
    }
    for name in lower {
      let (status, errors) = try run(name, Self.comparisons)
      XCTAssertEqual(status, 0, "\(name): \(errors)")
    }
  }

  func testAnUnknownInstructionSetIsOneLineAndExitCode2() throws {
    for wanted in ["sse9", "", "AVX2"] {
      let (status, errors) = try run(wanted, ["GemmTests"])
      XCTAssertEqual(status, 2, wanted)
      XCTAssertEqual(errors.split(separator: "\n").count, 1, errors)
      XCTAssert(errors.hasPrefix("error: UPCYCLE_ISA: no instruction set of this processor; expected portable"), errors)
    }
  }
}
