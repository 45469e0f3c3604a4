import Foundation
import XCTest

@testable import Groundwork
@testable import TokenData
@testable import Worlds

final class MicroworldFileTests: XCTestCase {
  private var folder = URL(fileURLWithPath: NSTemporaryDirectory())

  override func setUpWithError() throws {
    folder = URL(fileURLWithPath: NSTemporaryDirectory()).appendingPathComponent("microworld-\(UUID().uuidString)")
    try makeDirectory(folder)
  }
  override func tearDown() { try? FileManager.default.removeItem(at: folder) }

  /// What the microworld's export writes comes back the same.
  func testExportedPairsComeBack() throws {
    var export = MicroworldExport(seed: 1)
    export.pretrainingTokens = 0
    export.instructionTokens = 0
    export.validationTokens = 0
    export.itemsPerTask = 0
    export.preferencePairs = 30
    try export.write(to: folder)
    let world = World(seed: 1)
    XCTAssertEqual(
      try PreferencePair.read(folder.appendingPathComponent("preferences.jsonl")).map(\.pair),
      (0..<30).map { PreferencePair.pair($0, world: world, seed: 1) })
  }

  func testTaskFilesRoundTrip() throws {
    let world = World(seed: 1)
    for task in MicroworldTask.allCases {
      let items = try task.items(world: world, set: "a", count: 20)
      let url = folder.appendingPathComponent("\(task).jsonl")
      try TaskItem.write(items, to: url)
      XCTAssertEqual(try TaskItem.read(url), items)
    }
  }

  func testBadTaskFilesAreRefusedWithTheLine() throws {
    let good = #"{"task":"t","id":"1","context":"c","choices":[" a"," b"],"answer":0,"metric":"acc","facts":[]}"#
    let cases: [(String, String)] = [
      ("{", "not valid JSON"), (good.replacingOccurrences(of: #""context":"c","#, with: ""), "context"),
      (good.replacingOccurrences(of: #""answer":0"#, with: #""answer":2"#), "outside"),
      (good.replacingOccurrences(of: #""acc""#, with: #""bleu""#), "metric"),
      (good.replacingOccurrences(of: #"[" a"," b"]"#, with: #"[" a"]"#), "fewer than two"),
      (good.replacingOccurrences(of: #""acc""#, with: #""exact_match""#), "answer_text"),
      (good.replacingOccurrences(of: #""context":"c""#, with: #""context":"d""#), "as in line 1"),
    ]
    for (line, word) in cases {
      let url = folder.appendingPathComponent("bad.jsonl")
      try writeFile(good + "\n" + line + "\n", to: url)
      XCTAssertThrowsError(try TaskItem.read(url)) { error in
        XCTAssertTrue("\(error)".contains("bad.jsonl:2") && "\(error)".contains(word), "\(error)")
      }
    }
    // The same id in another task is another item.
    let both = folder.appendingPathComponent("both.jsonl")
    try writeFile(good + "\n" + good.replacingOccurrences(of: #""task":"t""#, with: #""task":"u""#) + "\n", to: both)
    XCTAssertEqual(try TaskItem.read(both).map(\.task), ["t", "u"])
    let url = folder.appendingPathComponent("empty.jsonl")
    try writeFile("\n", to: url)
    XCTAssertThrowsError(try TaskItem.read(url))
  }

  func testExportIsTheSameEveryTimeAndTheManifestIsTrue() throws {
    var export = MicroworldExport(seed: 4)
    export.pretrainingTokens = 20_000
    export.instructionTokens = 10_000
    export.validationTokens = 4000
    export.preferencePairs = 50
    export.itemsPerTask = 20
    let first = try export.write(to: folder.appendingPathComponent("1"))
    let second = try export.write(to: folder.appendingPathComponent("2"))
    XCTAssertEqual(first.files.map(\.sha256), second.files.map(\.sha256))
    for file in first.files {
      XCTAssertEqual(try sha256(fileAt: folder.appendingPathComponent("1/\(file.file)")), file.sha256)
    }
    let text = try String(contentsOf: folder.appendingPathComponent("1/pretraining.txt"), encoding: .utf8)
    let corpus = MicroworldCorpus(world: World(seed: 4), mixture: .pretraining, seed: 4)
    XCTAssertTrue(text.hasPrefix(corpus.document(0) + "\n" + MicroworldCorpus.separator + "\n"))
    XCTAssertEqual(text.components(separatedBy: MicroworldCorpus.separator).count - 1, first.files[0].count)
  }

  func testDocumentsDependOnTheirIndexOnly() {
    let world = World(seed: 1)
    let corpus = MicroworldCorpus(world: world, mixture: .instruction, seed: 2)
    let late = corpus.document(5000)
    XCTAssertEqual(late, corpus.document(5000))
    let other = MicroworldCorpus(world: world, mixture: .instruction, seed: 3)
    XCTAssertNotEqual(late, other.document(5000))
    let held = MicroworldCorpus(world: world, mixture: .instruction, seed: 2, part: .validation)
    XCTAssertNotEqual(late, held.document(5000))
  }

  /// Short in the mixtures of short documents, at most 2,000 words in the long one, clean in all.
  func testDocumentsAreShortCleanText() {
    for mixture in MicroworldCorpus.Mixture.allCases {
      let corpus = MicroworldCorpus(world: World(seed: 1), mixture: mixture, seed: 1)
      let documents = (0..<2000).map { corpus.document($0) }
      let lengths = documents.map { $0.split(whereSeparator: \.isWhitespace).count }.sorted()
      switch mixture {
      case .pretraining, .instruction, .code, .replies, .problems:
        XCTAssertTrue((70...150).contains(lengths[1000]), "median \(lengths[1000]) words")
        XCTAssertLessThan(lengths.last!, 450)
      case .long, .needles: XCTAssertTrue((900...2000).contains(lengths.last!), "\(lengths.last!) words")
      case .keys: XCTAssertTrue((600...2000).contains(lengths.last!), "\(lengths.last!) words")
      case .copying: XCTAssertTrue((10...40).contains(lengths[1000]), "median \(lengths[1000]) words")
      }
      for document in documents {
        XCTAssertFalse(document.isEmpty)
        XCTAssertFalse(document.contains("{") || document.contains("  ") || document.contains("Optional"), document)
        XCTAssertFalse(document.contains(MicroworldCorpus.separator))
        XCTAssertTrue(document.utf8.allSatisfy { $0 < 128 })
      }
    }
  }

  func testPreferencePairsDiffer() {
    let world = World(seed: 1)
    for i in 0..<500 {
      let pair = PreferencePair.pair(i, world: world, seed: 1)
      XCTAssertNotEqual(pair.chosen, pair.rejected)
      XCTAssertTrue(pair.chosen.hasPrefix(" "), pair.prompt)
      XCTAssertTrue(pair.rejected.hasPrefix(" "), pair.prompt + pair.rejected)
    }
  }
}
