import Evaluation
import Foundation
import Groundwork

/// What one question came to.
public struct TaskSample: Sendable {
  let question: TaskQuestion
  /// Of every choice, nats; empty for generated answers.
  public var logLikelihoods: [Double] = []
  /// The generated text up to its stop.
  var answer: String?
  /// By filter.
  var filtered: [String: String] = [:]
  /// 1 or 0 by metric and filter: "acc,none".
  public var values: [String: Double] = [:]

  init(_ question: TaskQuestion, logLikelihoods: [Double]) {
    self.question = question
    self.logLikelihoods = logLikelihoods
  }

  init(_ question: TaskQuestion, answer: String) {
    self.question = question
    self.answer = answer
  }

  /// As lm-evaluation-harness logs it.
  var json: JSONValue {
    var object: [String: JSONValue] = ["doc_id": .int(question.document), "target": question.target]
    object["resps"] = .array(answer.map { [.string($0)] } ?? logLikelihoods.map { .double($0) })
    if answer != nil { object["filtered_resps"] = .object(filtered.mapValues { .string($0) }) }
    for (key, value) in values { object[key] = .double(value) }
    return .object(object)
  }
}

/// The scores of one published task.
public struct TaskResult: Sendable {
  /// What was scored.
  public let task: PublishedTask
  /// Solved examples before every question.
  public let shots: Int
  /// In the order of the documents.
  public let samples: [TaskSample]
  /// SHA-256 of the task's YAML file (as it is, without what it includes) and of the documents.
  let hashes: (task: String, data: String)
  private let documents: Int

  init(_ task: PublishedTask, shots: Int, data: TaskDocuments, samples: [TaskSample]) {
    self.task = task
    self.shots = shots
    self.samples = samples
    documents = data.documents.count
    func hash(_ url: URL) -> String { (try? sha256(fileAt: url)) ?? "" }
    hashes = (hash(task.file), hash(data.file))
  }

  /// "acc,none" and the like in the order of the task's metrics, filter by filter.
  public var keys: [String] {
    let filters = task.form == .choice ? ["none"] : task.filters.map(\.name)
    return filters.flatMap { filter in task.metrics.map { "\($0.kind.rawValue),\(filter)" } }
  }

  /// The mean over the questions with its standard error.
  public func score(_ key: String) -> Estimate { Estimate(samples.map { $0.values[key] ?? 0 }) }

  /// The task's entry under `results`.
  var scores: JSONValue {
    var object: [String: JSONValue] = ["alias": .string(task.text("task_alias") ?? task.name)]
    object["sample_len"] = .int(samples.count)
    for key in keys {
      let score = score(key)
      object[key] = .double(score.value)
      object[key.replacing(",", with: "_stderr,")] = .double(score.standardError)
    }
    return .object(object)
  }

  var counts: JSONValue { .object(["original": .int(documents), "effective": .int(samples.count)]) }
}

/// Where results come from.
public struct TaskProvenance: Sendable {
  /// The model's folder, as the user names it.
  public var model: String
  /// SHA-256 over config.json and weights.
  public var modelHash: String
  /// The tokenizer's fingerprint.
  public var tokenizerHash: String
  /// Whether the beginning token stands in front of every text.
  public var addsBeginning: Bool
  /// "float32", which 16-bit weights are computed in, or "int8".
  public var weights: String
  /// How keys and values are evicted, such as "h2o:25%"; nil: all are kept.
  public var cache: String?
  /// Limits, seed and places.
  public var options: TaskOptions

  /// - Parameters:
  ///   - model: its folder, as the user names it
  ///   - modelHash: SHA-256 over config.json and weights
  ///   - tokenizerHash: the tokenizer's fingerprint
  ///   - addsBeginning: the beginning token stands in front of every text
  ///   - weights: "float32" or "int8"
  ///   - cache: how keys and values are evicted; nil: all are kept
  public init(
    model: String, modelHash: String, tokenizerHash: String, addsBeginning: Bool, weights: String = "float32",
    cache: String? = nil, options: TaskOptions
  ) {
    self.model = model
    self.modelHash = modelHash
    self.tokenizerHash = tokenizerHash
    self.addsBeginning = addsBeginning
    self.weights = weights
    self.cache = cache
    self.options = options
  }
}

extension [TaskResult] {
  /// The results as lm-evaluation-harness writes them.
  /// - Parameter withSamples: what every question came to, under `samples`
  public func json(_ provenance: TaskProvenance, withSamples: Bool) -> JSONValue {
    func byTask(_ value: (TaskResult) -> JSONValue) -> JSONValue {
      .object(Dictionary(map { ($0.task.name, value($0)) }) { $1 })
    }
    var object: [String: JSONValue] = [
      "results": byTask(\.scores), "configs": byTask { .object($0.task.values) }, "versions": byTask(\.task.version),
      "n-shot": byTask { .int($0.shots) }, "n-samples": byTask(\.counts),
      "higher_is_better": byTask { result in
        .object(Dictionary(result.task.metrics.map { ($0.kind.rawValue, JSONValue.bool(true)) }) { $1 })
      },
      "task_hashes": byTask { .object(["task": .string($0.hashes.task), "data": .string($0.hashes.data)]) },
    ]
    var arguments: [String: JSONValue] = [
      "pretrained": .string(provenance.model), "add_bos_token": .bool(provenance.addsBeginning),
      "dtype": .string(provenance.weights),
    ]
    if let cache = provenance.cache { arguments["cache"] = .string(cache) }
    object["config"] = .object([
      "model": .string("upcycle"), "model_args": .object(arguments),
      "model_sha256": .string(provenance.modelHash), "tokenizer_sha256": .string(provenance.tokenizerHash),
      "fewshot_seed": .int(provenance.options.seed), "limit": provenance.options.limit.map { .int($0) } ?? .null,
    ])
    if let file = provenance.options.shots.file {
      object["fewshot_file"] = .object([
        "path": .string(file.relativePath), "sha256": .string((try? sha256(fileAt: file)) ?? ""),
      ])
    }
    if withSamples { object["samples"] = byTask { .array($0.samples.map(\.json)) } }
    return .object(object)
  }

  /// A table for people.
  public var table: String {
    var lines = ["task                     n  shots  filter            metric       value  stderr"]
    for result in self {
      for key in result.keys {
        let parts = key.split(separator: ",").map(String.init)
        let score = result.score(key)
        let error = result.samples.count > 1 ? String(format: "%6.4f", score.standardError) : "     -"
        lines.append(
          String(
            format: "%@ %5d  %5d  %@ %@ %6.4f  %@",
            result.task.name.leftAligned(20), result.samples.count, result.shots, parts[1].leftAligned(17),
            parts[0].leftAligned(11), score.value, error))
      }
    }
    return lines.joined(separator: "\n")
  }
}
