import ArgumentParser
import Commands
import Evaluation
import Foundation
import Groundwork
import ModelCore
import Recipes
import PublishedTasks
import TokenData
import Worlds

/// `hybrid evaluate`: task scores.
struct Evaluate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Scores a model on tasks: the microworld's, any task file, or lm-evaluation-harness's.",
    discussion: """
      --tasks: a list of task names and JSON Lines files; all stands for the nine tasks of choice and the word \
      problems. Tasks of the microworld are made from its seed: \
      \(MicroworldTask.allCases.map(\.rawValue).joined(separator: ", ")). Multiple choice compares the choices' \
      log-probabilities (acc_norm: divided by their lengths in characters, acc_bytes: in bytes); word problems are \
      generated greedily, and so are programs and edits (little programs on numbers and on words), which are run on \
      test inputs, and the tasks of one long text, which are scored by what reply and answer have in common, as \
      LongBench's: studies by words (f1), meetings, news and chats by words in order (rouge_l), completions and \
      repositories by characters in order (edit_sim). The average is over the multiple-choice tasks. --shots puts \
      solved exercises before every item, 5 or those of a file: FILE all of it in its order, 5:FILE five of it; quiz:5 \
      in the list of tasks gives one task its own number. A file has an item a line, such as {"task": "capitals", \
      "id": "1", "context": "The capital of France is", "choices": [" Paris", " Rome"], "answer": 0, "metric": "acc"} \
      (also acc_norm, acc_bytes; exact_match with "answer_text" in place of choices and answer). Generated answers are \
      cut at \(EvaluationOptions().maximumAnswerTokens) tokens.

      --cache h2o:15.6% evicts as H2O does: every head keeps that share of a sequence's tokens, half of it the most \
      recent, half those that most attention was paid to.

      A list of .yaml files: tasks as lm-evaluation-harness publishes them (multiple_choice and generate_until), with \
      its numbers: contexts, examples for --fewshot-seed, beginning token and averages are its own. Their data lies \
      beside them or in --data-dir, as TASK/SPLIT.jsonl, DATA_SET/SPLIT.jsonl or SPLIT.jsonl.

      Examples:
        hybrid evaluate --model runs/mla-sft --tasks all --items 200
        hybrid evaluate --model runs/far-kd --tasks all,programs,edits
        hybrid evaluate --model runs/mla-sft \\
          --tasks studies,meetings,news,chats,completions,repositories
        hybrid evaluate --model runs/mla-sft \\
          --tasks combine:5,endings:2,quiz:1,claims
        hybrid evaluate --model runs/mla-sft --tasks recall,mine.jsonl \\
          --out mla.json --against teacher.json
        hybrid evaluate --model runs/babyllama --cache h2o:15.6%
        hybrid evaluate --model runs/qwen --data-dir data --out scores.json \\
          --tasks tasks/arc_easy.yaml,tasks/gsm8k.yaml
        hybrid evaluate --model runs/qwen --tasks tasks/gsm8k.yaml \\
          --shots 8:examples.jsonl
      """)

  @OptionGroup var model: ModelOption
  @Option(help: "Names and files, separated by commas.") var tasks = "all"
  @Option(help: "Items per task (default: 200, of a file at most; of .yaml tasks all).") var items: Int?
  @Option(
    help: """
      Solved exercises before every item (few-shot): 5, FILE or 5:FILE of JSON Lines, documents for .yaml tasks, else \
      items (default: 0, of .yaml tasks their own number).
      """)
  var shots: String?
  @Option(help: "Which set of items of the microworld: a, b, ... (default: a)") var set: String?
  @Option(help: "Evict keys and values: h2o:PERCENT% (default: keep all).") var cache: String?
  @Option(
    help: "Edition of the microworld: 1 or 2 (default: the one whose ladder has the model's tokenizer, or else 1).")
  var world: Edition?
  @Option(help: "Seed of the microworld (default: 1).") var seed: UInt64?
  @Option(help: "Seed of the choice of examples of .yaml tasks (default: \(TaskOptions().seed)).") var fewshotSeed: Int?
  @Option(help: "Folder with the data of .yaml tasks.") var dataDir: String?
  @Option(help: "The beginning token in front of every text: on or off (default: as the tokenizer says).")
  var bos: Switch?
  @Flag(help: "Print the scores as JSON.") var json = false
  @Option(help: "File for the scores and every item's result, as JSON.") var out: String?
  @Option(help: "A file written with --out: print the paired difference of each task to it.") var against: String?
  @Flag(help: "No progress on standard error.") var quiet = false

  func run() throws { runReportingErrors { try score() } }

  private func score() throws {
    if let items, items < 1 {
      throw UpcycleError.usage("no items", at: "--items", expected: "1 or more", found: "\(items)")
    }
    let examples = try shots.map { try SolvedExamples($0) } ?? SolvedExamples()
    let file = try out.map { try outputFile($0, "--out", replacing: "json") }
    let heavyHitters = try cache.map { try HeavyHitters($0) }
    let names = tasks.split(separator: ",").map(String.init)
    if let name = names.first(where: { $0.contains(".yaml:") || $0.contains(".yml:") }) {
      throw UpcycleError.usage(
        "the examples of .yaml tasks are not said in their names", at: "--tasks", expected: "their files", found: name,
        hint: "--shots gives all of them a number")
    }
    let published = names.filter { $0.hasSuffix(".yaml") || $0.hasSuffix(".yml") }
    if !published.isEmpty {
      if published.count < names.count {
        throw UpcycleError.usage(
          "mixes .yaml tasks with others, whose reports differ", at: "--tasks", hint: "score them by two commands")
      }
      return try score(published, examples, heavyHitters)
    }
    try refuse(
      ["--fewshot-seed": fewshotSeed != nil, "--data-dir": dataDir != nil], "is of .yaml tasks alone")
    let baseline = try against.map { try EvaluationReport(contentsOf: URL(fileURLWithPath: $0)) }
    var selection = try suggesting(MicroworldTask.allCases.map(\.rawValue)) {
      try TaskSelection(tasks, seed: seed ?? 1, set: set ?? "a", items: items ?? 200, shots: examples)
    }
    if selection.microworldTasks.isEmpty {
      try refuse(
        ["--world": world != nil, "--seed": seed != nil, "--set": set != nil],
        "is the microworld's and says nothing of task files")
    }
    let (model, tokenizer) = try loaded()
    selection.edition = world ?? Edition(of: tokenizer)
    let chosen = try selection.items()
    try requireRoomForQuestions(chosen, model.config)
    if let heavyHitters { try model.evict(by: heavyHitters) }
    noteCutQuestions(chosen.map(Self.reading), model.config, tokenizer)
    let source = try provenance(selection, tokenizer, hashing: out != nil || json)
    if let against { try compareSettings(of: against, selection.microworldTasks, source) }
    let progress = ProgressLine("evaluate", total: chosen.count, quiet: quiet || json)
    let report = try evaluate(model: model, tokenizer: tokenizer, items: chosen) { progress.update($0, "items") }
    progress.finish(counted(chosen.count, "item"))
    // What cannot be compared is said after the scores, which are not lost.
    let paired: Result<[TaskComparison]?, any Error> = Result {
      try baseline.map { try TaskComparison.all(of: $0, report) }
    }
    // Neither a file that cannot be written nor a closed pipe costs the other.
    let written = Result {
      if let file {
        let whole = try report.json(withItems: true).merging(source)
        try writeFile(whole.text(pretty: true) + "\n", to: file)
      }
    }
    if json {
      var object = try report.json(withItems: false).merging(source).object ?? [:]
      if let tasks = try? paired.get() {
        object["paired"] = try jsonValue(Dictionary(uniqueKeysWithValues: tasks.map { ($0.task, $0.paired) }))
      }
      try printResult(JSONValue.object(object).text(pretty: true))
    } else {
      try printResult(report.table)
    }
    try written.get()
    if let file { sayWritten(file) }
    if let tasks = try paired.get(), !json { try printComparison(tasks) }
  }

  /// The longest text that is read for an item, and how many tokens its answer may add.
  private static func reading(_ item: TaskItem) -> (text: String, answerTokens: Int?) {
    let longest = item.scoredTexts.max { $0.utf8.count < $1.utf8.count } ?? item.context
    return (longest, item.metric.isGenerated ? EvaluationOptions().maximumAnswerTokens : nil)
  }

  /// Says what the scores that these are compared with were made with otherwise; refuses those of other questions.
  /// - Parameter made: tasks whose items are made up here
  private func compareSettings(of path: String, _ made: [MicroworldTask], _ own: JSONValue) throws {
    let there = try JSONValue(contentsOf: URL(fileURLWithPath: path))
    guard let asked = there["tasks_asked"]?.string else { return }
    let theirs = (try? TaskSelection(asked, items: 1))?.microworldTasks ?? []
    let shared = made.filter { theirs.contains($0) }
    // Items of another world, seed or set have the same ids.
    for option in ["world", "seed", "set"] where !shared.isEmpty {
      guard let other = there[option], let ours = own[option], other != ours else { continue }
      throw UpcycleError.usage(
        "\(path) asked different questions", at: "--against",
        expected: "--\(option) \(other.string ?? other.text()), as there",
        found: "--\(option) \(ours.string ?? ours.text())")
    }
    // quiz:5 asks what quiz asks, behind other examples.
    func named(_ task: MicroworldTask, in tasks: String) -> String {
      let names = tasks.split(separator: ",").map(String.init)
      return names.first { $0.hasPrefix("\(task.rawValue):") } ?? task.rawValue
    }
    for task in shared where named(task, in: asked) != named(task, in: tasks) {
      printNote("note: \(path) was made with --tasks \(named(task, in: asked))")
    }
    for option in ["shots", "cache", "weights"] where there[option] != own[option] {
      printNote("note: \(path) was made with \(there[option]?.string.map { "--\(option) \($0)" } ?? "no --\(option)")")
    }
    if let begins = there["begins_texts"]?.bool, begins != own["begins_texts"]?.bool {
      printNote("note: \(path) was made \(begins ? "with" : "without") a beginning token")
    }
  }

  /// What scores of the microworld's tasks and of task files were made from.
  private func provenance(_ selection: TaskSelection, _ tokenizer: Tokenizer, hashing: Bool) throws -> JSONValue {
    var object: [String: JSONValue] = [
      "model": .string(model.path),
      "tokenizer_hash": .string(tokenizer.fingerprint), "tasks_asked": .string(tasks),
      "weights": .string(model.weights.rawValue), "begins_texts": .bool(!tokenizer.documentStart.isEmpty),
    ]
    if hashing { object["model_hash"] = .string(try modelHash(model.folder)) }
    if !selection.microworldTasks.isEmpty {
      object["world"] = .int(selection.edition.rawValue)
      object["seed"] = .int(Int(clamping: seed ?? 1))
      object["set"] = .string(set ?? "a")
    }
    object["shots"] = shots.map { .string($0) }
    object["cache"] = cache.map { .string($0) }
    return .object(object)
  }

  private func loaded() throws -> (model: LanguageModel, tokenizer: Tokenizer) {
    let (model, tokenizer) = try self.model.loadWithTokenizer()
    return (model, try bos.map { try tokenizer.addingBeginning($0.isOn) } ?? tokenizer)
  }

  /// Tasks of lm-evaluation-harness.
  private func score(_ files: [String], _ examples: SolvedExamples, _ heavyHitters: HeavyHitters?) throws {
    try refuse(
      ["--world": world != nil, "--seed": seed != nil, "--set": set != nil],
      "is the microworld's and says nothing of .yaml tasks")
    if let dataDir {
      var isFolder: ObjCBool = false
      guard FileManager.default.fileExists(atPath: dataDir, isDirectory: &isFolder), isFolder.boolValue else {
        throw UpcycleError.usage("is no folder", at: "--data-dir", found: dataDir)
      }
    }
    if against != nil {
      throw UpcycleError.usage("is not there for .yaml tasks", at: "--against", hint: "compare the two results files")
    }
    let tasks = try files.map { try PublishedTask(contentsOf: URL(fileURLWithPath: $0)) }
    var options = TaskOptions()
    options.limit = items
    options.shots = examples
    if let fewshotSeed { options.seed = fewshotSeed }
    options.dataFolder = dataDir.map { URL(fileURLWithPath: $0, isDirectory: true) }
    if let fewshotSeed, fewshotSeed < 0 {
      throw UpcycleError.usage("must not be negative", at: "--fewshot-seed", found: "\(fewshotSeed)")
    }
    let (model, tokenizer) = try loaded()
    if let heavyHitters { try model.evict(by: heavyHitters) }
    var progress: ProgressLine?
    let results = try evaluate(tasks, model: model, tokenizer: tokenizer, options: options) { done, total in
      if progress == nil { progress = ProgressLine("evaluate", total: total, quiet: quiet || json) }
      progress?.update(done, "questions")
    }
    progress?.finish(counted(results.reduce(0) { $0 + $1.samples.count }, "question"))
    // Neither a file that cannot be written nor a closed pipe costs the other.
    var written: Result<Void, any Error> = .success(())
    var text = results.table
    if json || out != nil {
      let provenance = TaskProvenance(
        model: self.model.path, modelHash: try modelHash(self.model.folder), tokenizerHash: tokenizer.fingerprint,
        addsBeginning: !tokenizer.documentStart.isEmpty,
        weights: self.model.weights == .int8 ? "int8" : "float32", cache: cache, options: options)
      if let out {
        let whole = results.json(provenance, withSamples: true).text(pretty: true, keepingFloats: true)
        written = Result { try writeFile(whole + "\n", to: URL(fileURLWithPath: out)) }
      }
      if json { text = results.json(provenance, withSamples: false).text(pretty: true, keepingFloats: true) }
    }
    try printResult(text)
    try written.get()
    if let out { sayWritten(URL(fileURLWithPath: out)) }
  }

  /// SHA-256 over the digests of config.json and the weight files, in order of name.
  private func modelHash(_ folder: URL) throws -> String {
    let names = ["config.json"] + (try CheckpointReader(folder).fileNames)
    return sha256(try names.map { try sha256(fileAt: folder.appendingPathComponent($0)) }.joined())
  }

  private func printComparison(_ tasks: [TaskComparison]) throws {
    try printResult("\npaired with \(against ?? "")")
    for task in tasks {
      let paired = task.paired
      let error = paired.items > 1 ? String(format: " +- %.1f", 100 * paired.difference.standardError) : ""
      try printResult(
        String(
          format: "%@  %+.1f%@ points  (%d won, %d lost of %d, p %.3f)",
          task.task.leftAligned(12), 100 * paired.difference.value, error,
          paired.onlySecond, paired.onlyFirst, paired.items, paired.pValue))
    }
  }
}
