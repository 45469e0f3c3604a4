import Evaluation
import Foundation
import Groundwork
import ModelCore
import TestKit
import TokenData
import XCTest

final class GenerationTests: XCTestCase {
  private func text(_ model: LanguageModel, _ options: SamplingOptions, tokens: Int = 30, prompt: [Int32] = [1, 5])
    throws -> [Int32]
  {
    var ids: [Int32] = []
    _ = try generate(model, prompt: prompt, maximum: tokens, sampling: options) {
      ids.append($0)
      return true
    }
    return ids
  }

  func testGreedyIsTheArgmaxOfTheForwardPass() throws {
    for (name, config) in try TinyModels.all() {
      let model = try TinyModels.model(config)
      let ids = [1, 5] + (try text(model, .init()))
      XCTAssertEqual(ids.count, 32, name)
      let logits = model.logits(ids: ids, batch: 1, time: ids.count)
      for index in 2..<ids.count {
        let row = logits.pointer + (index - 1) * logits.width
        let best = (0..<logits.width).map { row[$0] }.max()!
        XCTAssertEqual(row[Int(ids[index])], best, accuracy: 1e-3, "\(name), token \(index)")
      }
    }
  }

  /// A line break stops a text also behind a carriage return, with which it is one character: the pieces of a model's
  /// first two tokens that differ are made to be these.
  func testAStopMayBePartOfACharacter() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    var pieces = (0..<TinyModels.vocabulary).map { String(Character(Unicode.Scalar(UInt8(0x41 + $0)))) }
    let (start, prompt) = (pieces[5], Int32(5))
    var found: (model: LanguageModel, place: Int)?
    for seed in UInt64(1)...50 where found == nil {
      let model = try TinyModels.model(TinyModels.config(), seed: seed)
      let ids = try text(model, .init(), tokens: 12, prompt: [prompt])
      guard !ids.contains(prompt), !ids.contains(2) else { continue }
      guard let place = (0..<9).first(where: { ids[$0] != ids[$0 + 1] }) else { continue }
      (pieces[Int(ids[place])], pieces[Int(ids[place + 1])]) = ("\u{10D}", "\u{10A}")
      found = (model, place)
    }
    let (model, place) = try XCTUnwrap(found)
    let vocabulary = Dictionary(uniqueKeysWithValues: pieces.enumerated().map { ($1, JSONValue.int($0)) })
    let json = JSONValue.object([
      "model": .object(["type": .string("BPE"), "vocab": .object(vocabulary), "merges": .array([])]),
      "pre_tokenizer": .object([
        "type": .string("ByteLevel"), "add_prefix_space": .bool(false), "use_regex": .bool(false),
      ]),
      "decoder": .object(["type": .string("ByteLevel")]),
    ])
    try writeFile(json.text(), to: folder.appendingPathComponent("tokenizer.json"))
    let tokenizer = try Tokenizer.load(from: folder)
    let texts = try greedyTexts(model, tokenizer, [(text: start, stops: ["\n"])], maximumTokens: 12)
    XCTAssertTrue(texts[0].utf8.elementsEqual((String(repeating: "\r", count: place + 1) + "\n").utf8), texts[0])
  }

  func testTheSeedDecidesTheText() throws {
    let model = try TinyModels.model(TinyModels.latent())
    let options = SamplingOptions(temperature: 1.2, topK: 30, topP: 0.95, seed: 3)
    let first = try text(model, options)
    XCTAssertEqual(first, try text(model, options))
    // Draws depend on their index: a shorter text is a prefix of a longer one.
    XCTAssertEqual(Array(first.prefix(10)), try text(model, options, tokens: 10))
    var other = options
    other.seed = 4
    XCTAssertNotEqual(first, try text(model, other))
    XCTAssertEqual(try text(model, SamplingOptions(temperature: 1, topK: 1)), try text(model, .init()))
    XCTAssertEqual(try text(model, SamplingOptions(temperature: 1, topP: 1e-9)), try text(model, .init()))
  }

  func testSamplingFollowsTheDistribution() {
    let logits: [Float] = [0, log(3), -.infinity, log(4)]
    func counts(_ options: SamplingOptions) -> [Int] {
      let sampler = Sampler(options)
      var counts = [0, 0, 0, 0]
      logits.withUnsafeBufferPointer { for index in 0..<8000 { counts[Int(sampler.choose($0, at: index))] += 1 } }
      return counts
    }
    let plain = counts(.init(temperature: 1))
    for (count, expected) in zip(plain, [1000.0, 3000, 0, 4000]) {
      XCTAssertEqual(Double(count), expected, accuracy: 150)
    }
    XCTAssertEqual(counts(.init(temperature: 1, topK: 2))[0], 0)
    XCTAssertEqual(counts(.init(temperature: 1, topP: 0.87))[0], 0)
    XCTAssertEqual(counts(.init(temperature: 1, topP: 0.49)), [0, 0, 0, 8000])
    let hot = counts(.init(temperature: 2))
    XCTAssertEqual(Double(hot[3]) / Double(hot[0]), 2, accuracy: 0.2)
  }

  func testEndsStopAndCostsAreCounted() throws {
    let model = try TinyModels.model(TinyModels.latent())
    let free = try text(model, .init())
    let end = free[4]
    let cut = free.firstIndex(of: end)!
    var seen: [Int32] = []
    let report = try generate(model, prompt: [1, 5], maximum: 30, ends: [end]) {
      seen.append($0)
      return true
    }
    XCTAssertEqual(seen, Array(free[..<cut]))
    XCTAssertEqual(report.newTokens, cut)
    XCTAssertEqual(report.promptTokens, 2)
    let cost = CacheCost(model)
    XCTAssertEqual(report.cacheBytes, report.cachedTokens * cost.bytesPerToken)
    XCTAssertEqual(cost.bytesPerToken, 3 * (9 + 2) * 4)
    XCTAssertEqual(cost.baseBytesPerToken, 3 * 2 * 3 * 4 * 4)
    XCTAssertEqual(cost.percent, 100 * 11.0 / 24, accuracy: 1e-9)
  }

  /// A prompt read in pieces, of any size, is continued as one read at once.
  func testChunksOfAPromptChangeNothing() throws {
    for (name, config) in try TinyModels.all() {
      let model = try TinyModels.model(config)
      let prompt = TinyModels.ids(90)
      let texts = try [90, 1, 7, 64].map { chunk in
        var ids: [Int32] = []
        let report = try generate(model, prompt: prompt, maximum: 8, chunk: chunk) {
          ids.append($0)
          return true
        }
        XCTAssertEqual(report.stateBytes, 4 * config.stateNumbers)
        XCTAssertEqual(report.cacheBytes, 4 * (97 * config.kvNumbersPerToken + config.stateNumbers))
        XCTAssertGreaterThan(report.peakBytes, report.cacheBytes + 4 * config.parameterCount - 1)
        return ids
      }
      for text in texts { XCTAssertEqual(text, texts[0], name) }
    }
  }

  func testPositionsEndATextAndRefuseAPrompt() throws {
    let model = try TinyModels.model(TinyModels.latent())
    let limit = model.config.maxPosition
    XCTAssertThrowsError(try generate(model, prompt: TinyModels.ids(limit + 1), maximum: 3)) {
      XCTAssertEqual(($0 as? UpcycleError)?.kind, .usage)
      XCTAssertTrue("\($0)".contains("positions"), "\($0)")
    }
    // The last position's prediction is the last token.
    XCTAssertEqual(try generate(model, prompt: TinyModels.ids(limit - 2), maximum: 30).newTokens, 3)
    XCTAssertEqual(try generate(model, prompt: TinyModels.ids(limit + 1), maximum: 3, positions: .max).newTokens, 3)
  }

  func testThroughputCountsWhatItKeeps() throws {
    let model = try TinyModels.model(TinyModels.latent())
    let report = try measureThroughput(of: model, batch: 2, promptTokens: 5, newTokens: 3, repeats: 1)
    XCTAssertEqual(report.cacheBytes, 2 * 8 * CacheCost(model).bytesPerToken)
    XCTAssertEqual(report.baseCacheBytes, 2 * 8 * CacheCost(model).baseBytesPerToken)
    XCTAssertGreaterThan(report.decodeTokensPerSecond, 0)
    XCTAssertThrowsError(try measureThroughput(of: model, batch: 0, promptTokens: 1, newTokens: 1))
  }

  func testImpossibleRequestsAreUsageErrors() throws {
    let model = try TinyModels.model(TinyModels.config())
    let bad: [(prompt: [Int32], options: SamplingOptions, words: String)] = [
      ([], .init(), "an empty prompt"), ([99], .init(), "outside the vocabulary"),
      ([-1], .init(), "outside the vocabulary"), ([1], .init(temperature: -1), "`temperature`"),
      ([1], .init(temperature: .nan), "`temperature`"), ([1], .init(temperature: 1, topK: 0), "`top_k`"),
      ([1], .init(temperature: 1, topP: 0), "`top_p`"), ([1], .init(temperature: 1, topP: 1.5), "`top_p`"),
    ]
    for (prompt, options, words) in bad {
      XCTAssertThrowsError(try generate(model, prompt: prompt, maximum: 3, sampling: options)) {
        XCTAssertEqual(($0 as? UpcycleError)?.kind, .usage)
        XCTAssertTrue("\($0)".contains(words), "\($0)")
      }
    }
  }
}
