import Foundation
import Groundwork
import TestKit
import XCTest

@testable import LabKit

/// What pictures carry besides what gnuplot draws.
final class FigureTests: XCTestCase {
  private let picture = """
    <g id="figure_plot_1a" ><title>csv using (column("x")):(f($1))</title>
    <use xlink:href='#p' transform='translate(1,2)'/>
    <use xlink:href='#p' transform='translate(3,4)'/>
    </g>
    <g id="figure_plot_2a" ><title>ours</title>
    <polygon points = '0,0 1,0 1,1'/>
    <polygon points = '5,5 6,5 6,6'/>
    </g>
    <g id="figure_plot_1b" ><title>other</title>
    <use xlink:href='#p' transform='translate(9,9)'/>
    </g>
    """
  private let table = """

    # Curve 0 of 2, 3 points
    # Curve title: "csv using (column("x")):(f($1))"
    # x y type
     1  50.5  i
     2  NaN  u
     3  49.25  i


    # Curve 1 of 2, 1 points
    # Curve title: "ours"
    # x y xlow xhigh type
     1  7.5  0.8  1.2  i


    # Curve 0 of 1, 2 points
    # Curve title: "other"
    # x y type
     1  1  i
     2  2  i
    """

  /// Every mark says its number, the legend's sample none; what cannot be told apart says nothing.
  func testMarksSayTheirNumbers() {
    let drawn = FigureTooltips(table: table, script: "").added(to: picture)
    XCTAssertFalse(drawn.contains("csv using"), "no commands in the place of names")
    XCTAssertTrue(drawn.contains("translate(1,2)'><title>50.5</title></use>"), drawn)
    XCTAssertTrue(drawn.contains("translate(3,4)'><title>49.25</title></use>"), drawn)
    XCTAssertTrue(drawn.contains("<polygon points = '0,0 1,0 1,1'/>"), "the legend")
    XCTAssertTrue(drawn.contains("6,6'><title>ours: 7.5</title></polygon>"), drawn)
    XCTAssertTrue(drawn.contains("translate(9,9)'/>"), "one mark for two points")
    let both = FigureTooltips(table: table, script: "# a figure\ntooltips = \"xy\"\n").added(to: picture)
    XCTAssertTrue(both.contains("<title>1, 50.5</title>"), both)
    XCTAssertFalse(FigureTooltips(table: table, script: "tooltips = \"none\"").added(to: picture).contains("50.5"))
    XCTAssertFalse(FigureTooltips(table: "", script: "").added(to: picture).contains("50.5"))
  }

  /// gnuplot may fail where it writes a plot as numbers, which only its tooltips need; a fault of the picture is told.
  func testAPictureWithoutNumbersIsDrawn() throws {
    let folder = try memoryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let (csv, svg) = (folder.appendingPathComponent("f.csv"), folder.appendingPathComponent("f.svg"))
    try writeFile("x,y\n1,2\n", to: csv)
    let script = FigureScript(file: folder.appendingPathComponent("f.gp"))
    let drawing = """
      set terminal svg size 300,200 name "figure"
      set datafile separator "\\t"
      set output output_file
      if (exists("table_file")) { exit status 3 }
      plot csv using 1:2 with points

      """
    try writeFile(drawing, to: folder.appendingPathComponent("f.gp"))
    try script.draw(csv: csv, to: svg, ours: 1)
    XCTAssertTrue(String(decoding: try readFile(svg), as: UTF8.self).contains("<use"))
    try writeFile(drawing + "exit status 3\n", to: folder.appendingPathComponent("f.gp"))
    XCTAssertThrowsError(try script.draw(csv: csv, to: svg, ours: 1)) {
      XCTAssertTrue("\($0)".contains("gnuplot failed"), "\($0)")
    }
  }

  /// gnuplot takes a quoted "a, b" for a.
  func testNamesWithCommasAreOneName() throws {
    let folder = try memoryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    try writeFile("cell,y\n\"a, b\",5.25\na,7.5\n", to: folder.appendingPathComponent("f.csv"))
    try writeFile(
      """
      set terminal svg size 300,200 name "figure"
      set datafile separator "\\t"
      set datafile columnheaders
      set output output_file
      if (exists("table_file")) { set table table_file }
      plot for [name in "'a' 'a, b'"] csv using (strcol("cell") eq name ? 1 : NaN):(column("y")) with points title name
      """, to: folder.appendingPathComponent("f.gp"))
    let svg = folder.appendingPathComponent("f.svg")
    try FigureScript(file: folder.appendingPathComponent("f.gp")).draw(
      csv: folder.appendingPathComponent("f.csv"), to: svg, ours: 2)
    let picture = String(decoding: try readFile(svg), as: UTF8.self)
    XCTAssertEqual(picture.matches(of: /<title>a: 7.5<\/title>/).count, 1, picture)
    XCTAssertEqual(picture.matches(of: /<title>a, b: 5.25<\/title>/).count, 1)
    XCTAssertEqual(
      try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted(), ["f.csv", "f.gp", "f.svg"])
  }

  /// The caption stands in a strip of its own, and whoever writes a figure without one is told.
  func testEveryFigureSaysAtWhatScaleItIs() throws {
    let figures = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("figures")
    for paper in ["xecomla", "zebra", "hylo", "farskip"] {
      let folder = figures.appendingPathComponent(paper)
      for name in try FileManager.default.contentsOfDirectory(atPath: folder.path) where name.hasSuffix(".gp") {
        let script = String(decoding: try readFile(folder.appendingPathComponent(name)), as: UTF8.self)
        let caption = try XCTUnwrap(script.firstMatch(of: /(?m)^caption = "(.*)"$/)?.output.1, "\(paper)/\(name)")
        let words = ["micro", "Micro", "imulated", "mulated", "Full scale", "exact"]
        XCTAssertTrue(words.contains { caption.contains($0) }, "\(paper)/\(name): \(caption)")
        let svg = folder.appendingPathComponent(name).deletingPathExtension().appendingPathExtension("svg")
        let picture = String(decoding: try readFile(svg), as: UTF8.self)
        let start = HTML.escaped(caption.split(separator: " ").prefix(3).joined(separator: " "))
        XCTAssertTrue(picture.contains(start), name)
      }
    }
  }
}
