import Foundation
import XCTest

/// A finished run of one of our executables.
public struct CommandResult {
  public var status: Int32
  /// Whether it was ended by a signal and did not end by itself.
  public var wasKilled: Bool
  public var output: String
  public var error: String

  /// The error lines that a user sees (progress lines aside).
  public var errorLines: [String] { error.split(separator: "\n").map(String.init).filter { $0.hasPrefix("error:") } }
}

/// The folder of the built executables: that of the test bundle.
public func builtProducts() -> URL { URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent() }

/// Runs a built executable, or one of the system by its path, and waits.
/// - Parameters:
///   - folder: where it runs; the repository's root unless given.
///   - environment: variables on top of this process's own.
///   - isOver: asked every few milliseconds while it runs; it is killed (kill -9) when the answer is yes.
public func launch(
  _ tool: String, _ arguments: [String], in folder: URL = repositoryRoot(), environment: [String: String] = [:],
  killWhen isOver: (() -> Bool)? = nil
) throws -> CommandResult {
  let process = Process()
  process.executableURL =
    tool.hasPrefix("/") ? URL(fileURLWithPath: tool) : builtProducts().appendingPathComponent(tool)
  process.arguments = arguments
  process.currentDirectoryURL = folder
  process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
  let scratch = try temporaryFolder()
  defer { try? FileManager.default.removeItem(at: scratch) }
  // Files, not pipes: nothing blocks however much is printed.
  let outputs = try ["out", "err"].map { name -> FileHandle in
    let url = scratch.appendingPathComponent(name)
    _ = FileManager.default.createFile(atPath: url.path, contents: nil)
    return try FileHandle(forUpdating: url)
  }
  process.standardOutput = outputs[0]
  process.standardError = outputs[1]
  process.standardInput = FileHandle.nullDevice
  try process.run()
  if let isOver {
    while process.isRunning {
      if isOver() { kill(process.processIdentifier, SIGKILL) }
      Thread.sleep(forTimeInterval: 0.002)
    }
  }
  process.waitUntilExit()
  let texts = ["out", "err"].map { name in
    (try? String(decoding: Data(contentsOf: scratch.appendingPathComponent(name)), as: UTF8.self)) ?? ""
  }
  return CommandResult(
    status: process.terminationStatus, wasKilled: process.terminationReason == .uncaughtSignal, output: texts[0],
    error: texts[1])
}

/// Runs a training command, kills it (kill -9) when the next checkpoint stands somewhere below `run`, and fails
/// unless it was under way then: a state that the same command goes on from, and no finished model in `out`.
public func launchAndKillAtACheckpoint(
  _ tool: String, _ arguments: [String], out: String, run: String? = nil, file: StaticString = #filePath,
  line: UInt = #line
) throws {
  func states() -> Set<String> {
    let names = FileManager.default.enumerator(atPath: run ?? out)?.compactMap { $0 as? String } ?? []
    return Set(names.filter { $0.hasSuffix(".safetensors") && ($0 as NSString).lastPathComponent.hasPrefix("state-") })
  }
  let before = states()
  let result = try launch(tool, arguments, killWhen: { !states().isSubset(of: before) })
  let command = "\(tool) \(arguments.joined(separator: " "))"
  XCTAssertTrue(
    result.wasKilled, "ended before a checkpoint stood: \(command)\n\(result.error)", file: file, line: line)
  XCTAssertFalse(states().isEmpty, "nothing to go on from: \(command)", file: file, line: line)
  XCTAssertFalse(
    FileManager.default.fileExists(atPath: out + "/model.safetensors"), "finished before the kill: \(command)",
    file: file, line: line)
}

/// Runs a built executable on ranks of Open MPI; skips the test where there is no mpirun.
public func launchRanks(_ count: Int, _ tool: String, _ arguments: [String]) throws -> CommandResult {
  try launchJob(tool, Array(repeating: arguments, count: count))
}

/// The same with arguments for each rank, which mpirun gets as ": -np 1 TOOL ARGUMENTS".
/// - Parameter isOver: see `launch`; kills mpirun
public func launchJob(
  _ tool: String, _ arguments: [[String]], killWhen isOver: (() -> Bool)? = nil
) throws -> CommandResult {
  let mpirun = "/usr/bin/mpirun"
  guard FileManager.default.isExecutableFile(atPath: mpirun) else { throw XCTSkip("skipped: mpirun absent") }
  let path = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent().appendingPathComponent(tool)
    .path
  let ranks = arguments.map { ["-np", "1", path] + $0 }.joined(separator: [":"])
  return try launch(
    mpirun, ["--allow-run-as-root", "--oversubscribe", "--mca", "btl_vader_single_copy_mechanism", "none"] + ranks,
    killWhen: isOver)
}

/// Runs a built executable and fails unless it ends with status 0; gives back what it printed.
@discardableResult
public func assertSucceeds(
  _ tool: String, _ arguments: [String], file: StaticString = #filePath, line: UInt = #line
) throws -> CommandResult {
  let result = try launch(tool, arguments)
  XCTAssertEqual(
    result.status, 0, "\(tool) \(arguments.joined(separator: " "))\n\(result.error)", file: file, line: line)
  return result
}

/// Fails unless the command ends with `status` and exactly one error line that contains `words`.
public func assertRefused(
  _ tool: String, _ arguments: [String], status: Int32, saying words: [String], file: StaticString = #filePath,
  line: UInt = #line
) throws {
  let result = try launch(tool, arguments)
  let command = "\(tool) \(arguments.joined(separator: " "))"
  XCTAssertEqual(result.status, status, "\(command)\n\(result.error)", file: file, line: line)
  XCTAssertEqual(result.errorLines.count, 1, "\(command)\n\(result.error)", file: file, line: line)
  for word in words {
    XCTAssertTrue(
      result.errorLines.first?.contains(word) == true, "\(command)\nexpected \"\(word)\" in: \(result.error)",
      file: file, line: line)
  }
}

/// Gives a model folder the committed tokenizer of the microworld's models.
public func giveTokenizer(to model: URL) throws {
  let tokenizer = repositoryRoot().appendingPathComponent("experiments/teachers/tokenizer")
  for name in ["tokenizer.json", "tokenizer_config.json"] {
    try FileManager.default.copyItem(
      at: tokenizer.appendingPathComponent(name), to: model.appendingPathComponent(name))
  }
}

/// Exchanges two pieces of a folder's tokenizer: another one with as many ids.
public func exchangeTwoPieces(ofTokenizerIn folder: URL) throws {
  let file = folder.appendingPathComponent("tokenizer.json")
  let text = String(decoding: try Data(contentsOf: file), as: UTF8.self)
  let changed = text.replacingOccurrences(of: "\"!\": 35,", with: "\"!\": 37,")
    .replacingOccurrences(of: "\"#\": 37,", with: "\"#\": 35,")
  XCTAssertNotEqual(changed, text, "the pieces to exchange stand where they are looked for")
  try Data(changed.utf8).write(to: file)
}

/// 400 short documents in `folder`/shards, packed with a model's tokenizer.
public func packSentences(for model: String, in folder: URL) throws {
  let lines = (0..<400).map { "The key number \($0) opens the \(["red", "old", "tall"][$0 % 3]) gate of the town." }
  let text = folder.appendingPathComponent("text.txt")
  try Data(lines.joined(separator: "\n\n").utf8).write(to: text)
  try assertSucceeds(
    "shards",
    ["pack", "--input", text.path, "--tokenizer", model, "--out", folder.appendingPathComponent("shards").path])
}
