import Foundation
import Groundwork
import ModelCore
import TokenData

#if canImport(Glibc)
  import Glibc
#endif

/// Everything a training run leaves behind, under one folder; `complete` takes it from nothing, or from what an
/// interrupted process left, to the finished model:
/// ```
/// DIR/run/plan.json          the complete plan          DIR/run/environment.json  machine, threads, commit
/// DIR/run/metrics.csv        one line per step          DIR/run/checkpoint/       the last whole checkpoint
/// DIR/config.json, model.safetensors, tokenizer.json    the finished model
/// ```
public struct RunDirectory {
  /// The folder of everything.
  public let url: URL
  /// The folder of everything that is not the model.
  public var run: URL { url.appendingPathComponent("run") }
  var plan: URL { run.appendingPathComponent("plan.json") }
  var metrics: URL { run.appendingPathComponent("metrics.csv") }
  /// The folder of the training's last state.
  public var checkpoint: URL { run.appendingPathComponent("checkpoint") }

  public init(_ url: URL) { self.url = url }

  // MARK: A whole run

  /// A resumable run: trains, and leaves the model and its tokenizer in this folder; the same call goes on from the last
  /// checkpoint where it was interrupted, and returns at once where the model is finished.
  /// - Parameters:
  ///   - plan: everything that decides the numbers
  ///   - identity: what the run is made of
  ///   - type: number type of the finished model's weights
  ///   - ranks: that train together; one of them writes
  ///   - recall: what a finished run measured, from the files it left
  ///   - train: the training, through a trainer's `run(in:)` on this folder; gives the model to keep
  /// - Returns: what `train` or `recall` measured
  /// - Throws: usage errors when the folder holds a model that this run did not make, or another run
  public func complete<Plan: Codable & Equatable, Outcome>(
    plan: Plan, identity: RunIdentity, tokenizer: Tokenizer, type: ElementType = .float32,
    ranks: any TrainingRanks = SingleRank(), recall: () throws -> Outcome,
    train: () throws -> (model: LanguageModel, outcome: Outcome)
  ) throws -> Outcome {
    let isFinished = try ranks.agreeing {
      // config.json is written last: where it stands, the model is complete.
      let hasModel = FileManager.default.fileExists(atPath: url.appendingPathComponent("config.json").path)
      if try !holds(plan: plan, identity: identity), hasModel { throw Self.isTaken(url) }
      return hasModel
    }
    if isFinished { return try recall() }
    let (model, outcome) = try train()
    try ranks.agreeing {
      if !ranks.writes { return }
      try tokenizer.save(to: url)
      try model.save(to: url, type: type)
      try finish()
    }
    return outcome
  }

  /// Refuses an output folder.
  public static func isTaken(_ url: URL) -> UpcycleError {
    .usage("holds a model already", at: url.path, hint: "choose another output folder")
  }

  /// Whether a run stands here; throws when it is another one: a run resumes only under the plan it began with.
  func holds<Plan: Codable & Equatable>(plan resolved: Plan, identity: RunIdentity) throws -> Bool {
    guard FileManager.default.fileExists(atPath: plan.path) else { return false }
    let found = try? decodeJSON(RunRecord<Plan>.self, contentsOf: plan)
    if found != RunRecord(plan: resolved, identity: identity) {
      throw UpcycleError.usage(
        "holds a run with other settings", at: url.path, expected: "the same plan, student, teacher and data",
        hint: "choose another output folder, or delete this one")
    }
    return true
  }

  /// Creates the folder, or checks that what is there is the same run.
  func begin<Plan: Codable & Equatable>(plan resolved: Plan, identity: RunIdentity) throws {
    try makeDirectory(run)
    if try holds(plan: resolved, identity: identity) { return }
    try writeFile(jsonText(RunRecord(plan: resolved, identity: identity), pretty: true), to: plan)
    try writeFile(
      JSONValue.object(machineDescription()).text(pretty: true), to: run.appendingPathComponent("environment.json"))
  }

  /// Called once the finished model is on disk: removes the training state, which is three times its size.
  func finish() throws { try? FileManager.default.removeItem(at: checkpoint) }

  // MARK: The loss curve

  /// The loss curve so far.
  public func readMetrics() throws -> StepTable {
    let table = try CSV(contentsOf: metrics)
    return StepTable(columns: table.header, rows: try table.numbers(), file: metrics)
  }

  /// Opens metrics.csv for appending, keeping the lines of the first `steps` steps.
  func openMetrics(keeping steps: Int, header: String) throws -> MetricsFile {
    var kept = [header]
    if steps > 0, let text = try? String(decoding: readFile(metrics), as: UTF8.self) {
      kept += text.split(separator: "\n").dropFirst().prefix(steps).map(String.init)
    }
    try writeFile(kept.joined(separator: "\n") + "\n", to: metrics)
    return try MetricsFile(metrics)
  }
}

/// What plan.json holds.
private struct RunRecord<Plan: Codable & Equatable>: Codable, Equatable {
  var plan: Plan
  var identity: RunIdentity
}

/// What a run is made of, as hashes or names: a resumed run must be made of the same.
public struct RunIdentity: Codable, Equatable, Sendable {
  /// The student, or the model, at its start.
  public var student: String
  /// nil: none.
  public var teacher: String?
  /// The text or the pairs.
  public var data: String
  /// That compute: part of the bits.
  public var threads: Int
  /// That share the experts; nil: there is nothing to share.
  public var ranks: Int?

  public init(student: String, teacher: String?, data: String, threads: Int, ranks: Int? = nil) {
    self.student = student
    self.teacher = teacher
    self.data = data
    self.threads = threads
    self.ranks = ranks
  }
}

/// What metrics.csv holds: one row per step.
public struct StepTable: Sendable {
  /// Such as step, loss, ..., seconds.
  public let columns: [String]
  /// One per step, in the order of the columns.
  public let rows: [[Double]]
  private let file: URL

  init(columns: [String], rows: [[Double]], file: URL) {
    self.columns = columns
    self.rows = rows
    self.file = file
  }

  /// A column by its name, step by step.
  public func column(_ name: String) throws -> [Double] {
    guard let index = columns.firstIndex(of: name), rows.allSatisfy({ $0.count == columns.count }) else {
      throw UpcycleError(
        "has no whole column \"\(name)\"", at: file.path, found: columns.joined(separator: ", "))
    }
    return rows.map { $0[index] }
  }
}

/// A CSV that grows line by line.
final class MetricsFile {
  private let handle: FileHandle
  private let path: String

  init(_ url: URL) throws {
    guard let handle = try? FileHandle(forWritingTo: url) else { throw UpcycleError("cannot write", at: url.path) }
    self.handle = handle
    path = url.path
    try handle.seekToEnd()
  }

  func append(_ line: String) throws {
    do { try handle.write(contentsOf: Data((line + "\n").utf8)) } catch {
      throw UpcycleError("cannot write: is the disk full?", at: path)
    }
  }
}

/// What the machine is, for records: processor, cores, threads, operating system; no host names.
public func machineDescription() -> [String: JSONValue] {
  [
    "cpu": .string(processorName()), "cores": .int(sysconf(Int32(_SC_NPROCESSORS_ONLN))),
    "system": .string(ProcessInfo.processInfo.operatingSystemVersionString),
  ]
}
