import Foundation
import Groundwork
import TestKit
import XCTest

/// Public declarations say what they are.
final class DocumentedDeclarationsTests: XCTestCase {
  func testEveryPublicDeclarationHasADocComment() throws {
    let sources = repositoryRoot().appendingPathComponent("Sources")
    for module in try FileManager.default.contentsOfDirectory(atPath: sources.path).sorted() {
      let folder = sources.appendingPathComponent(module)
      let files = (FileManager.default.enumerator(atPath: folder.path)?.allObjects ?? []).compactMap { $0 as? String }
        .filter { $0.hasSuffix(".swift") }.sorted()
      let texts = try files.map { try readText(folder.appendingPathComponent($0)) }
      let said = Set(texts.flatMap(requirements))
      let bare = zip(files, texts).flatMap { file, text in
        undocumented(text, besides: said).map { "Sources/\(module)/\(file):\($0)" }
      }
      XCTAssertEqual(bare, [], "without a doc comment:\n" + bare.joined(separator: "\n"))
    }
  }

  /// What the module's protocols ask for, such as `func forward(` and `var kind:`: said there, once.
  private func requirements(_ text: String) -> [String] {
    var isProtocol = false
    return text.split(separator: "\n").flatMap { line -> [String] in
      if line.hasPrefix("public protocol ") { isProtocol = true }
      if line.hasPrefix("}") { isProtocol = false }
      guard isProtocol, line.hasPrefix("  ") else { return [] }
      let words = line.trimmed.components(separatedBy: " ")
      if let function = words.firstIndex(of: "func"), function + 1 < words.count {
        return ["func " + words[function + 1].prefix { $0 != "(" } + "("]
      }
      if let variable = words.firstIndex(of: "var"), variable + 1 < words.count {
        let name = words[variable + 1]
        return ["var " + name, "let " + name, "let \(name.dropLast()) ="]
      }
      return line.trimmed.hasPrefix("init(") ? [line.trimmed.replacingOccurrences(of: " throws", with: "")] : []
    }
  }

  /// "line: declaration" of each public declaration without `///` before it or `//` behind it. What protocols say
  /// needs no second comment: the module's own, and those of `said` (an option's help is its comment). Nor do
  /// initialisers that only fill in properties.
  private func undocumented(_ text: String, besides protocols: Set<String>) -> [String] {
    let said =
      [
        "init(from ", "func encode(to ", "func ==", "func hash(into", "var description:", "enum CodingKeys",
        "init(rawValue", "let rawValue:", "init(floatLiteral", "init(integerLiteral",
        "static let configuration = CommandConfiguration(", "func run() {", "@Option(help: ",
      ] + protocols
    var isDocumented = false
    var found: [String] = []
    let lines = text.components(separatedBy: "\n")
    for (index, line) in lines.enumerated() {
      let code = line.trimmed
      if code.hasPrefix("///") || code.hasSuffix("*/") {
        isDocumented = true
        continue
      }
      if code.hasPrefix("@") && !code.contains(" public ") { continue }  // attributes stand between
      let words = code.split(separator: " ")
      // After an attribute, say; a variable may be called `open`.
      let isPublic = words.prefix { !["let", "var", "//"].contains($0) }.contains { $0 == "public" || $0 == "open" }
      let isDeclaration = words.contains { word in
        ["func", "var", "let", "struct", "class", "enum", "protocol", "actor", "typealias", "case"].contains(word)
          || word.hasPrefix("init") || word.hasPrefix("subscript")
      }
      if isPublic, isDeclaration, !isDocumented, !code.contains(" // "),
        !said.contains(where: { code.contains($0) }), !fillsInProperties(lines[index...])
      {
        found.append("\(index + 1): \(code)")
      }
      isDocumented = false
    }
    return found
  }

  /// Whether these lines begin with an initialiser of nothing but `self.x = x`: its properties say what it takes.
  private func fillsInProperties(_ lines: ArraySlice<String>) -> Bool {
    guard let first = lines.first, first.contains("init("),
      let opening = lines.firstIndex(where: { $0.hasSuffix("{") || $0.hasSuffix("}") })
    else { return false }
    let body: [String]
    if lines[opening].hasSuffix("{") {
      let end = first.prefix { $0 == " " } + "}"
      body = lines[(opening + 1)...].prefix { $0 != end }.map(\.trimmed)
    } else {
      let inside = lines[opening].dropLast().components(separatedBy: "{").last!.trimmed
      body = inside.isEmpty ? [] : [inside]
    }
    return body.allSatisfy { statement in
      let sides = statement.components(separatedBy: " = ")
      return sides.count == 2 && sides[0] == "self." + sides[1]
    }
  }
}
