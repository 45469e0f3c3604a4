import ArgumentParser
import Foundation
import Groundwork
import Synchronization

/// `--out` and `--force`: the folder that a command writes. What lies there is never destroyed by accident: the same
/// command on its own finished result says so and ends well; any other one names what it would destroy and stops, unless
/// it is forced; what no command of ours made is left alone even then.
public struct OutputFolder: ParsableArguments {
  /// As given.
  @Option(help: "Folder to write.") public var out: String
  /// Whether what the folder holds may go.
  @Flag(help: "Replace the model, shards or training that the folder holds.") public var force = false

  /// For the argument parser.
  public init() {}

  /// A command's JSON, naming the model that it wrote.
  public func naming(_ result: JSONValue) -> JSONValue { result.merging(.object(["model": .string(out)])) }

  /// Where the folder will be, without `..`: what is looked at is what `AtomicFolder` replaces.
  public var url: URL { URL(fileURLWithPath: out).standardizedFileURL }

  /// What a command that wrote a folder says; kept in it, for the next time it is asked for the same.
  public struct Report: Codable, Sendable {
    /// For people.
    public var text: String
    /// For scripts; nil: the command has no `--json`.
    public var json: JSONValue?
    /// Path -> SHA-256 of what the command wrote beside the folder; nil: nothing.
    var beside: [String: String]?
    /// Path in the folder -> bytes of what the command wrote there; nil: not noted then.
    var files: [String: Int]?

    /// See the properties.
    public init(_ text: String, json: JSONValue? = nil) {
      self.text = text
      self.json = json
    }
  }

  // MARK: A folder that appears whole

  /// Writes the folder and prints the report; finds it finished where the same command wrote it from the same contents.
  /// - Parameters:
  ///   - inputs: files and folders that the command reads, as given
  ///   - json: prints the report's JSON
  ///   - body: writes into a folder that becomes the output when it is done
  /// - Throws: usage errors for a folder that holds something else
  public func write(from inputs: [String?], json: Bool = false, _ body: (URL) throws -> Report) throws {
    try write(from: inputs, beside: nil, json: json) { folder, _ in try body(folder) }
  }

  /// The same with a second folder, as given, that appears whole before the output does; the output is finished where it
  /// is as the command left it.
  /// - Parameter body: writes into the folders that become the output and, unless `beside` is nil, the one beside it
  /// - Throws: usage errors for folders that hold something else
  public func write(
    from inputs: [String?], beside: String?, json: Bool = false, _ body: (URL, _ beside: URL?) throws -> Report
  ) throws {
    let inputs = inputs.compactMap { $0 }
    for case let folder? in [out, beside] {
      try keepApart(folder, from: inputs)
      try refuseDeadLink(URL(fileURLWithPath: folder))
    }
    let contents = try FolderContents(of: url)
    // A large checkpoint is read for its digest beside the work on it.
    let origin = Pending { isWanted in
      try FolderOrigin(command: commandLine(), inputs: inputs, isWanted: isWanted)
    }
    // No thread may be at work when the process ends.
    defer { origin.cancel() }
    var lost: String?
    if contents != .nothing {
      let isOwn = try FolderOrigin(of: url) == origin.get()
      lost = isOwn ? try lostPart() : nil
      if isOwn, lost == nil, let report = finishedReport,
        try report.beside == beside.map({ try FolderOrigin.digests(of: [$0]) })
      {
        // A kill may have come before the clean-up.
        AtomicFolder.removeLeftovers(of: url)
        printNote(finishedNote)
        return try show(report, json: json)
      }
      // Of an own result that lost a part nothing goes that is not made again.
      let hasLost = isOwn && beside != nil || lost != nil
      guard force || hasLost, contents.isOurs || lost != nil else {
        throw try inTheWay(contents, at: url, of: inputs, now: origin.get())
      }
      try requireNothingForeign(in: url)
    }
    let second = try beside.map { path -> AtomicFolder in
      let place = URL(fileURLWithPath: path).standardizedFileURL
      let there = try FolderContents(of: place)
      // The same command may have been killed between the two folders' appearing.
      let mayGo =
        try there == .nothing || force && there.isOurs
        || (contents == .nothing || lost != nil) && FolderOrigin(of: place) == origin.get()
      guard mayGo else { throw try inTheWay(there, at: place, of: inputs, now: origin.get()) }
      if there != .nothing { try requireNothingForeign(in: place) }
      return try AtomicFolder(place)
    }
    if let lost { printNote("note: \(out): has lost \(lost); it is made again") }
    let folder = try AtomicFolder(url)
    var report = try body(folder.work, second?.work)
    if let second, let beside {
      try origin.get().write(to: second.work)
      try second.commit()
      report.beside = try FolderOrigin.digests(of: [beside])
    }
    report.files = Self.sizes(of: folder.work)
    try origin.get().write(to: folder.work)
    try writeFile(jsonText(report, pretty: true) + "\n", to: folder.work.appendingPathComponent(Self.reportName))
    try folder.commit()
    try show(report, json: json)
  }

  /// Refuses to take with a folder what no command of ours made.
  private func requireNothingForeign(in folder: URL) throws {
    if let file = FolderContents.foreignFile(in: folder) { throw FolderContents.wouldTake(file, with: folder) }
  }

  /// What the command's own finished result has lost since; nil: nothing that is known.
  /// - Throws: a usage error where what somebody put there would go with it
  private func lostPart() throws -> String? {
    guard let files = finishedReport?.files, let lost = Self.lost(files, in: url) else { return nil }
    if let foreign = Self.foreign(to: files, in: url) {
      throw UpcycleError.usage(
        "has lost \(lost), and holds what the command did not make (\(foreign))", at: url.path,
        hint: "move that away, or name another `out`")
    }
    return lost
  }

  /// Says why the same command does not know its own work again, where it read what can be read but once.
  private func inTheWay(
    _ contents: FolderContents, at place: URL, of inputs: [String], now: FolderOrigin
  ) -> UpcycleError {
    let found = try? FolderOrigin(of: place)
    let maker = found?.command == now.command ? found : nil
    let changed = inputs.filter { input in maker.map { $0.inputs[input] != now.inputs[input] } ?? false }
    var error = contents.inTheWay(at: place, changed: changed)
    if contents.isOurs, let input = FolderOrigin.passing(inputs), maker != nil {
      error.hint =
        "what comes through \(input) cannot be told from what came then; "
        + "replace it with `force`, or name another `out`"
    }
    return error
  }

  private static let reportName = "report.json"
  /// Whether a file of this name says what a command said that made its folder.
  static func isReport(_ name: String) -> Bool { name == reportName }

  /// Path -> bytes of every file in a folder.
  private static func sizes(of folder: URL) -> [String: Int] {
    var sizes: [String: Int] = [:]
    for path in (try? FileManager.default.subpathsOfDirectory(atPath: folder.path)) ?? [] {
      sizes[path] = size(folder.appendingPathComponent(path))
    }
    return sizes
  }

  /// nil for what is no file.
  private static func size(_ file: URL) -> Int? {
    var status = stat()
    return stat(file.path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG ? Int(status.st_size) : nil
  }

  /// The first of these files that is missing, or of weights or shards that were cut. What somebody has edited is no loss.
  private static func lost(_ files: [String: Int], in folder: URL) -> String? {
    files.sorted { $0.key < $1.key }.first { path, bytes in
      guard let found = size(folder.appendingPathComponent(path)) else { return true }
      return found < bytes && (path.hasSuffix(".safetensors") || path.hasSuffix(".zst"))
    }?.key
  }

  /// The first file in the folder that is none of these.
  private static func foreign(to files: [String: Int], in folder: URL) -> String? {
    sizes(of: folder).keys.sorted().first { files[$0] == nil && !isReport($0) && !FolderOrigin.isRecord($0) }
  }

  private var finishedReport: Report? {
    try? decodeJSON(Report.self, contentsOf: url.appendingPathComponent(Self.reportName))
  }

  private var finishedNote: String { "\(out): finished already by the same command; nothing was written" }

  private func show(_ report: Report, json: Bool) throws {
    try printResult(json ? report.json?.text(pretty: true) ?? "{}" : report.text)
  }

  // MARK: A folder that a training fills

  /// Makes room for a training: refuses what is neither a training nor a model, of which the training itself knows whether
  /// it is its own.
  public func prepare(for inputs: [String?]) throws {
    try keepApart(out, from: inputs.compactMap { $0 })
    try refuseDeadLink(url)
    let contents = try FolderContents(of: url)
    switch contents {
    case .training(isFinished: true) where !Self.hasWeights(url):
      guard force else {
        throw UpcycleError(
          "holds a finished training that has lost its weights", at: url.path, expected: "model.safetensors",
          hint: "train it anew with `force`, or name another `out`")
      }
      try requireNothingForeign(in: url)
      try FileManager.default.removeItem(at: url)
    case .nothing, .training, .model: return
    case .others: throw contents.inTheWay(at: url)
    case .shards, .microworld, .tokenizer:
      guard force else { throw contents.inTheWay(at: url) }
      try requireNothingForeign(in: url)
      try FileManager.default.removeItem(at: url)
    }
  }

  private static func hasWeights(_ folder: URL) -> Bool {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return names.contains { $0 == "model.safetensors" || $0 == "model.safetensors.index.json" }
  }

  /// Says so if the model was complete at that time already, and still is that model.
  public func noteFinished(since before: Date?) {
    if let before, before == finishedAt { printNote(finishedNote) }
  }

  /// When the model there became complete; nil: it is not.
  public var finishedAt: Date? {
    let file = url.appendingPathComponent("config.json").path
    return (try? FileManager.default.attributesOfItem(atPath: file))?[.modificationDate] as? Date
  }

  private func keepApart(_ folder: String, from inputs: [String]) throws {
    if folder.isEmpty { throw UpcycleError.usage("is empty", at: "--out", expected: "a folder") }
    func place(_ path: String) -> String { resolvedPath(URL(fileURLWithPath: path)) }
    if inputs.contains(where: { place($0) == place(folder) }) {
      throw UpcycleError.usage("is what the command reads", at: "--out", expected: "another folder", found: folder)
    }
  }
}

/// A value that is made beside what goes on.
private final class Pending<Value: Sendable>: Sendable {
  private let group = DispatchGroup()
  private let result = Mutex<Result<Value, any Error>?>(nil)
  private let isWanted = Atomic(true)

  /// - Parameter make: asks its argument now and then whether to go on
  init(_ make: @escaping @Sendable (() -> Bool) throws -> Value) {
    DispatchQueue.global().async(group: group) {
      let made = Result { try make { self.isWanted.load(ordering: .relaxed) } }
      self.result.withLock { $0 = made }
    }
  }

  /// Waits for it.
  func get() throws -> Value {
    group.wait()
    return try result.withLock { try $0!.get() }
  }

  /// Ends the work on it, and waits for that.
  func cancel() {
    isWanted.store(false, ordering: .relaxed)
    group.wait()
  }
}

/// The command line as a user would type it, without what only decides how results are shown.
func commandLine() -> String {
  let program = URL(fileURLWithPath: CommandLine.arguments.first ?? "").lastPathComponent
  let words = CommandLine.arguments.dropFirst().filter { !["--force", "--json", "--quiet"].contains($0) }
  return ([program] + words.map(shellQuoted)).joined(separator: " ")
}
