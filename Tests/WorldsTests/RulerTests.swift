import Foundation
import TestKit
import XCTest

@testable import Groundwork
@testable import TokenData
@testable import Worlds

/// RULER's samples: lengths, references, frequencies, chains, places and the hold-out.
final class RulerTests: XCTestCase {
  private static let world = World(seed: 1)

  private func set(_ scale: RulerScale = .small, seed: UInt64 = 42) throws -> RulerSet {
    let tokenizer = try Tokenizer.load(from: repositoryRoot().appendingPathComponent("experiments/teachers/tokenizer"))
    return RulerSet(world: Self.world, tokenizer: tokenizer, scale: scale, seed: seed)
  }

  func testSamplesFillTheirLengthAndNeverPassIt() throws {
    let set = try set()
    for task in RulerTask.allCases {
      for length in [512, 1500] {
        for sample in try set.samples(task, length: length, count: 12) {
          let tokens = set.tokenizer.documentStart.count + set.tokenizer.encode(sample.prompt).count
          XCTAssertEqual(sample.length, tokens + set.scale.answerTokens(task), task.rawValue)
          XCTAssertLessThanOrEqual(sample.length, length, task.rawValue)
          XCTAssertGreaterThan(Double(sample.length), 0.85 * Double(length), "\(task.rawValue) \(sample.index)")
          XCTAssertFalse(sample.outputs.isEmpty)
        }
      }
    }
  }

  func testTheShortestLengthIsExact() throws {
    let set = try set()
    for task in RulerTask.allCases where task != .frequentWords && task != .commonWords {
      let shortest = set.shortestLength(task)
      XCTAssertEqual(try set.samples(task, length: shortest, count: 1).count, 1, task.rawValue)
      XCTAssertThrowsError(try set.samples(task, length: shortest - 1, count: 1), task.rawValue) { error in
        XCTAssertTrue("\(error)".contains(task.rawValue) && "\(error)".contains("at least"), "\(error)")
      }
    }
  }

  /// Keys of one adjective and a noun run out at 28,000 tokens, listed words at 8,000: longer texts take others. Where those
  /// run out too, the length is refused.
  func testLongTextsDoNotRunOutOfWords() throws {
    let set = try set()
    for (task, length) in [(RulerTask.multikey2, 40_000), (.commonWords, 24_000)] {
      let sample = try XCTUnwrap(set.samples(task, length: length, count: 1).first)
      XCTAssertGreaterThan(Double(sample.length), 0.9 * Double(length), task.rawValue)
    }
    let keys = try XCTUnwrap(set.samples(.multikey2, length: 40_000, count: 1).first).input
      .matches(of: /numbers for ([a-z-]+) is/).map { $0.output.1 }
    XCTAssertEqual(Set(keys).count, keys.count, "keys are different")
    XCTAssertTrue(keys.contains { $0.filter { $0 == "-" }.count == 2 })
    XCTAssertThrowsError(try set.samples(.commonWords, length: 1 << 20, count: 1)) {
      XCTAssertTrue("\($0)".contains("too long for cwe") && "\($0)".contains("at most"), "\($0)")
    }
  }

  func testNeedlesHoldTheReferences() throws {
    for scale in RulerScale.allCases {
      let set = try set(scale)
      for task in RulerTask.allCases {
        guard let needles = task.needles else { continue }
        for sample in try set.samples(task, length: 2000, count: 4) {
          XCTAssertEqual(sample.outputs.count, needles.values * needles.queries)
          for output in sample.outputs {
            XCTAssertEqual(
              sample.input.components(separatedBy: "is: \(output).").count, 2, "\(task.rawValue): \(output)")
            XCTAssertEqual(output.count, needles.value == .number ? 7 : scale == .small ? 8 : 36)
          }
          let lines = sample.input.components(separatedBy: "One of the special magic").count - 1
          if needles.haystack == .needles {
            XCTAssertGreaterThan(lines, 10)
          } else {
            XCTAssertEqual(lines, max(needles.keys, needles.queries) * needles.values)
          }
        }
      }
    }
  }

  func testDepthPlacesTheNeedle() throws {
    let set = try set()
    for (depth, range) in [(0.0, 0.0...0.15), (50, 0.4...0.6), (100, 0.8...1)] {
      for sample in try set.samples(.single2, length: 1000, count: 3, depth: depth) {
        let found = sample.input.range(of: "One of the special magic")!
        let place =
          Double(sample.input.distance(from: sample.input.startIndex, to: found.lowerBound))
          / Double(sample.input.count)
        XCTAssertTrue(range.contains(place), "depth \(depth): at \(place)")
      }
    }
    XCTAssertThrowsError(try set.samples(.variableTracking, length: 1000, count: 1, depth: 50))
  }

  func testChainsLeadFromTheValueToEveryVariable() throws {
    for sample in try set().samples(.variableTracking, length: 800, count: 8) {
      let own = sample.input.components(separatedBy: "\n\n")[1]
      let value = try XCTUnwrap(sample.answerPrefix?.components(separatedBy: "value ").last?.prefix(5))
      var known = String(value)
      for name in sample.outputs {
        let link = "VAR \(name) = \(known)."
        let place = try XCTUnwrap(own.range(of: link), link)
        XCTAssertFalse(own[place.upperBound...].contains("= \(known)."))
        known = "VAR \(name)"
      }
    }
  }

  func testTheMostCommonWordsAreAskedFor() throws {
    for sample in try set().samples(.commonWords, length: 1000, count: 5) {
      let list = sample.input.components(separatedBy: "\n\n")[1].components(separatedBy: "\n")[1]
      let counts = Dictionary(grouping: list.split(separator: " ").filter { !$0.hasSuffix(".") }.map(String.init)) {
        $0
      }
      let common = counts.filter { $0.value.count == 6 }.map(\.key)
      XCTAssertEqual(Set(common), Set(sample.outputs))
      XCTAssertTrue(counts.values.allSatisfy { $0.count == 6 || $0.count == 1 })
    }
    for sample in try set().samples(.frequentWords, length: 1000, count: 5) {
      let text = sample.input.components(separatedBy: "\n")[1]
      let counts = Dictionary(grouping: text.split(separator: " ").map(String.init)) { $0 }.mapValues(\.count)
      let ranked = counts.filter { $0.key != "..." }.sorted { $0.value > $1.value }
      XCTAssertEqual(ranked.prefix(3).map(\.key), sample.outputs)
      XCTAssertGreaterThan(counts["..."]!, ranked[0].value)
      XCTAssertGreaterThan(ranked[2].value, ranked[3].value)
    }
  }

  func testDocumentsAnswerTheQuestion() throws {
    for sample in try set().samples(.twoHop, length: 700, count: 8) {
      let whom = try XCTUnwrap(sample.input.components(separatedBy: "the friend of ").last?.dropLast())
      let friend = try XCTUnwrap(
        sample.input.components(separatedBy: "\(whom) has a good friend. The friend is called ").last
      )
      .components(separatedBy: ".")[0]
      let gold = sample.input.components(separatedBy: "\n").filter { $0.hasPrefix("\(friend) is a") }
      XCTAssertEqual(gold.count, 1)
      XCTAssertTrue(gold[0].contains(sample.outputs[0]), "\(gold[0]) \(sample.outputs)")
    }
  }

  /// Keys, values, uuids, variables and full names of samples never stand in training text.
  func testTrainingTextHoldsNoKeyOrValueOfASample() throws {
    let set = try set()
    var held = Set<String>()
    for task in [RulerTask.single1, .single3, .multikey2, .multikey3, .variableTracking, .frequentWords] {
      for sample in try set.samples(task, length: 600, count: 60) { held.formUnion(sample.outputs) }
    }
    let corpus = MicroworldCorpus(world: Self.world, mixture: .long, seed: 1)
    let known = Set(
      (0..<1500).flatMap { corpus.document($0).split { !$0.isLetter && !$0.isNumber && $0 != "-" }.map(String.init) })
    XCTAssertGreaterThan(held.count, 300)
    // Three capital letters also are the inside of longer words nowhere: whole words are compared.
    XCTAssertEqual(held.intersection(known), [])
  }

  func testScoresCountReferences() {
    let sample = RulerSample(index: 0, input: "x", outputs: ["Abc", "1234567"], length: 9)
    XCTAssertEqual(sample.score(" aBC and 123456").all, 0.5)
    XCTAssertEqual(sample.score(" aBC and 123456").part, 1)
    XCTAssertEqual(sample.score("1234567, abc").all, 1)
    XCTAssertEqual(sample.score("").part, 0)
  }

  func testFilesGiveBackWhatWasWritten() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appendingPathComponent("vt.jsonl")
    let samples = try set().samples(.variableTracking, length: 512, count: 3)
    try RulerSample.write(samples, to: file)
    XCTAssertEqual(try RulerSample.read(file), samples)
    // The same seed, the same samples, however many are made; another seed, others.
    XCTAssertEqual(try set().samples(.variableTracking, length: 512, count: 1)[0], samples[0])
    XCTAssertNotEqual(
      try set(seed: 43).samples(.variableTracking, length: 512, count: 1)[0].outputs, samples[0].outputs)
    for (line, word) in [
      ("{\"index\": 0, \"input\": \"x\", \"length\": 5}", "outputs"), ("nonsense", "JSON"),
      ("{\"index\":0,\"input\":\"x\",\"outputs\":[],\"length\":1}", "no outputs"),
    ] {
      try writeFile("\n" + line + "\n", to: file)
      XCTAssertThrowsError(try RulerSample.read(file)) { error in
        XCTAssertTrue("\(error)".contains("vt.jsonl:2") && "\(error)".contains(word), "\(error)")
      }
    }
  }
}
