import Foundation
import Groundwork
import ModelCore
import TensorCore
import TokenData
import Worlds
import XCTest

@testable import Evaluation

final class ScoringTests: XCTestCase {
  /// Every continuation by a whole forward pass of its own.
  private func reference(_ model: LanguageModel, _ group: ContinuationGroup) -> [Double] {
    group.continuations.map { continuation in
      let ids = group.context + continuation
      let logits = model.logits(ids: ids, batch: 1, time: ids.count)
      return continuation.indices.reduce(0) { sum, index in
        let row = logits.pointer + (group.context.count + index - 1) * logits.width
        let values = (0..<logits.width).map { Double(row[$0]) }
        let top = values.max()!
        return sum + values[Int(continuation[index])] - top - log(values.reduce(0) { $0 + exp($1 - top) })
      }
    }
  }

  func testSharedPrefixesScoreLikeWholeForwardPasses() throws {
    let shapes: [(context: Int, continuations: [Int])] = [
      (1, [1, 1]), (40, [3, 1, 12, 7]), (5, [9]), (33, [1]), (2, [35, 1, 40]), (70, [2, 2, 2, 2]),
    ]
    var seed: UInt64 = 0
    let groups = shapes.map { shape in
      seed += 100
      return ContinuationGroup(
        context: TinyModels.ids(shape.context, seed: seed),
        continuations: shape.continuations.indices.map {
          TinyModels.ids(shape.continuations[$0], seed: seed + UInt64($0) + 1)
        })
    }
    for (name, config) in try TinyModels.all() {
      let model = try TinyModels.model(config)
      for budget in [1, 100, 4096] {
        let scores = try logLikelihoods(model, groups, tokensPerBatch: budget)
        XCTAssertEqual(scores.map(\.count), groups.map(\.continuations.count), name)
        for (group, row) in zip(groups, scores) {
          for (score, expected) in zip(row, reference(model, group)) {
            XCTAssertEqual(score, expected, accuracy: 2e-4 * max(1, abs(expected)), "\(name), budget \(budget)")
          }
        }
      }
      XCTAssertEqual(try logLikelihoods(model, groups), try logLikelihoods(model, groups), "\(name): same bits twice")
    }
  }

  /// Chunks of caches that threads score side by side: every sequence alone, and some together.
  func testThreadsScoreChunksOfTheirOwn() throws {
    let threads = Threads.count
    defer { Threads.set(threads) }
    let groups = (0..<12).map { number in
      ContinuationGroup(
        context: TinyModels.ids(3 + 5 * (number % 4), seed: UInt64(number % 3)),
        continuations: (1...3).map { TinyModels.ids($0 + number % 2, seed: UInt64(50 + 7 * number + $0)) })
    }
    for (name, config) in try TinyModels.all() {
      for count in [2, 3] {
        Threads.set(count)
        // As read from a folder: no table of positions is there yet.
        let model = try TinyModels.model(config)
        for (bytes, fewest) in [(1, 0), (40_000, 0), (40_000, 16)] {
          var steps: [Int] = []
          let scores = try logLikelihoods(model, groups, chunkBytes: bytes, fewestPerChunk: fewest) { steps.append($0) }
          XCTAssertEqual(steps, steps.sorted(), name)
          XCTAssertEqual(steps.last, groups.count, name)
          XCTAssertGreaterThan(steps.count, 1, name)
          // Callers look up what the first groups are about.
          XCTAssertFalse(steps.contains(0), name)
          for (group, row) in zip(groups, scores) {
            for (score, expected) in zip(row, reference(model, group)) {
              XCTAssertEqual(score, expected, accuracy: 2e-4 * max(1, abs(expected)), "\(name), \(bytes) bytes")
            }
          }
        }
        var wrong = groups
        wrong[7].continuations[1] = [Int32(config.vocabularySize)]
        wrong[7].context += [Int32(config.vocabularySize)]
        XCTAssertThrowsError(try logLikelihoods(model, wrong, chunkBytes: 1, fewestPerChunk: 0), name) {
          XCTAssertTrue("\($0)".contains("vocabulary"), "\($0)")
        }
      }
    }
  }

  /// As many chunks for each thread, of equal size, none with fewer sequences than asked for; all threads together where
  /// that cannot be.
  func testChunksAreEvenAndNotSmall() {
    let threads = Threads.count
    defer { Threads.set(threads) }
    func cut(_ threads: Int, _ bytes: [Int], most: Int, fewest: Int = 16) -> (sizes: [Int], threads: Int) {
      Threads.set(threads)
      let found = scoringChunks(bytes: bytes, most: most, fewest: fewest) { _ in false }
      XCTAssertEqual(found.chunks.flatMap { Array($0) }, Array(bytes.indices))
      return (found.chunks.map(\.count), found.threads)
    }
    let hundred = [Int](repeating: 10, count: 100)
    var found = cut(2, hundred, most: 300)
    XCTAssertEqual(found.sizes, [25, 25, 25, 25])
    XCTAssertEqual(found.threads, 2)
    // A whole chunk holds all; one thread.
    XCTAssertEqual(cut(2, hundred, most: 1000).threads, 1)
    XCTAssertEqual(cut(1, hundred, most: 300).sizes, [30, 30, 30, 10])
    // A thread's room holds 15.
    found = cut(4, hundred, most: 300)
    XCTAssertEqual(found.sizes, [30, 30, 30, 10])
    XCTAssertEqual(found.threads, 1)
    // All are little more than a thread's room: parts would be small, and few of them leave threads idle.
    XCTAssertEqual(cut(8, [Int](repeating: 10, count: 20), most: 640).threads, 1)
    found = cut(2, [Int](repeating: 10, count: 33), most: 320)
    XCTAssertEqual(found.sizes, [17, 16])
    XCTAssertEqual(found.threads, 2)
    XCTAssertEqual(cut(3, [], most: 1).sizes, [])
  }

  /// Contexts that begin alike, continuations that do, one that is another's beginning, and the same one twice.
  func testGroupsThatBeginAlikeShareTheirBeginnings() throws {
    let ids = TinyModels.ids(30)
    let (long, short) = (Array(ids.prefix(20)), Array(ids.prefix(12)))
    let groups = [
      ContinuationGroup(context: long, continuations: [[5, 6, 7], [5, 6, 8, 9], [5], [5, 6, 7]]),
      ContinuationGroup(context: short, continuations: [Array(ids[12..<25]), [3, 4]]),
      ContinuationGroup(context: Array(ids.prefix(1)), continuations: [[Int32](repeating: 7, count: 9)]),
    ]
    for (name, config) in try TinyModels.all() {
      let model = try TinyModels.model(config)
      for budget in [1, 4096] {
        let scores = try logLikelihoods(model, groups, tokensPerBatch: budget)
        XCTAssertEqual(scores.map(\.count), [4, 2, 1], name)
        for (group, row) in zip(groups, scores) {
          for (score, expected) in zip(row, reference(model, group)) {
            XCTAssertEqual(score, expected, accuracy: 2e-4 * max(1, abs(expected)), "\(name), budget \(budget)")
          }
        }
      }
    }
    // Sorted as they are scored: what is read is what differs.
    let read = groups.flatMap { group in group.continuations.map { (group.context + $0).dropLast() } }
      .sorted { $0.lexicographicallyPrecedes($1) }
    let tree = PrefixTree(read, trees: [read.indices])
    var beginnings: Set<[Int32]> = []
    for tokens in read { for count in 1...tokens.count { beginnings.insert(Array(tokens.prefix(count))) } }
    XCTAssertEqual(tree.nodes.reduce(0) { $0 + $1.tokens.count }, beginnings.count)
    for (place, tokens) in read.enumerated() {
      XCTAssertEqual(tree.nodes.filter { $0.sequences.contains(place) }.flatMap(\.tokens), Array(tokens))
    }
  }

  /// Each as far as its own continuation needs it, not as far as the longest does.
  func testLongContextsLoseTheirLeftEnd() throws {
    let model = try TinyModels.model(TinyModels.config { $0.maxPosition = 32 })
    let ids = TinyModels.ids(60)
    let tail = [Int32](arrayLiteral: 4, 5, 6, 7)
    let long = try logLikelihoods(model, [ContinuationGroup(context: ids, continuations: [tail, [9]])])
    let short = try logLikelihoods(
      model,
      [
        ContinuationGroup(context: Array(ids.suffix(29)), continuations: [tail]),
        ContinuationGroup(context: Array(ids.suffix(32)), continuations: [[9]]),
      ])
    XCTAssertEqual(long, [short.flatMap { $0 }])
    // H2O's share is of what is read for each.
    try model.evict(by: HeavyHitters(share: 0.25))
    let group = ContinuationGroup(context: Array(ids.suffix(31)), continuations: [tail, [9]])
    let alone = try group.continuations.map { continuation in
      try logLikelihoods(model, [ContinuationGroup(context: group.context, continuations: [continuation])])[0][0]
    }
    for (score, expected) in zip(try logLikelihoods(model, [group])[0], alone) {
      XCTAssertEqual(score, expected, accuracy: 1e-4 * abs(expected))
    }
  }

  // MARK: Text to ids

  func testContinuationsAreCutAsTheHarnessDoes() throws {
    let tokenizer = try Self.tokenizer()
    let start = tokenizer.documentStart
    XCTAssertEqual(start.count, 1)
    let (context, continuation) = tokenizer.split(context: "The cat sat", continuation: " on the mat")
    XCTAssertEqual(context, start + tokenizer.encode("The cat sat"))
    XCTAssertEqual(context + continuation, start + tokenizer.encode("The cat sat on the mat"))
    // A space at the end of the context belongs to the continuation.
    let moved = tokenizer.split(context: "The cat sat ", continuation: "on the mat")
    XCTAssertEqual(moved.context, context)
    XCTAssertEqual(moved.continuation, continuation)
    // Of white space scalar by scalar what Python takes for it.
    for (context, stem) in [
      ("The cat \u{301}", "The cat \u{301}"), ("The cat\u{1C}\u{1F}", "The cat"),
      ("The cat\u{200B}", "The cat\u{200B}"), ("The cat \u{3000}\r\n", "The cat"),
    ] {
      let pair = tokenizer.split(context: context, continuation: "on the mat")
      XCTAssertEqual(pair.context, start + tokenizer.encode(stem), context.debugDescription)
      XCTAssertEqual(pair.context + pair.continuation, start + tokenizer.encode(context + "on the mat"))
    }
    let empty = tokenizer.split(context: "", continuation: "The")
    XCTAssertEqual(empty.context, start)
    XCTAssertEqual(empty.continuation, tokenizer.encode("The"))
  }

  // MARK: Items

  func testMetricsFollowFromTheScores() throws {
    let tokenizer = try Self.tokenizer()
    let model = try Self.model(tokenizer, seed: 4)
    let choices = [" a", " the quick brown fox", " no", " the mat on the floor"]
    var item = Self.item(choices: choices, answer: 0)
    let scores = choices.map { choice -> Double in
      let pair = tokenizer.split(context: item.context, continuation: choice)
      return reference(model, ContinuationGroup(context: pair.context, continuations: [pair.continuation]))[0]
    }
    let byProbability = scores.indices.max { scores[$0] < scores[$1] }!
    let normalised = zip(scores, choices).map { $0 / Double($1.utf8.count - 1) }
    let byLength = normalised.indices.max { normalised[$0] < normalised[$1] }!
    XCTAssertNotEqual(byProbability, byLength, "the example should tell the metrics apart")
    item.answer = byLength
    let report = try evaluate(model: model, tokenizer: tokenizer, items: [item])
    XCTAssertTrue(report.items[0].isCorrectNormalised)
    XCTAssertFalse(report.items[0].isCorrect)
    XCTAssertEqual(report.tasks[0].score.value, 1)
    XCTAssertEqual(report.tasks[0].accuracy.value, 0)
    XCTAssertEqual(report.tasks[0].chance, 0.25)
    for (a, b) in zip(report.items[0].logLikelihoods, scores) { XCTAssertEqual(a, b, accuracy: 1e-3) }
  }

  func testPartialScoringComparesOneEndingUnderTwoFillings() throws {
    let tokenizer = try Self.tokenizer()
    let model = try Self.model(tokenizer, seed: 4)
    var item = Self.item(choices: [" was too big."], answer: 0)
    item.contexts = ["The cat did not fit because the cat", "The cat did not fit because the box in the hall"]
    item.metric = .accuracy
    let report = try evaluate(model: model, tokenizer: tokenizer, items: [item])
    let expected = item.contexts!.map { context -> Double in
      let pair = tokenizer.split(context: context, continuation: " was too big.")
      return reference(model, ContinuationGroup(context: pair.context, continuations: [pair.continuation]))[0]
    }
    for (a, b) in zip(report.items[0].logLikelihoods, expected) { XCTAssertEqual(a, b, accuracy: 1e-3) }
    XCTAssertEqual(report.items[0].isCorrect, expected[0] > expected[1])
    XCTAssertEqual(report.tasks[0].chance, 0.5)
  }

  func testGeneratedAnswersStopAndAreComparedExactly() throws {
    let tokenizer = try Self.tokenizer()
    let model = try Self.model(tokenizer, seed: 4)
    // Learn what the model says, then ask for exactly that.
    var item = Self.item(choices: nil, answer: nil)
    item.metric = .exactMatch
    item.answerText = "?"
    var options = EvaluationOptions()
    options.maximumAnswerTokens = 6
    let first = try evaluate(model: model, tokenizer: tokenizer, items: [item], options: options)
    let said = try XCTUnwrap(first.items[0].generated)
    XCTAssertFalse(first.items[0].isCorrect)
    item.answerText = said.trimmingCharacters(in: .whitespacesAndNewlines)
    while item.answerText!.hasSuffix(".") { item.answerText!.removeLast() }
    let other = Self.item(choices: nil, answer: nil, context: "A longer context beside it: one, two, three")
    var beside = other
    beside.metric = .exactMatch
    beside.answerText = "nothing like it"
    let report = try evaluate(model: model, tokenizer: tokenizer, items: [beside, item], options: options)
    XCTAssertEqual(report.items[1].generated, said, "batching changes nothing")
    XCTAssertEqual(report.items.map(\.isCorrect), [false, true])
    XCTAssertNil(report.average)
    XCTAssertEqual(report.tasks[0].score.value, 0.5)
  }

  /// H2O's share is of the tokens that are read: what a prompt beyond the positions loses changes no budget.
  func testACutPromptKeepsTheShareOfWhatIsRead() throws {
    let tokenizer = try Self.tokenizer()
    let config = try TinyModels.config {
      $0.vocabularySize = tokenizer.vocabularySize
      $0.maxPosition = 32
    }
    let model = try TinyModels.model(config, seed: 4)
    try model.evict(by: HeavyHitters(share: 0.05))
    func texts(_ times: Int) throws -> [String] {
      let prompts = ["The old cat sat down. ", "A red key opens it. ", "Every moon is new, ", "One, two, three: "].map {
        (text: String(repeating: $0, count: times), stops: [String]())
      }
      return try greedyTexts(model, tokenizer, prompts, maximumTokens: 8)
    }
    XCTAssertEqual(try texts(200), try texts(20))
  }

  /// An answer that would fill the positions leaves a question none.
  func testAnswersThatLeaveTheQuestionNoRoomAreRefused() throws {
    let tokenizer = try Self.tokenizer()
    let config = try TinyModels.config {
      $0.vocabularySize = tokenizer.vocabularySize
      $0.maxPosition = 32
    }
    let items = try TaskSelection("problems", items: 1).items()
    for tokens in [32, 100] {
      XCTAssertThrowsError(try requireRoomForQuestions(items, config, maximumTokens: tokens)) {
        XCTAssertTrue("\($0)".contains("no room for a question"), "\($0)")
      }
    }
    XCTAssertNoThrow(try requireRoomForQuestions(items, config, maximumTokens: 31))
    XCTAssertNoThrow(try requireRoomForQuestions(TaskSelection("recall", items: 1).items(), config, maximumTokens: 99))
  }

  /// (1 + 6) of 64 outcomes of six coins are as lopsided on one side as 1 to 5.
  func testSignTestCountsBothTails() {
    for (one, other, p) in [(0, 6, 2.0 / 64), (5, 1, 14.0 / 64), (3, 3, 1), (0, 0, 1)] {
      XCTAssertEqual(PairedComparison.signTest(one, other), p, accuracy: 1e-9, "\(one) to \(other)")
    }
  }

  func testOneItemTellsNoError() {
    func item(_ id: String) -> ItemResult {
      ItemResult(
        task: "goals", id: id, logLikelihoods: [-1, -2], answer: 0, isCorrect: true, isCorrectNormalised: true,
        metric: .accuracy, chance: 0.5)
    }
    for line in EvaluationReport([item("a")]).table.split(separator: "\n").dropFirst() {
      XCTAssertTrue(line.contains(" 100.0     - ") && !line.contains(" 0.0"), "\(line)")
    }
    for line in EvaluationReport([item("a"), item("b")]).table.split(separator: "\n").dropFirst() {
      XCTAssertTrue(line.contains(" 100.0   0.0 "), "\(line)")
    }
  }

  func testAnUntrainedModelIsAtChanceOnEveryTask() throws {
    let tokenizer = try Self.tokenizer()
    let model = try Self.model(tokenizer, seed: 11)
    let world = World(seed: 1)
    let tasks = MicroworldTask.multipleChoice + [.puzzles, .riddles, .concepts]
    let items = try tasks.flatMap { try $0.items(world: world, set: "a", count: 120) }
    let report = try evaluate(model: model, tokenizer: tokenizer, items: items)
    XCTAssertEqual(report.tasks.count, 12)
    for task in report.tasks {
      let deviation = (task.chance * (1 - task.chance) / 120).squareRoot()
      XCTAssertEqual(task.score.value, task.chance, accuracy: 3 * deviation, task.task)
    }
    // The order of tasks, and which others run, change nothing.
    let some = try evaluate(model: model, tokenizer: tokenizer, items: items.filter { $0.task == "quiz" })
    XCTAssertEqual(some["quiz"], report["quiz"])
    XCTAssertEqual(some.items, report.items.filter { $0.task == "quiz" })
  }

  /// Words are right by chance next to never; a line of characters always has some of any other's.
  func testAnUntrainedModelWritesNothingThatIsWorthMuch() throws {
    let tokenizer = try Self.tokenizer()
    let model = try Self.model(tokenizer, seed: 11)
    let items = try MicroworldTask.longReading.flatMap { try $0.items(world: World(seed: 1), set: "a", count: 8) }
    var options = EvaluationOptions()
    options.maximumAnswerTokens = 24
    let report = try evaluate(model: model, tokenizer: tokenizer, items: items, options: options)
    XCTAssertEqual(report.tasks.map(\.task), MicroworldTask.longReading.map(\.rawValue))
    XCTAssertNil(report.average)
    for task in report.tasks {
      XCTAssertLessThan(task.score.value, task.metric == .editSimilarity ? 0.35 : 0.05, task.task)
      XCTAssertEqual(task.accuracy.value, 0, task.task)
      XCTAssertEqual(task.chance, 0)
    }
    XCTAssertEqual(
      try XCTUnwrap(report["studies"]).score.value,
      report.items.filter { $0.task == "studies" }.reduce(0) { $0 + $1.credit! } / 8,
      accuracy: 1e-12)
    // Paired by what the replies are worth.
    var better = report.items
    better[0].credit = better[0].credit! + 0.5
    let paired = try PairedComparison(report.items, better)
    XCTAssertEqual([paired.onlyFirst, paired.onlySecond], [0, 1])
    XCTAssertEqual(paired.difference.value, 0.5 / 48, accuracy: 1e-12)
  }

  func testBadInputIsRefused() throws {
    let tokenizer = try Self.tokenizer()
    let small = try TinyModels.model(TinyModels.config())
    XCTAssertThrowsError(
      try evaluate(model: small, tokenizer: tokenizer, items: [Self.item(choices: [" a", " b"], answer: 0)])
    ) {
      XCTAssertTrue("\($0)".contains("does not match"), "\($0)")
    }
    let model = try Self.model(tokenizer, seed: 1)
    XCTAssertThrowsError(try evaluate(model: model, tokenizer: tokenizer, items: []))
    let broken = try Self.model(tokenizer, seed: 1)
    broken.finalNorm.value.fill(.nan)
    XCTAssertThrowsError(
      try evaluate(model: broken, tokenizer: tokenizer, items: [Self.item(choices: [" a", " b"], answer: 0)])
    ) { XCTAssertTrue("\($0)".contains("not a number"), "\($0)") }
    XCTAssertThrowsError(try TaskSelection("recal", items: 5)) { XCTAssertTrue("\($0)".contains("recall"), "\($0)") }
    XCTAssertThrowsError(try TaskSelection("", items: 5))
    XCTAssertThrowsError(try TaskSelection("recall:x", items: 5)) { XCTAssertTrue("\($0)".contains("shots"), "\($0)") }
    for text in ["recall:0,recall:5", "recall,recall", "all,recall", "a/x.jsonl,a/x.jsonl"] {
      XCTAssertThrowsError(try TaskSelection(text, items: 5), text) { error in
        XCTAssertTrue("\(error)".contains("names a task twice"), "\(error)")
        XCTAssertEqual((error as? UpcycleError)?.kind, .usage)
      }
    }
    let shown = try TaskSelection("recall:2,goals", items: 1, shots: SolvedExamples(count: 1)).items().map(\.context)
    XCTAssertEqual(shown.map { $0.components(separatedBy: "\n\n").count }, [3, 2], "two solved examples, and one")
    XCTAssertThrowsError(try TaskSelection("/nowhere/x.jsonl", items: 5).items())
    for (text, reason) in [
      ("3", "list of lists"), ("[]", "list of lists"), ("[[1,2],[3]]", "different lengths"), ("[[99]]", "not an id"),
      ("[[-1]]", "not an id"), ("[[1.5]]", "not an id"), ("[1]", "not a list"), ("[[]]", "not a list"),
    ] {
      let value = try JSONValue(parsing: Data(text.utf8), file: "ids.json")
      XCTAssertThrowsError(try IdTable(value, file: "ids.json", vocabulary: 41), text) {
        XCTAssertTrue("\($0)".contains(reason), "\(text): \($0)")
      }
    }
  }

  // MARK: Material

  static func item(choices: [String]?, answer: Int?, context: String = "The old cat sat down and looked at") -> TaskItem
  {
    let choices = choices.map { try! JSONValue(parsing: JSONEncoder().encode($0), file: "") } ?? .null
    let value = JSONValue.object([
      "task": .string("made up"), "id": .string("1"), "context": .string(context), "choices": choices,
      "answer": answer.map { .int($0) } ?? .null, "metric": .string("acc_norm"), "facts": .array([]),
    ])
    return try! JSONDecoder().decode(TaskItem.self, from: Data(value.text().utf8))
  }

  /// Trained on microworld text once.
  static func tokenizer() throws -> Tokenizer { try trained.get() }
  private static let trained: Result<Tokenizer, Error> = Result {
    var trainer = try BPETrainer(vocabularySize: 400)
    let world = World(seed: 1)
    for item in try MicroworldTask.rules.items(world: world, set: "t", count: 100) { trainer.add(item.context) }
    return try trainer.train()
  }

  static func model(_ tokenizer: Tokenizer, seed: UInt64) throws -> LanguageModel {
    let config = try TinyModels.config {
      $0.vocabularySize = tokenizer.vocabularySize
      $0.maxPosition = 512
    }
    return try TinyModels.model(config, seed: seed)
  }
}
