import Foundation
import Groundwork
import TestKit
import XCTest

/// `figures/index.html` in a real browser, as wide as a phone and as a desk.
final class ReportPageTests: XCTestCase {
  func testThePageFiltersSortsAndFits() throws {
    guard
      let browser = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].first(
        where: FileManager.default.isExecutableFile)
    else { throw XCTSkip("skipped: Chromium absent") }
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    // Errors are counted from the first line on.
    let listener =
      "<script>window.failures = []; addEventListener('error', e => failures.push(e.message));"
      + "console.error = (...words) => failures.push(words.join(' '));</script>"
    let page = try readText(repositoryRoot().appendingPathComponent("figures/index.html"))
    XCTAssertFalse(page.contains("src=\"http") || page.contains("url(http"), "the page stands alone")
    try writeFile(
      page.replacingOccurrences(of: "<head>", with: "<head>" + listener), to: folder.appendingPathComponent("page.html")
    )
    for width in [390, 1440] {
      let harness = folder.appendingPathComponent("\(width).html")
      try writeFile(Self.harness(width: width), to: harness)
      let result = try launch(
        browser,
        [
          "--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files",
          "--virtual-time-budget=20000",
          "--user-data-dir=\(folder.path)/profile", "--window-size=1600,1000", "--dump-dom", harness.absoluteString,
        ], environment: ["HOME": folder.path])
      XCTAssertEqual(result.status, 0, result.error)
      let found = try XCTUnwrap(result.output.firstMatch(of: /<pre id="found">(.*?)<\/pre>/)?.output.1, result.error)
      let answers = try JSONValue(parsing: Data(String(found).utf8), file: "what the browser found")
      XCTAssertEqual(answers["failures"]?.array?.count, 0, "\(width): \(found)")
      XCTAssertLessThanOrEqual(try XCTUnwrap(answers["overflow"]?.int), 0, "\(width): nothing beyond the window")
      XCTAssertGreaterThan(try XCTUnwrap(answers["all"]?.int), 50)
      XCTAssertEqual(answers["holds"], answers["marked"], "\(width): the filter by answer")
      XCTAssertEqual(answers["words"]?.bool, true, "\(width): the filter by words")
      XCTAssertEqual(answers["ascending"]?.bool, true, "\(width): sorted")
      XCTAssertEqual(answers["restored"]?.bool, true, "\(width): the paper's order again")
      XCTAssertGreaterThan(try XCTUnwrap(answers["tips"]?.int), 500, "\(width): marks say their numbers")
      XCTAssertEqual(answers["headings"]?.bool, true, "\(width): every section has a heading")
    }
  }

  private static func harness(width: Int) -> String {
    """
    <!doctype html><meta charset="utf-8"><pre id="found"></pre>
    <iframe id="frame" width="\(width)" height="900" src="page.html"></iframe>
    <script>
    frame.addEventListener("load", () => {
      const page = frame.contentDocument, found = {};
      const claims = [...page.querySelectorAll(".claim")], shown = () => claims.filter(claim => !claim.hidden);
      const form = page.querySelector(".filters");
      const set = (name, value) => {
        form.elements[name].value = value;
        form.dispatchEvent(new Event("input", { bubbles: true }));
      };
      found.all = shown().length;
      set("answer", "holds");
      found.holds = shown().length;
      found.marked = claims.filter(claim => claim.dataset.answer === "holds").length;
      set("answer", "");
      // Two words, in any order.
      const first = claims[0].textContent.toLowerCase().match(/[a-z]{5,}/g);
      set("words", first[2] + "  " + first[0]);
      found.words = shown().includes(claims[0]) && shown().length < claims.length;
      set("words", "");
      for (const item of page.querySelectorAll("details")) item.open = true;
      found.overflow = page.documentElement.scrollWidth - \(width);
      const table = [...page.querySelectorAll("table")].find(
        table => new Set([...table.tBodies[0].rows].map(row => row.cells[1].textContent)).size > 3);
      const column = () => [...table.tBodies[0].rows].map(row => row.cells[1].dataset.value ?? row.cells[1].textContent.trim());
      const before = column().join("|");
      const press = () => table.tHead.rows[0].cells[1].querySelector("button").click();
      press();
      const values = column().filter(value => value !== "");
      found.ascending = values.every((value, i) => i === 0
        || (isNaN(value) || isNaN(values[i - 1]) ? values[i - 1].localeCompare(value) <= 0 : values[i - 1] - value <= 0));
      press(); press();
      found.restored = column().join("|") === before;
      found.headings = [...page.querySelectorAll("section")].every(section => section.querySelector("h2"));
      found.tips = page.querySelectorAll("use > title, polygon > title").length;
      found.failures = frame.contentWindow.failures;
      document.getElementById("found").textContent = JSON.stringify(found);
    });
    </script>
    """
  }
}
