import Foundation
import Groundwork
import TestKit
import XCTest

@testable import TokenData

/// Round trips, saving and loading, training, streaming.
final class TokenizerTests: XCTestCase {
  static let story = """
    Once upon a time, there was a little girl named Lily. She didn't like 12 apples; she liked 3,456!
    \tNaïve café – “quotes” … 日本語 🦙\r\n\r\n   THEY'VE  gone.  \u{0085}\u{00A0}x\u{017F} it'ſ I'M
    """

  static func trained(
    _ pattern: SplitPattern = .qwen, size: Int = 400, text: String = TokenizerTests.story
  ) throws -> Tokenizer {
    var trainer = try BPETrainer(vocabularySize: size, pattern: pattern)
    trainer.add(text + " " + text)
    return try trainer.train()
  }

  static func llama2c() throws -> Tokenizer {
    let bytes = (0..<256).map { (String(format: "<0x%02X>", $0), Float(0)) }
    let pieces: [(String, Float)] = [
      (" ", -1), ("a", -2), ("b", -3), ("c", -4), ("ab", 5), ("bc", 6), ("abc", 4), (" a", 3), ("é", -5),
    ]
    let all = [("<unk>", Float(0)), ("\n<s>\n", 0), ("\n</s>\n", 0)] + bytes + pieces
    return try LlamaTokenizerFile.parse(llamaTokenizerFile(all), file: "test.bin")
  }

  /// Every kind of tokenizer that must be exact on any bytes.
  private func allKinds() throws -> [Tokenizer] {
    try SplitPattern.allCases.map { try Self.trained($0) } + [try Self.llama2c()]
  }

  // MARK: Round trips

  func testAnyBytesRoundTrip() throws {
    var random = RandomStream(seed: 7, "bytes")
    let alphabet: [[UInt8]] = [
      Array(" ".utf8), Array("\n".utf8), Array("'s".utf8), Array("abc".utf8), Array("7".utf8), [0xC3],
      [0xE2, 0x81],
      [0xF0, 0x9F, 0xA6, 0x99], [0xED, 0xA0, 0x80], [0xFF], [0], Array("é".utf8), Array("\u{3000}".utf8),
    ]
    for tokenizer in try allKinds() {
      for length in 0..<200 {
        var bytes: [UInt8] = []
        for _ in 0..<length % 40 {
          bytes += random.chance(0.3) ? [UInt8(random.next(below: 256))] : random.pick(alphabet)
        }
        XCTAssertEqual(tokenizer.decodeBytes(tokenizer.encode(bytes: bytes)), bytes, tokenizer.summary)
      }
    }
  }

  func testWordsCoverTheTextWithoutOverlap() throws {
    let text = Array(Self.story.utf8)
    for pattern in SplitPattern.allCases {
      text.withUnsafeBufferPointer { bytes in
        var start = 0
        while start < bytes.count {
          let end = pattern.wordEnd(bytes.baseAddress!, from: start, end: bytes.count)
          XCTAssertTrue(end > start && end <= bytes.count)
          start = end
        }
      }
    }
  }

  private func words(_ text: String, _ pattern: SplitPattern) -> [String] {
    let bytes = Array(text.utf8)
    var words: [String] = []
    bytes.withUnsafeBufferPointer { buffer in
      var start = 0
      while start < buffer.count {
        let end = pattern.wordEnd(buffer.baseAddress!, from: start, end: buffer.count)
        words.append(String(decoding: buffer[start..<end], as: UTF8.self))
        start = end
      }
    }
    return words
  }

  func testSplitPatternsCutAsTheirModelsDo() {
    XCTAssertEqual(words("I'Ve  1234 ok\n\n x", .gpt2), ["I", "'", "Ve", " ", " 1234", " ok", "\n\n", " x"])
    XCTAssertEqual(
      words("I'Ve  1234 ok\n\n x", .llama3), ["I", "'Ve", " ", " ", "123", "4", " ok", "\n\n", " x"])
    XCTAssertEqual(words("12", .qwen), ["1", "2"])
    XCTAssertEqual(words("a 12 b", .gpt2SingleDigits), ["a", " ", "1", "2", " b"])
    XCTAssertEqual(words("it'\u{17F}(x) \t\r\n y", .llama3), ["it", "'\u{17F}", "(x", ")", " \t\r\n", " y"])
    XCTAssertEqual(words("a!!\n\nb   ", .qwen), ["a", "!!\n\n", "b", "   "])
  }

  func testLongWordMergesAsShortOnesDo() throws {
    let tokenizer = try Self.trained(text: String(repeating: "abcab ", count: 50))
    guard case .byteLevel(let bpe) = tokenizer.model else { return XCTFail("not byte-level") }
    var random = RandomStream(seed: 1, "word")
    let table = MergeTable(bpe.merges)
    for length in [2, 47, 48, 49, 50, 333] {
      let word = (0..<length).map { _ in Int32(2 + Int(random.pick(Array("abc".utf8)))) }
      // The scan is what the heap must equal: merge the leftmost pair of lowest rank until none is left.
      var expected = word
      while let best = expected.indices.dropLast().min(by: {
        table.priority(expected[$0], expected[$0 + 1]) < table.priority(expected[$1], expected[$1 + 1])
      }), table.priority(expected[best], expected[best + 1]) != MergeTable.absent {
        expected[best] = table.merged(expected[best], expected[best + 1])
        expected.remove(at: best + 1)
      }
      var merged = word
      table.mergeAll(&merged)
      XCTAssertEqual(merged, expected, "\(length) symbols")
    }
  }

  func testLlama2cMergesBestScoreFirst() throws {
    let tokenizer = try Self.llama2c()
    // " abc": bc (6) beats ab (5) and " a" (3); then a + bc = abc (4) beats " a".
    XCTAssertEqual(tokenizer.encode("abc"), [259, 265])
    XCTAssertEqual(tokenizer.encode(""), [])
    XCTAssertEqual(tokenizer.decode([1, 259, 265]), "abc")
    XCTAssertEqual(tokenizer.decode([259, 265], continuing: true), " abc")
    XCTAssertEqual(tokenizer.encode("\u{0}"), [259, 3])
  }

  // MARK: Special tokens

  func testSpecialTokensAreTextUnlessAskedFor() throws {
    let tokenizer = try Self.trained()
    XCTAssertEqual([tokenizer.bos, tokenizer.eos], [0, 1])
    XCTAssertEqual(tokenizer.encode("a<|eos|>b", parsingSpecials: true).filter { $0 < 2 }, [1])
    XCTAssertFalse(tokenizer.encode("a<|eos|>b").contains(1))
    XCTAssertEqual(tokenizer.decode([0] + tokenizer.encode("hi") + [1]), "hi")
    XCTAssertEqual(tokenizer.decode([0], showingSpecials: true), "<|bos|>")
    XCTAssertEqual(tokenizer.decode([-1, 1 << 20]), "")
    XCTAssertEqual(tokenizer.encodeDocument("hi", appendingEnd: true).last, 1)
  }

  // MARK: Saving

  func testSavedTokenizersLoadIdentically() throws {
    for tokenizer in try allKinds() {
      let folder = try temporaryFolder()
      defer { try? FileManager.default.removeItem(at: folder) }
      try tokenizer.save(to: folder)
      let loaded = try Tokenizer.load(from: folder)
      XCTAssertEqual(loaded.fingerprint, tokenizer.fingerprint, tokenizer.summary)
      XCTAssertEqual(loaded.vocabularySize, tokenizer.vocabularySize)
      XCTAssertEqual([loaded.bos, loaded.eos], [tokenizer.bos, tokenizer.eos])
      XCTAssertEqual(loaded.addedTokens, tokenizer.addedTokens)
      XCTAssertEqual(loaded.encode(Self.story), tokenizer.encode(Self.story))
    }
  }

  func testRealTokenizersSurviveSaving() throws {
    let (vocabulary, merges) = try (
      sharedFolder("data/tokenizers/qwen_vocab.json").path, sharedFolder("data/tokenizers/qwen_merges.txt").path
    )
    for path in [
      try sharedFolder("data/checkpoints/babyllama/tok361.json").path,
      try sharedFolder("data/checkpoints/stories260K/tok512.bin").path,
      try sharedFolder("data/checkpoints/stories260K/tok512.model").path, "\(vocabulary),\(merges),qwen",
    ] {
      let tokenizer = try Tokenizer.load(from: path)
      let folder = try temporaryFolder()
      defer { try? FileManager.default.removeItem(at: folder) }
      try tokenizer.save(to: folder)
      XCTAssertEqual(try Tokenizer.load(from: folder).fingerprint, tokenizer.fingerprint, path)
    }
  }

  // MARK: Training

  func testTrainingIsDeterministicAndMergesTheMostFrequentPair() throws {
    let tokenizer = try Self.trained(size: 259, text: "low low low lower lowest")
    // "lo" and "ow" are equally frequent; the smaller pair of ids wins.
    XCTAssertEqual(tokenizer.decode([258]), "lo")
    let a = try Self.trained()
    let b = try Self.trained()
    XCTAssertEqual(a.fingerprint, b.fingerprint)
  }

  func testTrainerStopsWhenNothingRepeats() throws {
    var trainer = try BPETrainer(vocabularySize: 1000)
    trainer.add("abc")
    XCTAssertEqual(try trainer.train().vocabularySize, 258)
  }

  func testTrainerRefuses() throws {
    XCTAssertThrowsError(try BPETrainer(vocabularySize: 100)) {
      XCTAssertEqual(($0 as? UpcycleError)?.exitCode, 2)
    }
    XCTAssertThrowsError(try BPETrainer(vocabularySize: 300, specialTokens: ["a", "a"]))
    XCTAssertThrowsError(try BPETrainer(vocabularySize: 300).train())
  }

  // MARK: Streaming

  func testStreamEmitsWholeCharactersOnly() throws {
    for tokenizer in try allKinds() {
      let text = "é 🦙 日本 abc"
      var stream = TextStream(tokenizer)
      var out = ""
      for id in tokenizer.encode(text) {
        let piece = stream.append(id)
        XCTAssertFalse(piece.contains("\u{FFFD}"))
        out += piece
      }
      XCTAssertEqual(out + stream.finish(), text, tokenizer.summary)
    }
    let bytes = try Self.llama2c()
    var stream = TextStream(bytes, continuing: true)
    XCTAssertEqual(stream.append(3 + 0xF0) + stream.append(3 + 0x9F), "")
    XCTAssertEqual(stream.append(260), "\u{FFFD}a")
    XCTAssertEqual(stream.append(3 + 0xC3) + stream.finish(), "\u{FFFD}")
  }
}
