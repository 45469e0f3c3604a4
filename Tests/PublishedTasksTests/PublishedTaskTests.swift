import Foundation
import Groundwork
import ModelCore
import TestKit
import XCTest

@testable import Evaluation
@testable import PublishedTasks
@testable import TokenData
@testable import Worlds

/// Published tasks give lm-evaluation-harness's numbers (Scripts/goldens/make_tasks.py).
final class PublishedTaskTests: XCTestCase {
  private static let goldens = repositoryRoot().appendingPathComponent("Tests/PublishedTasksTests/Goldens/tasks")
  private let teacher = repositoryRoot().appendingPathComponent("experiments/teachers/nano-1b-seed1")

  private func task(_ name: String) throws -> PublishedTask {
    try PublishedTask(contentsOf: Self.goldens.appendingPathComponent("\(name).yaml"))
  }

  /// Aliases of aliases that would be 10^12 texts, a file that includes itself ten times in itself, absurd numbers of
  /// examples.
  func testHostileTasksAreRefused() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let url = folder.appendingPathComponent("task.yaml")
    let head = "task: t\ndoc_to_text: x\ndoc_to_target: y\n"
    let levels = (1...12).map { level in
      "  l\(level): &l\(level) [" + repeatElement("*l\(level - 1)", count: 10).joined(separator: ", ") + "]\n"
    }
    let circle = "include: [" + repeatElement("task.yaml", count: 10).joined(separator: ", ") + "]\n"
    for (text, words) in [
      ("metadata:\n  l0: &l0 x\n" + levels.joined(), "grows beyond its size"), (circle, "in a circle"),
      ("num_fewshot: -1\n", "num_fewshot: is no number of examples"), ("num_fewshot: .nan\n", "num_fewshot"),
    ] {
      try writeFile(head + text, to: url)
      XCTAssertThrowsError(try PublishedTask(contentsOf: url)) { XCTAssertTrue("\($0)".contains(words), "\($0)") }
    }
    let model = try LanguageModel(folder: teacher)
    var options = TaskOptions()
    options.shots.count = .max
    XCTAssertThrowsError(
      try evaluate([task("exam")], model: model, tokenizer: Tokenizer.load(from: teacher), options: options)
    ) { XCTAssertTrue("\($0)".contains("too few documents"), "\($0)") }
  }

  func testEveryTaskHasTheHarnesssNumbers() throws {
    let model = try LanguageModel(folder: teacher)
    let tokenizer = try Tokenizer.load(from: teacher)
    let golden = try XCTUnwrap(JSONValue(contentsOf: Self.goldens.appendingPathComponent("results.json")).object)
    XCTAssertEqual(golden.count, 15)
    var items = 0
    for (title, expected) in golden.sorted(by: { $0.key < $1.key }) {
      let parts = title.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
      var options = TaskOptions()
      options.shots.count = parts[2].split(separator: " ").first.flatMap { Int($0) }
      let result = try XCTUnwrap(
        evaluate(
          [task(parts[0])], model: model, tokenizer: tokenizer.addingBeginning(parts[1] == "bos"), options: options
        ).first)
      XCTAssertEqual(result.shots, expected["shots"]?.int, title)
      for (key, value) in try XCTUnwrap(expected["scores"]?.object) where !key.contains("stderr") {
        XCTAssertEqual(result.score(key).value, try XCTUnwrap(value.double), accuracy: 1e-9, "\(title): \(key)")
      }
      if let answers = expected["answers"]?.array {
        XCTAssertEqual(result.samples.map { $0.answer }, answers.map(\.string), title)
        continue
      }
      let rows = try XCTUnwrap(expected["logLikelihoods"]?.array)
      XCTAssertEqual(result.samples.count, rows.count, title)
      items += rows.count
      for (index, (sample, row)) in zip(result.samples, rows).enumerated() {
        let values = try XCTUnwrap(row.array).compactMap(\.double)
        XCTAssertEqual(sample.logLikelihoods.count, values.count)
        for (own, value) in zip(sample.logLikelihoods, values) {
          XCTAssertEqual(own, value, accuracy: 1e-3 * max(1, abs(value)), "\(title), document \(index)")
        }
        let right = try XCTUnwrap(expected["acc"]?.array?[index].array).compactMap(\.int)
        XCTAssertEqual(
          ["acc,none", "acc_norm,none", "acc_bytes,none"].map { Int(sample.values[$0] ?? -1) }, right,
          "\(title), document \(index)")
      }
    }
    XCTAssertGreaterThanOrEqual(items, 500)
  }

  func testResultsHaveTheHarnesssShape() throws {
    var options = TaskOptions()
    options.limit = 2
    let results = try evaluate(
      [task("goal")], model: LanguageModel(folder: teacher), tokenizer: Tokenizer.load(from: teacher), options: options)
    var provenance = TaskProvenance(
      model: "m", modelHash: "h", tokenizerHash: "t", addsBeginning: true, options: options)
    XCTAssertNil(results.json(provenance, withSamples: false)["config"]?["model_args"]?["cache"])
    provenance.cache = "h2o:25%"
    let json = results.json(provenance, withSamples: true)
    XCTAssertEqual(json["results"]?["goal"]?["sample_len"]?.int, 2)
    XCTAssertNotNil(json["results"]?["goal"]?["acc_stderr,none"]?.double)
    XCTAssertEqual(json["versions"]?["goal"]?.double, 1)
    XCTAssertEqual(json["n-samples"]?["goal"], .object(["original": .int(40), "effective": .int(2)]))
    XCTAssertEqual(json["config"]?["model_args"]?["add_bos_token"]?.bool, true)
    XCTAssertEqual(json["config"]?["model_args"]?["cache"]?.string, "h2o:25%")
    XCTAssertEqual(json["samples"]?["goal"]?.array?.count, 2)
    XCTAssertEqual(json["configs"]?["goal"]?["doc_to_target"]?.string, "label")
    XCTAssertEqual(json["task_hashes"]?["goal"]?["data"]?.string?.count, 64)
  }

  /// Results are told apart by the tasks' names.
  func testTwoTasksOfOneNameAreRefused() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appendingPathComponent("other.yaml")
    try writeFile("task: goal\ntest_split: test\ndoc_to_text: question\ndoc_to_target: answer\n", to: file)
    try writeFile(
      "{\"question\": \"1 + 1 =\", \"answer\": \"2\"}\n", to: folder.appendingPathComponent("test.jsonl"))
    var options = TaskOptions()
    options.limit = 1
    XCTAssertThrowsError(
      try evaluate(
        [task("goal"), task("science"), PublishedTask(contentsOf: file)], model: LanguageModel(folder: teacher),
        tokenizer: Tokenizer.load(from: teacher), options: options)
    ) { error in
      for word in ["other.yaml", "goal.yaml", "two tasks"] { XCTAssertTrue("\(error)".contains(word), "\(error)") }
      XCTAssertEqual((error as? UpcycleError)?.exitCode, 2)
    }
  }

  /// `random.Random(seed).sample(range(n), k)` of CPython 3.11.
  func testExamplesAreDrawnAsPythonDrawsThem() {
    for (seed, count, population, drawn) in PythonDraws.all {
      var random = PythonRandom(seed: seed)
      XCTAssertEqual(random.sample(count, of: population), drawn, "seed \(seed), \(count) of \(population)")
    }
  }

  func testTasksThatCannotBeScoredSayWhy() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    func refused(_ yaml: String, _ words: [String], line: UInt = #line) throws {
      let file = folder.appendingPathComponent("t.yaml")
      try writeFile(yaml, to: file)
      XCTAssertThrowsError(
        try evaluate(
          [PublishedTask(contentsOf: file)], model: LanguageModel(folder: teacher),
          tokenizer: Tokenizer.load(from: teacher)), line: line
      ) { error in
        for word in words { XCTAssertTrue("\(error)".contains(word), "\(error)", line: line) }
        XCTAssertFalse("\(error)".contains("\n"), line: line)
      }
    }
    let form = "task: t\noutput_type: multiple_choice\ntest_split: test\n"
    let fields = "doc_to_text: q\ndoc_to_choice: c\ndoc_to_target: a\n"
    try refused("task: [a, b]\ngroup: g\n", ["group", "t.yaml"])
    try refused("- 1\n", ["no task"])
    try refused("task: {\n", ["not YAML"])
    try refused("task: t\noutput_type: loglikelihood\n", ["output_type", "loglikelihood", "multiple_choice"])
    try refused(form + "doc_to_text: q\ndoc_to_target: a\n", ["doc_to_choice"])
    try refused(form + fields + "use_prompt: x\n", ["use_prompt", "not known"])
    try refused(form + fields + "process_docs: !function utils.other\n", ["test.jsonl"])
    try refused(form + fields + "metric_list:\n  - metric: f1\n", ["f1", "acc_norm"])
    try refused(form + fields + "include: t.yaml\n", ["circle"])
    for pattern in [#"\q"#, "(a", "a)", "[z-a]", "a**", "(?<=a*)b", "(?(1)a|b)", #"(a)\2"#, "a(?i)b", "[a"] {
      try refused(
        "task: t\ndoc_to_text: q\ndoc_to_target: a\nfilter_list:\n  - name: f\n    filter:\n"
          + "      - {function: regex, regex_pattern: '\(pattern)'}\n",
        ["t.yaml: cannot be read as a regular expression", pattern])
    }
    let generated = "task: t\ntest_split: test\ndoc_to_text: q\ndoc_to_target: a\n"
    try refused(generated + "generation_kwargs: greedy\n", ["generation_kwargs", "greedy"])
    for (setting, words) in [
      ("do_sample: true", ["do_sample", "sampled"]), ("temperature: 0.7", ["temperature", "sampled", "0.7"]),
      ("num_beams: 4", ["num_beams", "beams"]), ("repetition_penalty: 1.2", ["repetition_penalty", "not known"]),
      ("max_new_tokens: many", ["max_new_tokens", "many"]), ("until: [x, 5]", ["until", "no text"]),
    ] {
      try refused(generated + "generation_kwargs:\n  \(setting)\n", ["t.yaml: generation_kwargs"] + words)
    }
    let data = folder.appendingPathComponent("test.parquet")
    try writeFile("PAR1", to: data)
    try refused(form + fields, ["parquet", "JSON Lines", "to_json"])
    try writeFile(
      "{\"q\": \"Q\", \"c\": [\"x\", \"y\"], \"a\": 0}\n{\"q\": \"Q\", \"c\": [\"x\"], \"a\": 0}\n",
      to: folder.appendingPathComponent("test.jsonl"))
    try refused(form + fields, ["test.jsonl:2", "doc_to_choice"])
    try refused(generated + "generation_kwargs:\n  max_tokens: 123456\n", ["leaves no room", "123456"])
    try refused(form + fields + "process_docs: !function utils.other\n", ["utils.other", "process_docs"])
    try refused(
      form + fields.replacing("doc_to_text: q", with: "doc_to_text: '{{ r }}'"), ["'r' is undefined", "test.jsonl:1"])
    try refused(
      form + fields.replacing("doc_to_text: q", with: "doc_to_text: '{{ r'"), ["doc_to_text", "cannot be read"])
  }

  /// As the harness scores them: wrong. Refused are tasks where all are so, and lengths of 0 to divide by.
  func testRightAnswersOutsideTheChoices() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appendingPathComponent("t.yaml")
    func scored(_ documents: [(choices: String, target: String)], _ more: String = "") throws -> TaskResult {
      try writeFile(
        "task: t\noutput_type: multiple_choice\ntest_split: test\ndoc_to_text: q\ndoc_to_choice: c\n"
          + "doc_to_target: a\n" + more, to: file)
      let lines = documents.map { "{\"q\": \"Q\", \"c\": \($0.choices), \"a\": \($0.target)}\n" }
      try writeFile(lines.joined(), to: folder.appendingPathComponent("test.jsonl"))
      return try evaluate(
        [PublishedTask(contentsOf: file)], model: LanguageModel(folder: teacher),
        tokenizer: Tokenizer.load(from: teacher))[0]
    }
    let (letters, half) = (#"["x", "y"]"#, #"["x", ""]"#)
    let strays = [(choices: letters, target: #""z""#), (choices: letters, target: "2")]
    let rest = [(choices: letters, target: "0"), (choices: letters, target: "1")]
    let result = try scored(strays + rest)
    // The last two ask the same: one of them is right.
    XCTAssertEqual(result.samples.map { $0.values["acc,none"] }.prefix(2), [0, 0])
    XCTAssertEqual(result.score("acc,none").value, 0.25)
    XCTAssertThrowsError(try scored(strays)) {
      for word in ["t.yaml", "no document has its right answer", "test.jsonl:1"] {
        XCTAssertTrue("\($0)".contains(word), "\($0)")
      }
    }
    XCTAssertThrowsError(try scored(rest + [(choices: half, target: "1")])) {
      for word in ["test.jsonl:3: task t, document 2", "an empty choice"] {
        XCTAssertTrue("\($0)".contains(word), "\($0)")
      }
    }
    XCTAssertNoThrow(try scored([(choices: half, target: "1")], "metric_list:\n  - metric: acc\n"))
  }

  func testAnswersEndBeforeTheirStops() {
    XCTAssertEqual(AnswerSettings.part(of: "4\r\nQ: more", before: ["Q:", "\n"]), "4\r")
    XCTAssertEqual(AnswerSettings.part(of: "e\u{301}\n", before: ["", "e"]), "")
    XCTAssertEqual(AnswerSettings.part(of: "4 and so", before: ["and so on", "\n"]), "4 and so")
  }

  /// What `re.findall` and `re.sub` of CPython 3.11 give.
  func testPatternsFindWhatPythonsDo() throws {
    let answer = #"((?<=The answer is )(.*)(?=.)|(?<=answer is )(.*)(?=.)|(?<=The answer: )(.*)(?=.))"#
    let cases: [(pattern: String, text: String, found: [[String]], left: String)] = [
      (#"\b(Yes|No|yes|no)\b"#, "Answer:Yes", [["Yes"]], "Answer:"),
      (#"\b(Yes|No|yes|no)\b"#, "Yes.No, not Yesterday", [["Yes"], ["No"]], "., not Yesterday"),
      (#"\b\d+\b"#, "3.5 x_1 2", [["3"], ["5"], ["2"]], ". x_1 "), (#"\.$"#, "right.\n", [["."]], "right\n"),
      ("^a", "ba\na", [], "ba\na"), ("(?m)^.$", "a\r\nb\nc", [["b"], ["c"]], "a\r\n\n"),
      ("(.*)", "a\rb\n", [["a\rb"], [""], [""]], "\n"), ("[a-z&&b]+", "ab&z", [["ab&z"]], ""),
      ("[[a]+", "[a]", [["[a"]], "]"), ("[]a]+", "a]b", [["a]"]], "b"), ("[^]a]", "a]b", [["b"]], "a]"),
      ("[+--]", "a-,+", [["-"], [","], ["+"]], "a"), (#"\s+$"#, "x \u{1c}\u{1f}\n", [[" \u{1c}\u{1f}\n"]], "x"),
      (#"[^\s]+"#, "a\u{200b}b\u{1f}c\u{85}d", [["a\u{200b}b"], ["c"], ["d"]], "\u{1f}\u{85}"),
      (#"\w+"#, "é\u{bd}_ e\u{301} a\u{200d}b", [["é\u{bd}_"], ["e"], ["a"], ["b"]], " \u{301} \u{200d}"),
      (answer, "I think The answer is (B).", [["(B)", "(B)", "", ""]], "I think The answer is ."),
      (answer, "So answer is 42, yes\nmore", [["42, ye", "", "42, ye", ""]], "So answer is s\nmore"),
      (#"(((?<=[answer is ])[A-D])|([A-D]\n)|(^[A-D]$))"#, "B", [["B", "", "", "B"]], ""),
      ("(-?[$0-9.,]{2,})|(-?[0-9]+)", "It is $1,234.50 or 7", [["$1,234.50", ""], ["", "7"]], "It is  or "),
      (#"#### (\-?[0-9\.\,]+)"#, "#### 1,234\n#### 5", [["1,234"], ["5"]], "\n"),
      ("(?s).*#### ", "a\nb#### 3", [["a\nb#### "]], "3"),
      ("(?=(female|woman|man|male))", "a woman", [["woman"], ["man"]], "a woman"),
      ("(?P<first_one>a)(?P=first_one)", "aa a", [["a"]], " a"), (#"a\Z"#, "a\na", [["a"]], "a\n"),
      (#"^(.*?)(?=\n|$)"#, "one\r\ntwo\n", [["one\r"]], "\ntwo\n"),
      ("|a", "aba", [[""], ["a"], [""], [""], ["a"], [""]], "b"), ("x{,2}y", "xxxy y", [["xxy"], ["y"]], "x "),
      ("{a}", "{a}", [["{a}"]], ""),
      ("(?i)straße|k", "STRASSE STRAßE \u{212a}", [["STRAßE"], ["\u{212a}"]], "STRASSE  "),
      ("(?x) ( a ) \\  # blank\n b", "a b", [["a"]], ""), (#"답은 \(?([ABCDEFGHIJ])\)?입니다"#, "답은 (C)입니다", [["C"]], ""),
      (#"\bx\b"#, "e\u{301}x x\u{301} x", [["x"], ["x"], ["x"]], "e\u{301} \u{301} "),
      (#"[$€](\d+)|(\d+)%"#, "\u{20ac}5 \u{663}% 7%", [["5", ""], ["", "\u{663}"], ["", "7"]], "  "),
      (".", "\u{1f600}𐍈", [["\u{1f600}"], ["𐍈"]], ""),
    ]
    for (pattern, text, found, left) in cases {
      let own = try TextPattern(pattern, "t.yaml")
      XCTAssertEqual(own.all(in: text), found, "\(pattern) in \(text.debugDescription)")
      XCTAssertEqual(own.removed(from: text), left, "\(pattern) in \(text.debugDescription)")
    }
  }

  /// What `re.sub` of CPython 3.11 gives, and the harness's filter that calls it.
  func testPatternsReplaceWhatPythonsDo() throws {
    let cases: [(pattern: String, replacement: String, count: Int, text: String, written: String)] = [
      ("x*", "-", 0, "abxd", "-a-b--d-"), ("a", "b", 1, "aaa", "baa"), ("a", "b", -1, "aaa", "aaa"),
      (#"(\w)(\d+)"#, #"\2\g<1>\n"#, 0, "a12 b3", "12a\n 3b\n"), ("(a)|(b)", #"[\1\2]"#, 0, "abc", "[a][b]c"),
      ("é", #"\.\\"#, 0, "été", #"\.\t\.\"#), (#"\s+"#, " ", 0, "a\u{1F600}\u{3000}\nb", "a\u{1F600} b"),
    ]
    for (pattern, replacement, count, text, written) in cases {
      let own = try TextPattern(pattern, "t.yaml").replaced(in: text, with: replacement, count: count)
      XCTAssertEqual(own, written, "\(pattern) by \(replacement) in \(text.debugDescription)")
    }
    for replacement in [#"\2"#, #"\q"#, "\\", #"\g<name>"#, #"\g<1"#] {
      XCTAssertNil(try TextPattern("(a)", "t.yaml").replaced(in: "a", with: replacement, count: 0), replacement)
    }
    func text(_ expression: String) throws -> String {
      let template = try DocumentTemplate("{{ \(expression) }}", at: "t.yaml")
      return try template.texts([.object(["q": .string("a12 b3")])]) { "document \($0)" }[0]
    }
    XCTAssertEqual(try text(#"q | regex_replace("(\\w)\\d+", "<\\1>", 1)"#), "<a> b3")
    XCTAssertEqual(try text("q | regex_replace(pattern='[0-9]', repl='') | upper"), "A B")
    for (expression, words) in [
      ("q | regex_replace('(a', '')", "'(a' cannot be read as a regular expression"),
      ("q | regex_replace('a', '\\\\1')", "is no replacement of 'a'"), ("1 | regex_replace('a', '')", "takes a text"),
    ] { XCTAssertThrowsError(try text(expression)) { XCTAssertTrue("\($0)".contains(words), "\($0)") } }
  }

  /// `str.strip` of CPython 3.11.
  func testAnswersAreStrippedAsPythonStrips() throws {
    let step = JSONValue.object(["function": .string("remove_whitespace")])
    let filter = try AnswerFilter.read(.array([.object(["filter": .array([step])])]), "t.yaml")[0]
    for (text, stripped) in [
      ("\u{200B}a\u{200B}", "\u{200B}a\u{200B}"), ("\u{1C}\u{1F} a\u{3000}\u{85}\n", "a"),
      (" \u{301}a\r\n", "\u{301}a"),
    ] {
      XCTAssertTrue(filter.apply(text).utf8.elementsEqual(stripped.utf8), text.debugDescription)
    }
  }

  /// Targets that are no texts, choices as the values of a mapping in their order, keys that only some documents have.
  func testFieldsAreReadAsTheHarnessReadsThem() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appendingPathComponent("t.yaml")
    func questions(_ yaml: String, _ lines: [String]) throws -> [TaskQuestion] {
      try writeFile("task: t\ntest_split: test\n" + yaml, to: file)
      try writeFile(lines.joined(separator: "\n") + "\n", to: folder.appendingPathComponent("test.jsonl"))
      let task = try PublishedTask(contentsOf: file)
      return try task.questions(
        TaskDocuments("test", of: task, in: nil), pool: nil, limit: nil, shots: 0, seed: 1, takesFirst: false)
    }
    let targets = ["true", "false", "null", "4.0", "4", "0.00001", #"["x", 1]"#, #""y""#]
    let generated = try questions(
      "doc_to_text: q\ndoc_to_target: a\n", targets.map { "{\"q\": \"Q\", \"a\": \($0)}" })
    XCTAssertEqual(
      generated.map(\.answers), [["True"], ["False"], ["None"], ["4.0"], ["4"], ["1e-05"], ["x", "1"], ["y"]])
    let chosen = try questions(
      "output_type: multiple_choice\ndoc_to_text: q\ndoc_to_choice: {z: b, y: a, x: c}\ndoc_to_target: a\n",
      ["1", "true", "false", #""c""#].map { "{\"q\": \"Q\", \"a\": \($0)}" })
    XCTAssertEqual(chosen.map(\.choices), [[String]](repeating: ["b", "a", "c"], count: 4))
    XCTAssertEqual(chosen.map(\.right), [[1], [1], [0], [2]])
    let partial = try questions(
      "doc_to_text: '{{ q }} {{ hint }}'\ndoc_to_target: hint\n", [#"{"q": "P"}"#, #"{"q": "Q", "hint": "h"}"#])
    XCTAssertEqual(partial.map(\.contexts), [["P None"], ["Q h"]])
    XCTAssertEqual(partial.map(\.answers), [["None"], ["h"]])
    let spaces = try questions(
      "doc_to_text: '{{ q.isspace() }}'\ndoc_to_target: q\n", [#"{"q": "\u001c\u001f"}"#, #"{"q": "\u200b"}"#])
    XCTAssertEqual(spaces.map(\.contexts), [["True"], ["False"]])
  }

  /// The names of an answer's length that the harness knows, and settings that change no greedy answer.
  func testSettingsOfGreedyAnswersAreRead() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    func read(_ settings: [String]) throws -> AnswerSettings {
      let file = folder.appendingPathComponent("t.yaml")
      let lines = ["task: t", "doc_to_text: q", "doc_to_target: a", "generation_kwargs:"] + settings.map { "  " + $0 }
      try writeFile(lines.joined(separator: "\n") + "\n", to: file)
      return try PublishedTask(contentsOf: file).answerSettings
    }
    for name in ["max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens"] {
      XCTAssertEqual(try read(["\(name): 7"]).maximumTokens, 7, name)
    }
    let several = try read(["max_tokens: 9", "max_new_tokens: 8", "until: x", "temperature: 0.0", "top_p: 0.95"])
    XCTAssertEqual(several.maximumTokens, 8)
    XCTAssertEqual(several.stops, ["x"])
    let rest = try read(["do_sample: false", "temperature: 1", "num_beams: 1"])
    XCTAssertEqual(rest.maximumTokens, 256)
    XCTAssertNil(rest.stops)
  }

  /// Where answers are generated, a number as the target stands for that choice's text (SuperGLUE's seq2seq forms).
  func testNumberedAnswersAreTheChoicesTexts() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appendingPathComponent("t.yaml")
    try writeFile(
      "task: t\ntest_split: test\ndoc_to_text: q\ndoc_to_choice: c\ndoc_to_target: a\n"
        + "generation_kwargs:\n  max_gen_toks: 3\n", to: file)
    let model = try LanguageModel(folder: teacher)
    let tokenizer = try Tokenizer.load(from: teacher)
    func sample(_ choices: [String], _ target: JSONValue) throws -> TaskSample {
      let document = JSONValue.object([
        "q": .string("The old cat sat down and"), "c": .array(choices.map { .string($0) }), "a": target,
      ])
      try writeFile(document.text() + "\n", to: folder.appendingPathComponent("test.jsonl"))
      return try evaluate([PublishedTask(contentsOf: file)], model: model, tokenizer: tokenizer)[0].samples[0]
    }
    let answer = try XCTUnwrap(sample(["x", "y"], .int(0)).answer)
    XCTAssertEqual(try sample(["x", answer], .int(1)).values["exact_match,none"], 1)
    XCTAssertEqual(try sample([answer, "x"], .int(1)).values["exact_match,none"], 0)
    let others: [JSONValue] = [.int(2), .int(-1), .array([.int(0)]), .string("x")]
    for target in others {
      XCTAssertThrowsError(try sample(["x", "y"], target)) {
        XCTAssertTrue("\($0)".contains("test.jsonl:1: `doc_to_target` is no choice's number"), "\($0)")
      }
    }
  }

  /// acc_norm divides by characters as the harness does, acc_bytes by bytes: outside of ASCII they differ.
  func testItemsAreNormedByCharactersAndByBytes() throws {
    let places = ["Zürich", "café au lait", "мост", "東京です", "naïve", "garden"]
    let lines = (0..<12).map { index -> String in
      let choices = (0..<3).map { "\" \(places[(index + $0 * (1 + index / 6)) % 6])\"" }.joined(separator: ", ")
      return "{\"task\": \"places\", \"id\": \"\(index)\", \"facts\": [], \"metric\": \"acc_norm\", "
        + "\"context\": \"Question: Where is it?\\nAnswer:\", \"choices\": [\(choices)], \"answer\": \(index % 3)}"
    }
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("places-\(UUID().uuidString).jsonl")
    defer { try? FileManager.default.removeItem(at: file) }
    try writeFile(lines.joined(separator: "\n") + "\n", to: file)
    let items = try TaskItem.read(file)
    let report = try evaluate(
      model: LanguageModel(folder: teacher), tokenizer: Tokenizer.load(from: teacher), items: items)
    var differing = 0
    for (item, result) in zip(items, report.items) {
      let texts = try XCTUnwrap(item.choices).map { $0.dropFirst() }
      XCTAssertEqual(result.endingCharacters, texts.map { $0.unicodeScalars.count })
      XCTAssertEqual(result.endingBytes, texts.map { $0.utf8.count })
      func best(_ lengths: [Int]?) -> Int {
        let scores = zip(result.logLikelihoods, lengths ?? []).map { $0 / Double($1) }
        return scores.indices.reduce(0) { scores[$1] > scores[$0] ? $1 : $0 }
      }
      let (byCharacters, byBytes) = (best(result.endingCharacters), best(result.endingBytes))
      if byCharacters != byBytes { differing += 1 }
      XCTAssertEqual(result.isCorrectNormalised, byCharacters == item.answer)
      XCTAssertEqual(result.isCorrectByBytes, byBytes == item.answer)
    }
    XCTAssertGreaterThan(differing, 0)
    XCTAssertNotNil(report.tasks[0].byteAccuracy)
  }

  /// The file of the split that a task takes its examples from gives lm-evaluation-harness's numbers for that split.
  func testExamplesOfAFileAreTheHarnesss() throws {
    let model = try LanguageModel(folder: teacher)
    let tokenizer = try Tokenizer.load(from: teacher).addingBeginning(true)
    let golden = try JSONValue(contentsOf: Self.goldens.appendingPathComponent("results.json"))
    func samples(_ name: String, _ shots: String) throws -> [TaskSample] {
      var options = TaskOptions()
      options.shots = try SolvedExamples(shots)
      let task = try PublishedTask(contentsOf: Self.goldens.appendingPathComponent("\(name).yaml"))
      return try evaluate([task], model: model, tokenizer: tokenizer, options: options)[0].samples
    }
    for (name, count, file) in [
      ("science", 3, "science/train"), ("goal", 6, "goal/train"), ("story", 3, "story/train"), ("fact", 3, "fact/dev"),
    ] {
      let rows = try XCTUnwrap(golden["\(name), bos, \(count) shots"]?["logLikelihoods"]?.array)
      let own = try samples(name, "\(count):\(Self.goldens.path)/\(file).jsonl")
      XCTAssertEqual(own.count, rows.count, name)
      for (sample, row) in zip(own, rows) {
        for (value, other) in zip(sample.logLikelihoods, try XCTUnwrap(row.array).compactMap(\.double)) {
          XCTAssertEqual(value, other, accuracy: 1e-3 * max(1, abs(other)), name)
        }
      }
    }
    // All five of them in their order, which is what the task's own sampler takes.
    XCTAssertEqual(
      try samples("fact", "\(Self.goldens.path)/fact/dev.jsonl").map(\.logLikelihoods),
      try samples("fact", "5").map(\.logLikelihoods))
    XCTAssertThrowsError(try samples("science", "31:\(Self.goldens.path)/science/train.jsonl")) {
      XCTAssertTrue("\($0)".contains("too few documents"), "\($0)")
    }
  }
}
