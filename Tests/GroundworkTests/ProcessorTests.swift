import XCTest

@testable import Groundwork

final class ProcessorTests: XCTestCase {
  func testANameWithoutANumberGetsFamilyAndModel() {
    func info(_ name: String) -> String {
      "processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 17\nmodel name\t: \(name)\nstepping\t: 1\n"
    }
    XCTAssertEqual(processorName(inInfo: info("AMD EPYC")), "AMD EPYC (family 25, model 17)")
    XCTAssertEqual(processorName(inInfo: info("AMD Ryzen 9 7950X")), "AMD Ryzen 9 7950X")
    XCTAssertEqual(processorName(inInfo: "model name\t: Some CPU\n"), "Some CPU")
    XCTAssertEqual(processorName(inInfo: ""), "unknown")
  }
}
