import Foundation
import TestKit
import XCTest

@testable import Groundwork

/// What a terminal, a narrow one, one that changes its size, and a log file get to see.
final class ProgressTests: XCTestCase {
  private var width: Int? = 80
  private var now = 0.0
  private var written = ""

  private func makeLine(quiet: Bool = false) -> StatusLine {
    StatusLine(
      quiet: quiet, width: { [unowned self] in width }, clock: { [unowned self] in now },
      write: { [unowned self] in written += $0 })
  }

  private func makeProgress(total: Int, startingAt: Int = 0) -> ProgressLine {
    ProgressLine("step", total: total, startingAt: startingAt, line: makeLine()) { [unowned self] in now }
  }

  /// What was written since the last call.
  private func news() -> String {
    defer { written = "" }
    return written
  }

  /// A pipe's bytes have no total.
  func testATotalThatIsNotKnownIsNotShown() {
    let progress = makeProgress(total: 0)
    progress.update(17, "bytes")
    XCTAssertEqual(news(), "\r\u{1b}[Jstep 17  bytes")
    now = 1
    progress.update(1_234_567, "bytes")
    XCTAssertEqual(news(), "\r\u{1b}[Jstep 1,234,567  bytes")
  }

  func testCountsStandInGroupsOfThreeDigits() {
    makeProgress(total: 64_000_002).update(16_384)
    XCTAssertEqual(news(), "\r\u{1b}[Jstep 16,384/64,000,002  estimating")
  }

  func testThereIsNoTimeLeftUntilSomethingTells() {
    let progress = makeProgress(total: 100, startingAt: 20)
    progress.update(20, "loss 3.2")
    XCTAssertEqual(news(), "\r\u{1b}[Jstep 20/100  loss 3.2  estimating")
    now = 0.5
    progress.update(40, "")
    XCTAssert(news().hasSuffix("step 40/100  estimating"), "half a second tells nothing")
    now = 10
    progress.update(40, "loss 3.1")
    XCTAssert(news().hasSuffix("step 40/100  loss 3.1  eta 30s"), "only the 20 of this run count")
    now = 40
    progress.update(100, "loss 3.0")
    XCTAssert(news().hasSuffix("step 100/100  loss 3.0"))
    progress.finish("80 steps")
    XCTAssertEqual(news(), "\r\u{1b}[Jstep 80 steps in 40s\n")
  }

  /// What was counted in steps is not when it ends.
  func testATrainingsLastLineCountsNoSteps() {
    let progress = ProgressLine("distill step", total: 4, startingAt: 0, line: makeLine()) { [unowned self] in now }
    progress.update(4)
    XCTAssertEqual(news(), "\r\u{1b}[Jdistill step 4/4")
    progress.finish("1,792 tokens")
    XCTAssertEqual(news(), "\r\u{1b}[Jdistill: 1,792 tokens in 0.0s\n")
  }

  func testATerminalIsRewrittenFiveTimesASecondAndALogEveryFiveSeconds() {
    for (columns, period) in [(80, 0.2), (nil, 5)] as [(Int?, Double)] {
      (width, now) = (columns, 0)
      let progress = makeProgress(total: 1000)
      var shown = 0
      for step in 0..<1000 {
        now = Double(step) * period / 10
        progress.update(step)
        if !news().isEmpty { shown += 1 }
      }
      XCTAssertEqual(shown, 100, accuracy: 10)
    }
    let progress = makeProgress(total: 3)
    progress.update(1, "a")
    XCTAssertEqual(news(), "step 1/3  a  estimating\n", "plain lines where there is no terminal")
  }

  func testNoLineIsWiderThanTheWindow() {
    let detail = String(repeating: "loss 3.214  ", count: 20)
    for columns in 1...200 {
      let text = StatusLine.fit("train step 120/1000", detail, "eta 3m12s", columns: columns)
      XCTAssertLessThanOrEqual(text.count, columns)
      if columns >= 30 { XCTAssert(text.hasSuffix("eta 3m12s"), "the detail goes first: \(text)") }
    }
    XCTAssertEqual(StatusLine.fit("a", "bc", "d", columns: 8), "a  bc  d")
    XCTAssertEqual(StatusLine.fit("head", "a long detail", "tail", columns: 20), "head  a long …  tail")
    XCTAssertEqual(StatusLine.fit("head", "a long detail", "tail", columns: 12), "head  tail")
    width = 20
    makeProgress(total: 100).update(3, detail)
    XCTAssertEqual(news(), "\r\u{1b}[Jstep 3/100  estima…")
  }

  func testAWindowThatBecomesNarrowerIsCleared() {
    let line = makeLine()
    line.show { (String(repeating: "x", count: 75), "", "") }
    _ = news()
    (width, now) = (30, 1)
    line.show { ("y", "", "") }
    XCTAssertEqual(news(), "\r\u{1b}[2A\u{1b}[Jy", "75 columns were broken into three rows")
    (width, now) = (100, 2)
    line.show { ("z", "", "") }
    XCTAssertEqual(news(), "\r\u{1b}[Jz")
    line.say("stays")
    line.clear()
    XCTAssertEqual(news(), "\r\u{1b}[Jstays\n", "nothing is left to clear")
  }

  func testUrgentNewsAndSilence() {
    let line = makeLine()
    line.show { ("a", "", "") }
    line.show { ("b", "", "") }
    line.show(isUrgent: true) { ("c", "", "") }
    XCTAssertEqual(news(), "\r\u{1b}[Ja\r\u{1b}[Jc")
    let silent = makeLine(quiet: true)
    silent.show { ("a", "", "") }
    silent.say("b")
    silent.clear()
    XCTAssertEqual(news(), "")
  }

  /// A terminal that closes asks for a clean stop, however often it says so; under nohup it asks for nothing.
  func testATerminalThatClosesAsksForACleanStop() {
    let former = signal(SIGHUP, SIG_IGN)
    defer {
      for number in [SIGINT, SIGTERM] { signal(number, SIG_DFL) }
      signal(SIGHUP, former)
      Interrupt.clear()
    }
    Interrupt.listen()
    raise(SIGHUP)
    XCTAssertFalse(Interrupt.isRaised)
    signal(SIGHUP, SIG_DFL)
    Interrupt.listen()
    for _ in 0..<2 { raise(SIGHUP) }
    XCTAssertTrue(Interrupt.isRaised)
  }
}
