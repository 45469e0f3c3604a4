import Foundation
import Groundwork
import TestKit
import XCTest

/// What the pages name exists: linked files and headings, paths, tests, commands with their options, make targets.
final class NamedThingsTests: XCTestCase {
  private let root = repositoryRoot()

  private func exists(_ path: String) -> Bool {
    FileManager.default.fileExists(atPath: root.appendingPathComponent(path).path)
  }

  func testRelativeLinksLeadToFilesAndHeadings() throws {
    let pages = try MarkdownPage.all()
    let anchors = Dictionary(uniqueKeysWithValues: pages.map { ($0.name, $0.anchors) })
    for page in pages {
      for (target, line) in page.links where !target.contains("://") {
        let parts = target.components(separatedBy: "#")
        let folder = (page.name as NSString).deletingLastPathComponent
        let path =
          parts[0].isEmpty
          ? page.name
          : ((folder as NSString).appendingPathComponent(parts[0]) as NSString)
            .standardizingPath
        XCTAssertTrue(exists(path), "\(page.name):\(line) links to \(target), which does not exist")
        if parts.count > 1, let known = anchors[path] {
          XCTAssertTrue(known.contains(parts[1]), "\(page.name):\(line) links to \(target): no such heading")
        }
      }
    }
  }

  /// Paths in code spans: below the root, below `experiments/`, below `Sources/` or as a file's bare name; PAPER, NAME
  /// and * stand for anything.
  func testNamedFilesExist() throws {
    let all = (FileManager.default.enumerator(atPath: root.path)?.allObjects ?? []).compactMap { $0 as? String }
      .filter { !$0.hasPrefix(".") && !$0.hasPrefix("runs/") && !$0.hasPrefix("shards/") }
    let endings = ["swift", "c", "h", "json5", "sh", "gp", "csv", "jsonl", "md"]
    for page in try MarkdownPage.all() where page.name != "CHANGELOG.md" {
      for (span, line) in page.codeSpans {
        let path = span.components(separatedBy: " ")[0]
        let top = path.components(separatedBy: "/")[0]
        let isPath =
          path.contains("/") && ["Sources", "Tests", "Scripts", "experiments", "figures", "notebooks-md"].contains(top)
        let isFile = ["swift", "c", "json5", "sh", "gp"].contains((path as NSString).pathExtension)
        guard isPath || isFile, path.hasPrefix("../") == false else { continue }
        let pattern = path.replacingOccurrences(of: "PAPER", with: "*").replacingOccurrences(of: "NAME", with: "*")
          .trimmingCharacters(in: CharacterSet(charactersIn: "/"))
        let found = all.contains { name in
          matches(name, pattern) || ((isFile || !endings.contains(top)) && matches(name, "*/" + pattern))
        }
        XCTAssertTrue(found, "\(page.name):\(line) names \(span), which does not exist")
      }
    }
  }

  private func matches(_ name: String, _ pattern: String) -> Bool { fnmatch(pattern, name, 0) == 0 }

  func testNamedTestsExist() throws {
    let tests = Set(
      (FileManager.default.enumerator(atPath: root.appendingPathComponent("Tests").path)?.allObjects ?? [])
        .compactMap { ($0 as? String).map { (($0 as NSString).lastPathComponent as NSString).deletingPathExtension } })
    for page in try MarkdownPage.all() where page.name != "CHANGELOG.md" {
      for (span, line) in page.codeSpans
      where span.hasSuffix("Tests") && span.allSatisfy({ $0.isLetter || $0.isNumber }) {
        XCTAssertTrue(tests.contains(span), "\(page.name):\(line) names \(span), which does not exist")
      }
    }
  }

  // MARK: Commands

  private let tools: Set = ["xecomla", "zebra", "hylo", "farskip", "hybrid", "shards", "lab", "bench"]
  private var helps: [String: String] = [:]

  private func help(_ command: [String]) throws -> String {
    let name = command.joined(separator: " ")
    if let known = helps[name] { return known }
    let result = try launch(command[0], command.dropFirst() + ["--help"])
    helps[name] = result.status == 0 ? result.output : ""
    return helps[name]!
  }

  /// `farskip simulate --gpus 8` names a subcommand and an option that the help of `farskip simulate` shows.
  private func check(_ words: [String], _ place: String) throws {
    guard let start = words.firstIndex(where: { tools.contains(($0 as NSString).lastPathComponent) }) else { return }
    var command = [(words[start] as NSString).lastPathComponent]
    var rest = words[(start + 1)...]
    if command[0] != "bench", let subcommand = rest.first,
      subcommand.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "-" }),
      !subcommand.hasPrefix("-")
    {
      command.append(subcommand)
      rest = rest.dropFirst()
    }
    let text = try help(command)
    let name = command.joined(separator: " ")
    XCTAssertTrue(text.contains("USAGE: \(name) "), "\(place): there is no \(name)")
    let known = Set(text.components(separatedBy: CharacterSet(charactersIn: " \n[],<>=|()")))
    for word in rest.prefix(while: { !["&&", "|", ">", ";", "\\"].contains($0) }) where word.hasPrefix("--") {
      let option = word.components(separatedBy: "=")[0]
      XCTAssertTrue(known.contains(option), "\(place): \(name) has no \(option)")
    }
  }

  private func words(_ command: String) -> [String] { command.split(separator: " ").map(String.init) }

  func testCommandsAndOptionsStandInTheirHelp() throws {
    for page in try MarkdownPage.all() where page.name != "CHANGELOG.md" {
      for block in page.blocks {
        for command in block.commands { try check(words(command), block.place) }
      }
      for (span, line) in page.codeSpans where tools.contains(words(span).first ?? "") && words(span).count > 1 {
        try check(words(span), "\(page.name):\(line)")
      }
    }
  }

  /// An option named alone belongs to some command.
  func testOptionsNamedAloneBelongToACommand() throws {
    var known: Set<String> = ["--allow-run-as-root", "--oversubscribe"]  // of mpirun
    for tool in tools.sorted() {
      let overview = try help([tool])
      let names = overview.components(separatedBy: "SUBCOMMANDS:").dropFirst().joined().split(separator: "\n")
        .filter { $0.hasPrefix("  ") && !$0.hasPrefix("   ") && !$0.hasPrefix("  See") }.map { words(String($0))[0] }
      for text in try [overview] + names.map({ try help([tool, $0]) }) {
        known.formUnion(
          text.components(separatedBy: CharacterSet(charactersIn: " \n[],<>=|()")).filter { $0.hasPrefix("--") })
      }
    }
    for page in try MarkdownPage.all() where page.name != "CHANGELOG.md" {
      for (span, line) in page.codeSpans where span.hasPrefix("--") {
        for word in words(span) where word.hasPrefix("--") {
          let option = word.components(separatedBy: "=")[0]
          XCTAssertTrue(known.contains(option), "\(page.name):\(line): no command has \(option)")
        }
      }
    }
  }

  /// `swift test` orders its flags otherwise than `swift build`, so that either would build all that the other has built.
  func testEverythingIsBuiltOnce() throws {
    let makefile = try readText(root.appendingPathComponent("Makefile")).split(separator: "\n")
    XCTAssertEqual(makefile.filter { $0.contains("swift test ") && !$0.hasPrefix("#") }, [])
  }

  func testMakeTargetsExist() throws {
    let makefile = try readText(root.appendingPathComponent("Makefile")).split(separator: "\n")
    let targets = Set(makefile.compactMap { line in line.firstIndex(of: ":").map { String(line[..<$0]) } })
    for page in try MarkdownPage.all() {
      let named =
        page.codeSpans.map { ($0.text, "\(page.name):\($0.line)") }
        + page.blocks.flatMap { block in block.commands.map { ($0, block.place) } }
      for (command, place) in named where words(command).first == "make" && words(command).count > 1 {
        if words(command)[1].hasPrefix("-") { continue }  // of another makefile
        XCTAssertTrue(targets.contains(words(command)[1]), "\(place): make has no target \(words(command)[1])")
      }
    }
  }
}
