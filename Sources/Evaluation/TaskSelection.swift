import Foundation
import Groundwork
import TokenData

/// Which items to score, as a user names them.
public struct TaskSelection: Sendable {
  private enum Part: Sendable {
    case microworld(MicroworldTask)
    case file(URL)
  }
  private let parts: [Part]
  private let seed: UInt64
  private let set: String
  private let limit: Int
  private let shots: Int

  /// - Parameters:
  ///   - text: "all", or task names and JSON Lines files separated by commas.
  ///   - seed: seed of the microworld.
  ///   - set: its set of items.
  ///   - items: items per task; at most so many of each task of a file.
  ///   - shots: solved exercises before every item, as far as the model's context reaches (microworld tasks only).
  /// - Throws: a usage error that lists the known names for an unknown one.
  public init(_ text: String, seed: UInt64 = 1, set: String = "a", items: Int, shots: Int = 0) throws {
    self.seed = seed
    self.set = set
    limit = items
    self.shots = shots
    guard shots >= 0 else {
      throw UpcycleError.usage("is negative", at: "--shots", expected: "0 or more", found: "\(shots)")
    }
    if text == "all" {
      parts = (MicroworldTask.multipleChoice + [.problems]).map { .microworld($0) }
      return
    }
    parts = try text.split(separator: ",").map { name in
      if let task = MicroworldTask(rawValue: String(name)) { return .microworld(task) }
      if name.hasSuffix(".jsonl") || name.contains("/") { return .file(URL(fileURLWithPath: String(name))) }
      throw UpcycleError.usage(
        "unknown task", at: "--tasks",
        expected: "all, a .jsonl file, or " + MicroworldTask.allCases.map(\.rawValue).joined(separator: ", "),
        found: String(name))
    }
    if parts.isEmpty { throw UpcycleError.usage("no task named", at: "--tasks", expected: "all, or a list") }
  }

  /// The items, task by task.
  public func items() throws -> [TaskItem] {
    var world: World?
    return try parts.flatMap { part -> [TaskItem] in
      switch part {
      case .microworld(let task):
        world = world ?? World(seed: seed)
        let items = try task.items(world: world!, set: set, count: limit)
        if shots == 0 { return items }
        let before = task.shots(world: world!, count: shots).map { $0 + "\n\n" }.joined()
        return items.map { $0.following(before) }
      case .file(let url):
        if shots > 0 {
          throw UpcycleError.usage(
            "solved examples are made for the microworld's tasks only", at: "--shots", found: url.path,
            hint: "put the examples into the file's contexts")
        }
        var counts: [String: Int] = [:]
        return try TaskItem.read(url).filter {
          counts[$0.task, default: 0] += 1
          return counts[$0.task]! <= limit
        }
      }
    }
  }
}
