import Foundation
import Groundwork
import Worlds

/// Which items to score, as a user names them.
public struct TaskSelection: Sendable {
  private enum Part: Sendable {
    /// Shots that its name says; nil: those of all tasks.
    case microworld(MicroworldTask, shots: Int?)
    case file(URL)

    var name: String {
      switch self {
      case .microworld(let task, _): task.rawValue
      case .file(let url): url.path
      }
    }
  }
  private let parts: [Part]
  private let examples: SolvedExamples
  private let seed: UInt64
  /// Which microworld.
  public var edition: Edition
  private let set: String
  private let limit: Int
  /// Of items and shots that are made up.
  private static let (mostItems, mostShots) = (1_000_000, 1000)

  /// - Parameters:
  ///   - text: task names and JSON Lines files separated by commas; `quiz:5` is a task with its own number of shots,
  ///     `all` the nine tasks of choice and the word problems.
  ///   - seed: seed of the microworld.
  ///   - edition: which microworld.
  ///   - set: its set of items.
  ///   - items: items per task; at most so many of each task of a file.
  ///   - shots: solved exercises before every item, as far as the model's context reaches: their number (microworld
  ///     tasks only), or the first of a file's items of the same task. A task's own number counts instead.
  /// - Throws: a usage error that lists the known names for an unknown one, and for a task that is named twice,
  ///   whose items would count as one task.
  public init(
    _ text: String, seed: UInt64 = 1, edition: Edition = .first, set: String = "a", items: Int,
    shots examples: SolvedExamples = SolvedExamples()
  ) throws {
    let shots = examples.file == nil ? examples.count ?? 0 : 0
    self.examples = examples
    self.seed = seed
    self.edition = edition
    self.set = set
    limit = items
    guard (0...Self.mostShots).contains(shots) else {
      throw UpcycleError.usage("is out of range", field: "shots", expected: "0 to \(Self.mostShots)", found: "\(shots)")
    }
    if set.isEmpty {
      throw UpcycleError.usage("names no set", field: "set", expected: "a, b, ...", found: "nothing")
    }
    parts = try text.split(separator: ",").flatMap { name -> [Part] in
      if name == "all" { return (MicroworldTask.multipleChoice + [.problems]).map { .microworld($0, shots: nil) } }
      return [try TaskSelection.part(String(name), shots: shots)]
    }
    var named: Set<String> = []
    for part in parts where !named.insert(part.name).inserted {
      throw UpcycleError.usage("names a task twice", field: "tasks", expected: "each once", found: part.name)
    }
    if parts.isEmpty { throw UpcycleError.usage("no task named", field: "tasks", expected: "all, or a list") }
  }

  /// A task, a task with its own number of shots, or a file.
  /// - Parameter shots: of all tasks, which files cannot have
  private static func part(_ text: String, shots: Int) throws -> Part {
    let halves = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    if let task = MicroworldTask(rawValue: halves[0]) {
      guard halves.count == 2 else { return .microworld(task, shots: nil) }
      guard let own = Int(halves[1]), (0...mostShots).contains(own) else {
        throw UpcycleError.usage(
          "not a number of shots", field: "tasks", expected: "\(halves[0]):5, say", found: text)
      }
      return .microworld(task, shots: own)
    }
    if text.hasSuffix(".jsonl") || text.contains("/") {
      if shots > 0 {
        throw UpcycleError.usage(
          "solved examples are made for the microworld's tasks only", field: "shots", found: text,
          hint: "name a file of solved items instead of a number: `shots` FILE or \(shots):FILE")
      }
      return .file(URL(fileURLWithPath: text))
    }
    throw UpcycleError.usage(
      "unknown task", field: "tasks",
      expected: "all, a .jsonl file, or " + MicroworldTask.allCases.map(\.rawValue).joined(separator: ", "), found: text
    )
  }

  /// The tasks whose items are made up; those of files are read.
  public var microworldTasks: [MicroworldTask] {
    parts.compactMap { part -> MicroworldTask? in
      guard case .microworld(let task, _) = part else { return nil }
      return task
    }
  }

  /// The items, task by task.
  public func items() throws -> [TaskItem] {
    var world: World?
    let solved = try examples.file.map { try TaskItem.read($0) }
    let found = try parts.map { part -> [TaskItem] in
      switch part {
      case .microworld(let task, let own):
        if limit > Self.mostItems {
          throw UpcycleError.usage(
            "too many items to make up", field: "items", expected: "at most \(formatCount(Self.mostItems))",
            found: formatCount(limit))
        }
        world = world ?? World(seed: seed, edition: edition)
        let items = try task.items(world: world!, set: set, count: limit)
        let count = own ?? examples.count
        if let solved { return try items.map(following(solved, count: count)) }
        let before = task.shots(world: world!, count: count ?? 0).map { $0 + "\n\n" }.joined()
        return items.map { $0.following(before) }
      case .file(let url):
        var counts: [String: Int] = [:]
        let items = try TaskItem.read(url).filter {
          counts[$0.task, default: 0] += 1
          return counts[$0.task]! <= limit
        }
        return try solved.map { try items.map(following($0, count: examples.count)) } ?? items
      }
    }
    // Items of two files, or of a file and the microworld, would count as one task.
    var taken: Set<String> = []
    for (part, items) in zip(parts, found) {
      let tasks = Set(items.map(\.task))
      if let both = taken.intersection(tasks).sorted().first {
        throw UpcycleError.usage(
          "names a task twice", field: "tasks", expected: "each once", found: both,
          hint: "\(part.name) has items of it too")
      }
      taken.formUnion(tasks)
    }
    return found.flatMap { $0 }
  }

  /// An item behind the first solved ones of its task, blank lines between them.
  /// - Parameter count: nil: all of them
  private func following(_ solved: [TaskItem], count: Int?) -> (TaskItem) throws -> TaskItem {
    { item in
      let own = solved.filter { $0.task == item.task && $0.id != item.id }
      let count = count ?? own.count
      guard own.count >= max(1, count) || count == 0 else {
        throw UpcycleError.usage(
          "has too few solved items of the task \(item.task)", at: examples.file?.path,
          expected: "at least \(max(1, count)) beside the item itself", found: "\(own.count)")
      }
      return item.following(own.prefix(count).map { $0.solved + "\n\n" }.joined())
    }
  }
}
