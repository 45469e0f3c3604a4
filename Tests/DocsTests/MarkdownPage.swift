import Foundation
import Groundwork
import TestKit

/// A Markdown file, as far as its promises can be tested: command blocks, links, names in code spans.
///
/// A fenced block without a language or with `sh` holds commands; `text` and others hold none. A comment that ends
/// right before the block says how it is tested; readers do not see it:
/// ```
/// <!-- test: 4M -> 8k; 500k -> 4k -->              runs with these words replaced, each of which must occur
/// <!-- test needs data/tinystories: 4M -> 8k -->   the same, skipped where the shared folder lacks this path
/// <!-- not run here: why -->
/// ```
/// Without one the block runs as it stands.
struct MarkdownPage {
  /// Below the repository's root.
  let name: String
  let blocks: [CommandBlock]
  /// Targets of links and pictures, with their lines.
  let links: [(target: String, line: Int)]
  /// Texts between backquotes outside of blocks, with their lines.
  let codeSpans: [(text: String, line: Int)]
  /// Headings as GitHub spells them in links: "How to add things" is how-to-add-things.
  let anchors: Set<String>

  /// Every page of the repository that readers are sent to.
  static func all() throws -> [MarkdownPage] {
    let root = repositoryRoot()
    var names = ["README.md", "examples/README.md", "experiments/README.md", "CHANGELOG.md"]
    names += try FileManager.default.contentsOfDirectory(atPath: root.appendingPathComponent("notebooks-md").path)
      .filter { $0.hasSuffix(".md") }.sorted().map { "notebooks-md/\($0)" }
    names += (FileManager.default.enumerator(atPath: root.appendingPathComponent("Sources").path)?.allObjects ?? [])
      .compactMap { $0 as? String }.filter { $0.hasSuffix(".md") }.sorted().map { "Sources/\($0)" }
    return try names.map { try MarkdownPage($0, text: readText(root.appendingPathComponent($0))) }
  }

  init(_ name: String, text: String) throws {
    self.name = name
    var blocks: [CommandBlock] = []
    var links: [(String, Int)] = []
    var spans: [(String, Int)] = []
    var anchors: Set<String> = []
    var open: (language: String, line: Int, lines: [String])?
    // The comment before a block: complete when it ends, forgotten at the next other line.
    var comment = ""
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init).enumerated() {
      if line.trimmed.hasPrefix("```") {
        if let block = open {
          if ["", "sh"].contains(block.language) {
            blocks.append(
              try CommandBlock(
                page: name, line: block.line, text: block.lines.joined(separator: "\n"), marker: comment))
          }
          (open, comment) = (nil, "")
        } else {
          open = (String(line.trimmed.dropFirst(3)), index + 1, [])
        }
        continue
      }
      if open != nil {
        open!.lines.append(line)
        continue
      }
      if line.hasPrefix("<!--") || (comment.hasPrefix("<!--") && !comment.hasSuffix("-->")) {
        comment = (line.hasPrefix("<!--") ? "" : comment + " ") + line.trimmed
        continue
      }
      if !line.trimmed.isEmpty { comment = "" }
      if line.hasPrefix("#") { anchors.insert(Self.anchor(line)) }
      let parts = line.components(separatedBy: "`")
      for i in stride(from: 1, to: parts.count - 1, by: 2) { spans.append((parts[i], index + 1)) }
      links += Self.linkTargets(line).map { ($0, index + 1) }
    }
    if let block = open { throw UpcycleError("a block is never closed", at: "\(name):\(block.line)") }
    self.blocks = blocks
    self.links = links
    codeSpans = spans
    self.anchors = anchors
  }

  private static func anchor(_ heading: String) -> String {
    let kept = heading.drop { $0 == "#" || $0 == " " }.lowercased()
      .filter { $0.isLetter || $0.isNumber || " -_".contains($0) }
    return kept.replacingOccurrences(of: " ", with: "-")
  }

  private static func linkTargets(_ line: String) -> [String] {
    line.components(separatedBy: "](").dropFirst().compactMap { rest in
      rest.firstIndex(of: ")").map { String(rest[..<$0]) }
    }
  }
}

/// A block of commands and how it is tested.
struct CommandBlock {
  let place: String
  /// As printed.
  let text: String
  /// Printed word -> what it is here.
  let replacements: [(from: String, to: String)]
  /// Below the shared folder; nil when the block needs nothing but a checkout.
  let needs: String?
  /// Why it is not run.
  let excuse: String?

  init(page: String, line: Int, text: String, marker: String) throws {
    place = "\(page):\(line)"
    self.text = text
    let words = marker.replacingOccurrences(of: "<!--", with: "").replacingOccurrences(of: "-->", with: "").trimmed
    let (head, body) =
      words.range(of: ":").map { (words[..<$0.lowerBound].trimmed, words[$0.upperBound...].trimmed) }
      ?? (words, "")
    excuse = head == "not run here" ? body : nil
    needs = head.hasPrefix("test needs ") ? head.dropFirst("test needs ".count).trimmed : nil
    guard head.isEmpty || excuse != nil || needs != nil || head == "test" else {
      throw UpcycleError("unknown comment before a block", at: place, found: marker)
    }
    if excuse?.isEmpty == true { throw UpcycleError("\"not run here\" says no reason", at: place) }
    guard excuse == nil else {
      replacements = []
      return
    }
    let place = place
    replacements = try body.components(separatedBy: ";").map(\.trimmed).filter { !$0.isEmpty }.map { pair in
      let sides = pair.components(separatedBy: "->").map(\.trimmed)
      guard sides.count == 2, !sides[0].isEmpty, text.contains(sides[0]) else {
        throw UpcycleError(
          "a replacement does not fit its block", at: place, expected: "words of the block -> others", found: pair)
      }
      return (sides[0], sides[1])
    }
  }

  /// What runs here.
  var script: String {
    replacements.reduce(text) { $0.replacingOccurrences(of: $1.from, with: $1.to) }
  }

  /// One command a line: continued lines joined, comments and blank lines left out.
  var commands: [String] {
    text.replacingOccurrences(of: "\\\n", with: " ").split(separator: "\n").map { line in
      line.range(of: " #").map { line[..<$0.lowerBound].trimmed } ?? line.trimmed
    }.filter { !$0.isEmpty && !$0.hasPrefix("#") }
  }
}

extension StringProtocol {
  var trimmed: String { trimmingCharacters(in: .whitespaces) }
}

func readText(_ file: URL) throws -> String { String(decoding: try readFile(file), as: UTF8.self) }
