import Evaluation
import Foundation
import Groundwork
import TokenData

/// A task of lm-evaluation-harness as it is published: a YAML file that says where documents are, and how question,
/// choices and answer are made of one. Keys that would change a score and are not known are refused by name.
public struct PublishedTask: Sendable {
  /// How answers are asked for.
  enum Form: String, CaseIterable { case choice = "multiple_choice", generated = "generate_until" }

  /// `task`
  public let name: String
  /// The YAML file.
  public let file: URL
  /// The file's keys, those that it includes among them.
  let values: [String: JSONValue]
  let form: Form
  let metrics: [TaskMetric]
  let filters: [AnswerFilter]
  let answerSettings: AnswerSettings

  /// Keys that say nothing about scores, or that are read below.
  private static let known: Set<String> = [
    "dataset_kwargs", "dataset_name", "dataset_path", "description", "doc_to_choice", "doc_to_decontamination_query",
    "doc_to_target", "doc_to_text", "fewshot_config", "fewshot_delimiter", "fewshot_split", "filter_list",
    "generation_kwargs", "include", "metadata", "metric_list", "num_fewshot", "output_type", "process_docs", "repeats",
    "should_decontaminate", "tag", "target_delimiter", "task", "task_alias", "test_split", "training_split",
    "validation_split",
  ]

  /// Reads a task and what it includes.
  /// - Throws: one line that names file, key and what is known
  public init(contentsOf url: URL) throws {
    let values = try Self.values(of: url, in: []).filter { $0.value != .null }
    let file = url.path
    if values["group"] != nil || values["task"]?.array != nil {
      throw UpcycleError.usage("is a group of tasks", at: file, hint: "name the files of its tasks")
    }
    if let key = values.keys.sorted().first(where: { !Self.known.contains($0) }) {
      throw UpcycleError.usage(
        "is not known in a task", at: "\(file): \(key)", expected: Self.known.sorted().joined(separator: ", "))
    }
    guard let name = values["task"]?.string else { throw UpcycleError("names no `task`", at: file) }
    let output = values["output_type"]?.string ?? Form.generated.rawValue
    guard let form = Form(rawValue: output) else {
      throw UpcycleError.usage(
        "is not known", at: "\(file): output_type", expected: Form.allCases.map(\.rawValue).joined(separator: " or "),
        found: output)
    }
    for key in ["doc_to_text", "doc_to_target"] + (form == .choice ? ["doc_to_choice"] : []) where values[key] == nil {
      throw UpcycleError("has no `\(key)`", at: file)
    }
    if let repeats = values["repeats"]?.int, repeats != 1 {
      throw UpcycleError.usage("more than one answer to a question", at: "\(file): repeats", found: "\(repeats)")
    }
    if let shots = values["num_fewshot"], shots.int.map({ $0 < 0 }) ?? true {
      throw UpcycleError.usage(
        "is no number of examples", at: "\(file): num_fewshot", expected: "a whole number, 0 or more",
        found: shots.text())
    }
    let examples = values["fewshot_config"]?.object ?? [:]
    let sampler = examples["sampler"]?.string ?? "default"
    guard Set(examples.keys).isSubset(of: ["sampler", "split", "samples"]), ["default", "first_n"].contains(sampler)
    else {
      throw UpcycleError.usage(
        "chooses examples in a way that is not known", at: "\(file): fewshot_config",
        expected: "split, samples, and sampler default or first_n", found: values["fewshot_config"]?.text())
    }
    self.name = name
    self.file = url
    self.values = values
    self.form = form
    metrics = try TaskMetric.read(values["metric_list"], form, file)
    filters = try AnswerFilter.read(values["filter_list"], file)
    // The settings say nothing of choices, where some files have them all the same.
    answerSettings = try AnswerSettings(form == .choice ? nil : values["generation_kwargs"], file)
  }

  /// - Parameter including: the files that include this one
  private static func values(of url: URL, in including: [URL]) throws -> [String: JSONValue] {
    if including.contains(url) || including.count > 8 { throw UpcycleError("includes files in a circle", at: url.path) }
    let own = try YAMLFile.read(url)
    let included = own["include"]?.array ?? own["include"].map { [$0] } ?? []
    var values: [String: JSONValue] = [:]
    for name in included.compactMap(\.string) {
      let other = url.deletingLastPathComponent().appendingPathComponent(name).standardizedFileURL
      values.merge(try Self.values(of: other, in: including + [url])) { $1 }
    }
    return values.merging(own) { $1 }
  }

  // MARK: Fields

  /// `num_fewshot`; 0 where the file says nothing.
  public var shots: Int { values["num_fewshot"]?.int ?? 0 }
  /// `metadata.version`.
  var version: JSONValue { values["metadata"]?["version"] ?? .string("Yaml") }
  var targetDelimiter: String { text("target_delimiter") ?? " " }
  var shotDelimiter: String { text("fewshot_delimiter") ?? "\n\n" }
  /// The split that is scored.
  var scoredSplit: String? { text("test_split") ?? text("validation_split") }
  var shotsConfig: JSONValue? { values["fewshot_config"] }
  /// The split that examples are said to come from; nil: training, else validation, else test.
  var namedShotSplit: String? { shotsConfig?["split"]?.string ?? text("fewshot_split") }
  var shotSplit: String? {
    namedShotSplit ?? text("training_split") ?? text("validation_split") ?? text("test_split")
  }
  /// Whether the question itself must not be among its examples: as the harness has it, where the splits that the file
  /// names for examples and for testing are the same, or both absent.
  var excludesQuestion: Bool { namedShotSplit == text("test_split") }
  /// Whether examples are the first of their split; else they are drawn.
  var takesFirstExamples: Bool { shotsConfig?["sampler"]?.string == "first_n" }

  func text(_ key: String) -> String? { values[key]?.string }

  /// Documents as `process_docs` makes them.
  func processed(_ documents: [JSONValue], name: (Int) -> String) throws -> [JSONValue] {
    var documents = documents
    if let function = values["process_docs"]?[YAMLFile.function]?.string {
      guard function == "utils.process_docs", documents.first?["activity_label"] != nil else {
        throw unknown(function, "process_docs")
      }
      documents = try TaskFunctions.hellaswag(documents, name: name)
    }
    if values["doc_to_text"]?[YAMLFile.function]?.string?.hasPrefix("preprocess_race.") == true {
      documents = try TaskFunctions.race(documents, name: name)
    }
    return documents
  }

  /// What `key` (`doc_to_text`, `doc_to_choice` or `doc_to_target`) gives for every document: a key's value where the
  /// template is the name of a key, else what it writes, read as a number where choices are numbered and as a list
  /// where it is one.
  func field(_ key: String, of documents: [JSONValue], name: (Int) -> String) throws -> [JSONValue] {
    guard let value = values[key] else { return [] }
    var template = value.string
    if let function = value[YAMLFile.function]?.string {
      guard let known = TaskFunctions.templates[function] else { throw unknown(function, key) }
      template = known
    }
    guard let template else { return documents.map { _ in value } }
    if documents.first?[template] != nil {
      return try documents.enumerated().map { index, document in
        guard let value = document[template] else { throw UpcycleError("has no key \"\(template)\"", at: name(index)) }
        return value
      }
    }
    let texts = try DocumentTemplate(template, at: "\(file.path): \(key)").texts(documents, name: name)
    return texts.map { text in
      if key == "doc_to_choice" { return pythonLiteral(text) ?? .string(text) }
      let isDigits = !text.isEmpty && text.unicodeScalars.allSatisfy { ("0"..."9").contains($0) }
      if isDigits, values["doc_to_choice"] != nil { return Int(text).map { .int($0) } ?? .string(text) }
      if key == "doc_to_target", text.hasPrefix("["), text.hasSuffix("]") {
        return pythonLiteral(text) ?? .string(text)
      }
      return .string(text)
    }
  }

  private func unknown(_ function: String, _ key: String) -> UpcycleError {
    let known = TaskFunctions.templates.keys.sorted() + ["utils.process_docs (HellaSwag's)"]
    return .usage(
      "is a Python function that is not known", at: "\(file.path): \(key)", expected: known.joined(separator: ", "),
      found: function, hint: "write it as a template")
  }
}
