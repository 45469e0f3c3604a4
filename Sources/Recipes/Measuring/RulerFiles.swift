import Foundation
import Groundwork
import TokenData
import Worlds

/// Samples on disk, task by task and length by length: LENGTH/TASK.jsonl as ours are written, or LENGTH/data/TASK/validation.jsonl
/// as NVIDIA's prepare.py lays them out; where there is one length, its folder may be left out.
public struct RulerFiles {
  private var samples: [RulerTask: [Int: [RulerSample]]] = [:]
  /// Tokens of the longest sample, its answer's budget among them.
  public private(set) var longest = 0

  /// Reads every file. Samples that say no budget get RULER's own; lengths are counted anew, since another tokenizer may
  /// have counted those in the files.
  /// - Parameter count: at most so many of each file, from the first on
  /// - Throws: one line for a file that is not there, or not RULER's
  public init(_ folder: URL, tasks: [RulerTask], lengths: [Int], count: Int, tokenizer: Tokenizer) throws {
    for task in tasks {
      for length in lengths {
        let file = try Self.file(folder, length, task, isOnlyLength: lengths.count == 1)
        let read = try RulerSample.read(file).prefix(count).map { sample in
          var sample = sample
          let budget = sample.answerTokens ?? RulerScale.paper.answerTokens(task)
          sample.answerTokens = budget
          sample.length = tokenizer.documentStart.count + tokenizer.encode(sample.prompt).count + budget
          return sample
        }
        samples[task, default: [:]][length] = read
        longest = max(longest, read.map(\.length).max() ?? 0)
      }
    }
  }

  /// How many there are.
  public var count: Int { samples.values.flatMap(\.values).reduce(0) { $0 + $1.count } }

  /// The samples of a task at a length that were asked for.
  public subscript(task: RulerTask, length: Int) -> [RulerSample] { samples[task]?[length] ?? [] }

  /// Writes samples made at this scale as LENGTH/TASK.jsonl, each with its answer's budget.
  public static func write(
    _ samples: [RulerSample], of task: RulerTask, _ length: Int, _ scale: RulerScale, to folder: URL
  ) throws {
    let file = ownFile(of: task, length, in: folder)
    try makeDirectory(file.deletingLastPathComponent())
    try RulerSample.write(told(samples, of: task, scale), to: file)
  }

  /// Refuses a folder that holds other samples of this task and length, such as those of another seed; the same may be
  /// written again.
  /// - Parameter samples: made only where there is something to compare them with
  /// - Throws: a usage error that names the file
  public static func requireNoOther(
    in folder: URL, of task: RulerTask, _ length: Int, _ scale: RulerScale, than samples: () throws -> [RulerSample]
  ) throws {
    let file = ownFile(of: task, length, in: folder)
    guard fileKind(file.path) != nil else { return }
    let text = try JSONLines.text(told(try samples(), of: task, scale))
    if try readFile(file) == Data(text.utf8) { return }
    throw UpcycleError.usage(
      "holds other samples already", at: file.path, expected: "no file, or these very samples",
      hint: "name another folder with `write`, or remove this one")
  }

  private static func ownFile(of task: RulerTask, _ length: Int, in folder: URL) -> URL {
    folder.appendingPathComponent("\(length)").appendingPathComponent("\(task.rawValue).jsonl")
  }

  /// Samples that say their answers' budgets.
  private static func told(_ samples: [RulerSample], of task: RulerTask, _ scale: RulerScale) -> [RulerSample] {
    samples.map { sample in
      var sample = sample
      sample.answerTokens = sample.answerTokens ?? scale.answerTokens(task)
      return sample
    }
  }

  /// Lengths of a folder's samples, and the tasks that all of them have; where samples lie in the folder itself, its name
  /// is their length.
  /// - Parameters:
  ///   - known: tasks to look for
  ///   - asked: lengths to look at; nil: all that there are
  /// - Throws: one line for a folder without samples
  public static func contents(
    of folder: URL, tasks known: [RulerTask] = RulerTask.allCases, lengths asked: [Int]? = nil
  ) throws -> (tasks: [RulerTask], lengths: [Int]) {
    func tasks(in places: [URL], of known: [RulerTask] = known) -> [RulerTask] {
      known.filter { task in
        places.contains { place in
          let names = ["\(task.rawValue).jsonl", "\(task.rawValue)/validation.jsonl"]
          return (names + ["data/\(names[1])"]).contains { fileKind(place.appendingPathComponent($0).path) != nil }
        }
      }
    }
    func place(_ length: Int) -> URL { folder.appendingPathComponent("\(length)") }
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    var lengths = asked ?? names.compactMap { Int($0) }.filter { !tasks(in: [place($0)]).isEmpty }.sorted()
    if lengths.isEmpty, let own = Int(folder.lastPathComponent) { lengths = [own] }
    let found = lengths.map { Set(tasks(in: [place($0)] + (lengths.count == 1 ? [folder] : []))) }
    let shared = known.filter { task in !found.isEmpty && found.allSatisfy { $0.contains(task) } }
    if !shared.isEmpty { return (shared, lengths) }
    if found.contains(where: { !$0.isEmpty }) {
      throw UpcycleError(
        "has no task at all of its lengths", at: folder.path,
        found: lengths.map { formatCount($0) }.joined(separator: " and ") + " tokens",
        hint: "`tasks` and `lengths` name what is there")
    }
    let there = names.compactMap { Int($0) }.filter { !tasks(in: [place($0)], of: RulerTask.allCases).isEmpty }.sorted()
    if !there.isEmpty {
      let own = tasks(in: there.map(place), of: RulerTask.allCases).map(\.rawValue).joined(separator: ",")
      throw UpcycleError(
        "has no samples of these tasks and lengths", at: folder.path,
        expected: "`lengths` of \(there.map(String.init).joined(separator: ",")), `tasks` of \(own)",
        found: asked.map { "`lengths` \($0.map(String.init).joined(separator: ","))" }
          ?? "`tasks` \(known.map(\.rawValue).joined(separator: ","))")
    }
    throw UpcycleError(
      "has no samples of RULER", at: folder.path, expected: "LENGTH/TASK.jsonl or LENGTH/data/TASK/validation.jsonl",
      hint: "of samples in the folder itself `lengths` is the length")
  }

  private static func file(_ folder: URL, _ length: Int, _ task: RulerTask, isOnlyLength: Bool) throws -> URL {
    let (own, theirs) = ("\(task.rawValue).jsonl", "\(task.rawValue)/validation.jsonl")
    var places = ["\(length)/\(own)", "\(length)/data/\(theirs)", "\(length)/\(theirs)"]
    if isOnlyLength { places += [own, theirs, "data/\(theirs)"] }
    let files = places.map(folder.appendingPathComponent)
    if let file = files.first(where: { FileManager.default.fileExists(atPath: $0.path) }) { return file }
    throw UpcycleError(
      "has no samples of \(task.rawValue) at \(length) tokens", at: folder.path,
      expected: places.prefix(2).joined(separator: " or "), hint: "`tasks` and `lengths` name what is there")
  }
}
