import Foundation
import Groundwork
import TestKit
import XCTest

/// Public declarations say what they are. The allowance is what is left to do: it only ever shrinks.
final class DocumentedDeclarationsTests: XCTestCase {
  /// Public declarations without a doc comment, per module.
  private let allowance = [
    "Collectives": 118, "Distillation": 18, "Evaluation": 86, "Groundwork": 34, "LabKit": 118, "ModelCore": 7,
    "Parallelism": 4, "Recipes": 13, "TokenData": 156, "TrainingCommands": 20,
  ]

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
      let allowed = allowance[module] ?? 0
      print("\(module): \(bare.count) public declarations without a doc comment, \(allowed) allowed")
      XCTAssertLessThanOrEqual(bare.count, allowed, "\(module)\n" + bare.joined(separator: "\n"))
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
        return ["var " + words[variable + 1]]
      }
      return line.trimmed.hasPrefix("init(") ? [line.trimmed.replacingOccurrences(of: " throws", with: "")] : []
    }
  }

  /// "line: declaration" of each public declaration without `///` before it or `//` behind it. What protocols say
  /// needs no second comment: the module's own, and `init(from:)`, `encode(to:)`, `==`, `hash`, `description`,
  /// `CodingKeys`, `init(rawValue:)`.
  private func undocumented(_ text: String, besides protocols: Set<String>) -> [String] {
    let said =
      [
        "init(from ", "func encode(to ", "func ==", "func hash(into", "var description:", "enum CodingKeys",
        "init(rawValue",
      ] + protocols
    var isDocumented = false
    var found: [String] = []
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      let code = line.trimmed
      if code.hasPrefix("///") || code.hasSuffix("*/") {
        isDocumented = true
        continue
      }
      if code.hasPrefix("@") && !code.contains(" public ") { continue }  // attributes stand between
      let words = code.split(separator: " ")
      let isPublic = words.contains { $0 == "public" || $0 == "open" } && !code.hasPrefix("//")
      let isDeclaration = words.contains { word in
        ["func", "var", "let", "struct", "class", "enum", "protocol", "actor", "typealias", "case"].contains(word)
          || word.hasPrefix("init") || word.hasPrefix("subscript")
      }
      if isPublic, isDeclaration, !isDocumented, !code.contains(" // "),
        !said.contains(where: { code.contains($0) })
      {
        found.append("\(index + 1): \(code)")
      }
      isDocumented = false
    }
    return found
  }
}
