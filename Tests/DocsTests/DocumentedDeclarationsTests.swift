import Foundation
import Groundwork
import TestKit
import XCTest

/// Public declarations say what they are. The allowance is what is left to do: it only ever shrinks.
final class DocumentedDeclarationsTests: XCTestCase {
  /// Public declarations without a doc comment, per module.
  private let allowance = [
    "Autograd": 88, "Collectives": 126, "Distillation": 103, "Evaluation": 91, "Groundwork": 33, "LabKit": 113,
    "ModelCore": 151, "Parallelism": 20, "Recipes": 95, "TensorCore": 38, "TokenData": 144, "TrainingCommands": 6,
    "Upcycling": 41,
  ]

  func testEveryPublicDeclarationHasADocComment() throws {
    let sources = repositoryRoot().appendingPathComponent("Sources")
    for module in try FileManager.default.contentsOfDirectory(atPath: sources.path).sorted() {
      let folder = sources.appendingPathComponent(module)
      let files = (FileManager.default.enumerator(atPath: folder.path)?.allObjects ?? []).compactMap { $0 as? String }
        .filter { $0.hasSuffix(".swift") }.sorted()
      let bare = try files.flatMap { file in
        try undocumented(readText(folder.appendingPathComponent(file))).map { "Sources/\(module)/\(file):\($0)" }
      }
      let allowed = allowance[module] ?? 0
      print("\(module): \(bare.count) public declarations without a doc comment, \(allowed) allowed")
      XCTAssertLessThanOrEqual(bare.count, allowed, "\(module)\n" + bare.joined(separator: "\n"))
    }
  }

  /// "line: declaration" of each public declaration without `///` before it. What a protocol or a literal already says
  /// needs no comment: `init(from:)`, `encode(to:)`, `==`, `hash`, `description`, `CodingKeys`,
  /// `init(rawValue:)`.
  private func undocumented(_ text: String) -> [String] {
    let said = [
      "init(from ", "func encode(to ", "func ==", "func hash(into", "var description:", "enum CodingKeys",
      "init(rawValue",
    ]
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
      if isPublic, isDeclaration, !isDocumented, !code.hasPrefix("public extension"),
        !said.contains(where: { code.contains($0) })
      {
        found.append("\(index + 1): \(code)")
      }
      isDocumented = false
    }
    return found
  }
}
