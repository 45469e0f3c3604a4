import Foundation
import Groundwork
import ModelCore
import TokenData

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
  private var environment: URL { run.appendingPathComponent("environment.json") }
  private var lockFile: URL { run.appendingPathComponent("lock") }
  private let lock = Holder()

  /// Keeps the lock while any copy of the value lives.
  private final class Holder { var lock: FileLock? }
  private let force: Bool

  /// Touches nothing on disk.
  /// - Parameter force: removes another run or model that stands here, instead of refusing
  public init(_ url: URL, force: Bool = false) {
    self.url = url
    self.force = force
  }

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
  /// - Throws: usage errors when the folder holds a model that this run did not make, or another run that has a state
  public func complete<Plan: Codable & Equatable, Outcome>(
    plan: Plan, identity: RunIdentity, tokenizer: Tokenizer, type: ElementType = .float32,
    ranks: any TrainingRanks = SingleRank(), recall: () throws -> Outcome,
    train: () throws -> (model: LanguageModel, outcome: Outcome)
  ) throws -> Outcome {
    try ranks.agreeing {
      if !ranks.writes { return }
      if force { try removeOthers(plan: plan, identity: identity, type) }
      try removeFailed(plan: plan, identity: identity)
    }
    let isFinished = try ranks.agreeing {
      // config.json is written last: where it stands, the model is complete.
      let hasModel = FileManager.default.fileExists(atPath: url.appendingPathComponent("config.json").path)
      if try !holds(plan: plan, identity: identity), hasModel { throw try FolderContents(of: url).inTheWay(at: url) }
      if hasModel, try storedType() != type {
        throw try ofAnotherType(than: type)
      }
      return hasModel
    }
    // What one rank sees, others of other machines may see later.
    if try ranks.decide(stop: isFinished, save: false).stop {
      // A kill may have come before the clean-up.
      try ranks.agreeing {
        guard ranks.writes else { return }
        finish()
        FileLock.clear(lockFile)
      }
      return try recall()
    }
    let (model, outcome) = try train()
    try ranks.agreeing {
      if !ranks.writes { return }
      try tokenizer.save(to: url)
      try model.save(to: url, type: type)
      finish()
    }
    return outcome
  }

  /// Refuses a folder that holds another model, or the states of another training, than one of this plan leaves, and one that
  /// `force` could not clear: before the stages that lead to it. Whether that training is this one it finds out itself.
  /// - Parameter type: of the model's numbers
  public func requireRoom<Plan: Codable & Equatable>(for plan: Plan, _ type: ElementType) throws {
    let contents = try FolderContents(of: url)
    if contents == .nothing || holdsNothingOfWorth { return }
    let found = try? decodeJSON(RunRecord<Plan>.self, contentsOf: self.plan)
    let isFinished = contents == .training(isFinished: true)
    if found?.plan == plan, try !isFinished || storedType() == type { return }
    if force {
      if let file = FolderContents.foreignFile(in: url) { throw FolderContents.wouldTake(file, with: url) }
      return
    }
    if contents == .training(isFinished: false) && fileKind(self.plan.path) == nil { return }
    guard let found else { throw contents.inTheWay(at: url) }
    if try holds(plan: plan, identity: found.identity) { throw try ofAnotherType(than: type) }
  }

  private func ofAnotherType(than type: ElementType) throws -> UpcycleError {
    .usage(
      "holds this model in another type", at: url.path, expected: type.rawValue, found: try storedType().rawValue,
      hint: "name another `out`, or replace it with `force`")
  }

  /// Of the finished model's numbers.
  private func storedType() throws -> ElementType {
    try CheckpointReader(url).writableType(of: ModelConfig(contentsOf: url))
  }

  /// Clears the folder unless this very run stands there.
  private func removeOthers<Plan: Codable & Equatable>(plan: Plan, identity: RunIdentity, _ type: ElementType) throws {
    let contents = try FolderContents(of: url)
    switch contents {
    case .training, .model: break
    default: return
    }
    if (try? holds(plan: plan, identity: identity)) == true, (try? storedType()) ?? type == type { return }
    if let file = FolderContents.foreignFile(in: url) { throw FolderContents.wouldTake(file, with: url) }
    // A process that trains there keeps its folder.
    let lock = contents == .model ? nil : try FileLock(lockFile, of: url)
    defer { withExtendedLifetime(lock) {} }
    let place = url.resolvingSymlinksInPath()
    do { try FileManager.default.removeItem(at: place) } catch {
      throw UpcycleError("cannot be removed: \(error.localizedDescription)", at: place.path)
    }
  }

  /// Clears what another run left that ended before its first state; a teacher's states are of use to any.
  private func removeFailed<Plan: Codable & Equatable>(plan: Plan, identity: RunIdentity) throws {
    if !holdsNothingOfWorth || (try? holds(plan: plan, identity: identity)) == true { return }
    // A process that trains there keeps its folder.
    let lock = try FileLock(lockFile, of: url)
    defer { withExtendedLifetime(lock) {} }
    // It may have saved a state before it let go.
    if !holdsNothingOfWorth { return }
    if let file = FolderContents.foreignFile(in: url) { throw FolderContents.wouldTake(file, with: url) }
    let names = try FileManager.default.contentsOfDirectory(atPath: run.path)
    for name in names where !["lock", "teacher"].contains(name) {
      try FileManager.default.removeItem(at: run.appendingPathComponent(name))
    }
  }

  /// Whether a run stands here that has neither a state nor a part of its model.
  private var holdsNothingOfWorth: Bool {
    let files = FileManager.default
    guard files.fileExists(atPath: plan.path), (try? files.contentsOfDirectory(atPath: url.path)) == ["run"] else {
      return false
    }
    let names = files.enumerator(atPath: checkpoint.path)?.compactMap { $0 as? String } ?? []
    return !names.contains { $0.hasSuffix(".safetensors") }
  }

  /// Whether a run stands here; throws when it is another one: a run resumes only under the plan it began with.
  func holds<Plan: Codable & Equatable>(plan resolved: Plan, identity: RunIdentity) throws -> Bool {
    guard FileManager.default.fileExists(atPath: plan.path) else { return false }
    let record = RunRecord(plan: resolved, identity: identity)
    if let found = try? decodeJSON(RunRecord<Plan>.self, contentsOf: plan), found == record {
      return true
    }
    let there = try JSONValue(contentsOf: plan)
    let asked = try jsonValue(record)
    let differences = differingPaths(there, asked)
    func shown(_ value: JSONValue, contents: String) -> String {
      differences.prefix(4).map { path in
        let (name, found) = (path.last ?? "plan", path.reduce(Optional(value)) { $0?[$1] })
        // Hashes tell a reader nothing; what stands behind one does.
        if ["student", "teacher", "data", "heldOut"].contains(name) {
          let both = [there, asked].map { path.reduce(Optional($0)) { $0?[$1] }?.string ?? "" }.map {
            $0.split(separator: ", ")
          }
          let setting = found?.string?.split(separator: ", ").dropFirst().joined(separator: ", ") ?? ""
          if both[0].first == both[1].first {
            return "`\(Self.field(name))` \(setting.isEmpty ? "as it is" : "with \(setting)")"
          }
          return "\(found == nil ? "no" : contents) `\(Self.field(name))`"
        }
        if name == "ranks" { return "mpirun -np \(found?.int ?? 1)" }
        return "`\(Self.field(name))` \(found?.text() ?? "none")"
      }.joined(separator: ", ")
    }
    throw UpcycleError.usage(
      Self.otherSettings, at: url.path, expected: shown(there, contents: "the same"),
      found: shown(asked, contents: "another"),
      hint: "name another `out`, or replace it with `force`")
  }

  /// What is wrong with a folder of another run.
  public static let otherSettings = "holds a run with other settings"

  /// What errors call a property of a plan: as commands and specs spell it.
  private static func field(_ property: String) -> String {
    let ownNames = ["learningRate": "lr", "time": "sequence"]
    return ownNames[property] ?? property.replacing(/[A-Z]/) { "_" + $0.output.lowercased() }
  }

  /// Creates the folder, or checks that what is there is the same run: before anything else is written there. Again is
  /// harmless.
  public func begin<Plan: Codable & Equatable>(plan resolved: Plan, identity: RunIdentity) throws {
    try makeDirectory(run)
    lock.lock = try lock.lock ?? FileLock(lockFile, of: url)
    let isNew = try !holds(plan: resolved, identity: identity)
    if isNew { try writeFile(jsonText(RunRecord(plan: resolved, identity: identity), pretty: true), to: plan) }
    // A kill may have come between the two.
    if !isNew, FileManager.default.fileExists(atPath: environment.path) { return }
    try writeFile(JSONValue.object(machineDescription()).text(pretty: true), to: environment)
  }

  /// Called once the finished model is on disk: removes the training state, which is three times its size.
  func finish() { try? FileManager.default.removeItem(at: checkpoint) }

  // MARK: The loss curve

  /// The loss curve so far.
  public func readMetrics() throws -> StepTable {
    let table = try CSV(contentsOf: metrics)
    return StepTable(columns: table.header, rows: try table.numbers(), file: metrics)
  }

  /// Opens metrics.csv for appending, keeping the lines of the first `steps` steps.
  /// - Parameter curve: digest of those lines, from the state of that step
  /// - Throws: where the lines are not those that the state was saved with
  func openMetrics(keeping steps: Int, header: String, curve: String = "") throws -> MetricsFile {
    var kept = [header]
    if steps > 0 {
      let isThere = fileKind(metrics.path) != nil
      kept = String(decoding: try isThere ? readFile(metrics) : Data(), as: UTF8.self).split(separator: "\n")
        .prefix(steps + 1).map(String.init)
      if kept.first != header || kept.count != steps + 1 || MetricsFile.digest(kept.dropFirst()) != curve {
        throw UpcycleError(
          "is not the loss curve that the state of step \(steps) was saved with", at: metrics.path,
          expected: "its first \(steps) rows as they were written",
          found: isThere ? "\(max(0, kept.count - 1)) rows" : "no such file",
          hint: "restore it, or delete \(run.path) and begin anew")
      }
    }
    try writeFile(kept.joined(separator: "\n") + "\n", to: metrics)
    return try MetricsFile(metrics, digest: MetricsFile.digest(kept.dropFirst()))
  }

  /// What there is to say where a run begins anew although its loss curve has steps; nil of one that was killed before
  /// its first state was due.
  /// - Parameters:
  ///   - states: the folder in which no state was found to go on from
  ///   - saveEvery: seconds from one state to the next
  func lostStates(in states: URL, saveEvery: Double) -> String? {
    let text = (try? readFile(metrics)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    var rows = text.split(separator: "\n").dropFirst()
    // A row that a kill has cut.
    if !text.hasSuffix("\n") { rows = rows.dropLast() }
    if rows.isEmpty { return nil }
    if let name = TrainingCheckpoint.strangeName(in: states) {
      return "\(states.appendingPathComponent(name).path): is no state by its name, expected state-STEP.safetensors; "
        + "the run, which had done \(counted(rows.count, "step")), begins anew"
    }
    let seconds = rows.compactMap { $0.split(separator: ",").last.flatMap { Double($0) } }
    // The folder appears with the first state, of which a kill may leave a part; a run that goes on from one counts its
    // seconds anew.
    let isEmpty = (try? FileManager.default.contentsOfDirectory(atPath: states.path))?.isEmpty ?? false
    let wasSaved =
      isEmpty || seconds.dropLast().contains { $0 > saveEvery }
      || zip(seconds, seconds.dropFirst()).contains { $0 > $1 }
    return wasSaved
      ? "\(states.path): holds no state to go on from; the run, which had done \(counted(rows.count, "step")), begins anew"
      : nil
  }
}

/// Where two documents differ: paths of keys, sorted.
private func differingPaths(_ a: JSONValue, _ b: JSONValue) -> [[String]] {
  guard let mine = a.object, let theirs = b.object else { return a == b ? [] : [[]] }
  return Set(mine.keys).union(theirs.keys).sorted().flatMap { key in
    differingPaths(mine[key] ?? .null, theirs[key] ?? .null).map { [key] + $0 }
  }
}

/// What plan.json holds.
private struct RunRecord<Plan: Codable & Equatable>: Codable, Equatable {
  var plan: Plan
  var identity: RunIdentity
}
