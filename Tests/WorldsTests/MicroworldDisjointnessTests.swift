import Foundation
import XCTest

@testable import Groundwork
@testable import TokenData
@testable import Worlds

/// No evaluation string occurs in training text: neither a context (or a filled context), nor a context
/// with any of its choices.
final class MicroworldDisjointnessTests: XCTestCase {
  func testNoEvaluationStringOccursInTrainingText() throws { try check(World(seed: 1)) }

  func testNoEvaluationStringOfTheSecondEditionOccursInTrainingText() throws {
    try check(World(seed: 1, edition: .second))
  }

  private func check(_ world: World) throws {
    var strings: [String: String] = [:]
    for task in MicroworldTask.allCases {
      for set in ["a", "b"] {
        for item in try task.items(world: world, set: set, count: 500) {
          for text in item.scoredTexts { strings[text] = item.id }
          for text in item.contexts ?? [item.context] { strings[text] = item.id }
        }
      }
    }
    let index = SubstringIndex(strings.keys.map { Array($0.utf8) })
    for mixture in MicroworldCorpus.Mixture.allCases {
      for part in [MicroworldCorpus.Part.training, .validation] {
        let corpus = MicroworldCorpus(world: world, mixture: mixture, seed: 1, part: part)
        let text = (0..<(part == .training ? 2500 : 400)).map { corpus.document($0) }.joined(separator: "\n")
        for hit in index.occurrences(in: Array(text.utf8)) {
          let string = String(decoding: hit, as: UTF8.self)
          XCTFail("\(strings[string] ?? "?") occurs in \(mixture) \(part): \(string)")
        }
      }
    }
    for i in 0..<1000 {
      let pair = PreferencePair.pair(i, world: world, seed: 1)
      for hit in index.occurrences(in: Array((pair.prompt + pair.chosen).utf8)) {
        XCTFail("occurs in preference pair \(i): \(String(decoding: hit, as: UTF8.self))")
      }
    }
  }

  func testTheIndexFindsWhatIsThere() {
    let index = SubstringIndex(["a small lamp here", "the other one, longer than that"].map { Array($0.utf8) })
    XCTAssertEqual(index.occurrences(in: Array("so a small lamp here, and then".utf8)).count, 1)
    XCTAssertEqual(index.occurrences(in: Array("so a small lamb here, and then".utf8)).count, 0)
    XCTAssertEqual(index.occurrences(in: Array("x the other one, longer than that".utf8)).count, 1)
  }
}

/// Finds which of many strings occur in a text, by a rolling hash over windows as long as the shortest.
private struct SubstringIndex {
  private let window: Int
  private var starts: [UInt64: [[UInt8]]] = [:]
  private static let base: UInt64 = 0x100_0000_01b3

  init(_ strings: [[UInt8]]) {
    window = strings.map(\.count).min() ?? 1
    for string in strings { starts[Self.hash(string[..<window]), default: []].append(string) }
  }

  private static func hash(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.reduce(0) { $0 &* base &+ UInt64($1) &+ 1 }
  }

  func occurrences(in text: [UInt8]) -> [[UInt8]] {
    guard text.count >= window else { return [] }
    var found: [[UInt8]] = []
    var power: UInt64 = 1
    for _ in 0..<window { power = power &* Self.base }
    var value = Self.hash(text[..<window])
    text.withUnsafeBufferPointer { text in
      var at = 0
      while true {
        if let candidates = starts[value] {
          for string in candidates where at + string.count <= text.count {
            if string.indices.allSatisfy({ text[at + $0] == string[$0] }) { found.append(string) }
          }
        }
        guard at + window < text.count else { break }
        value = value &* Self.base &+ UInt64(text[at + window]) &+ 1 &- power &* (UInt64(text[at]) &+ 1)
        at += 1
      }
    }
    return found
  }
}
