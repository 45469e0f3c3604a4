import Foundation

/// What a folder holds, as far as a command needs to know that would write over it.
public enum FolderContents: Equatable, Sendable {
  /// There is no such folder, or an empty one.
  case nothing
  /// A model that was trained there, or a training that goes on.
  case training(isFinished: Bool)
  /// config.json and weights.
  case model
  /// Token shards.
  case shards
  /// The files of a microworld.
  case microworld
  /// A tokenizer alone.
  case tokenizer
  /// Nothing of ours; the first names.
  case others([String])

  /// - Throws: where the place is a file
  public init(of folder: URL) throws {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: folder.path, isDirectory: &isFolder) else {
      self = .nothing
      return
    }
    guard isFolder.boolValue else {
      throw UpcycleError.usage("is a file", at: folder.path, expected: "a folder to write")
    }
    let names: [String]
    do { names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() } catch {
      throw UpcycleError("cannot be listed", at: folder.path)
    }
    func has(_ path: String) -> Bool {
      FileManager.default.fileExists(atPath: folder.appendingPathComponent(path).path)
    }
    let manifest = try? JSONValue(contentsOf: folder.appendingPathComponent("manifest.json"))
    if names.isEmpty {
      self = .nothing
    } else if has("run/plan.json") || Self.hasJustBegun(folder, names) {
      self = .training(isFinished: has("config.json"))
    } else if has("config.json"), names.contains(where: Self.isWeights) || FolderOrigin.isRecorded(folder) {
      self = .model
    } else if manifest?["shards"] != nil {
      self = .shards
    } else if manifest?["knobs"] != nil {
      self = .microworld
    } else if has("tokenizer.json") {
      self = .tokenizer
    } else {
      self = .others(names)
    }
  }

  /// Whether a training was killed here before it had written its plan.
  private static func hasJustBegun(_ folder: URL, _ names: [String]) -> Bool {
    guard names == ["run"] else { return false }
    let run = folder.appendingPathComponent("run")
    let names = (try? FileManager.default.contentsOfDirectory(atPath: run.path)) ?? ["?"]
    return names.allSatisfy { ["lock", "teacher"].contains($0) || $0.hasPrefix(".") && $0.hasSuffix(".tmp") }
  }

  private static func isWeights(_ name: String) -> Bool {
    name.hasSuffix(".safetensors") || name.hasSuffix(".safetensors.index.json")
  }

  /// The first file in a folder of ours that no command writes there: what `--force` must not take with it.
  public static func foreignFile(in folder: URL) -> String? {
    func json(_ name: String) -> JSONValue? { try? JSONValue(contentsOf: folder.appendingPathComponent(name)) }
    // Shards and a microworld say what they hold, and a command that made a folder what it left there.
    let manifest = json("manifest.json")
    let listed = ["shards", "files"].flatMap { manifest?[$0]?.array ?? [] }.compactMap { $0["file"]?.string }
    let reported = (json("report.json")?["files"]?.object ?? [:]).keys
    let own = Set(listed).union(reported).union([
      "config.json", "manifest.json", "report.json", "documents.zst", "answers.zst", FolderOrigin.fileName,
    ])
    let weights = /model(-[0-9]+-of-[0-9]+)?\.safetensors(\.index\.json)?/
    let paths = ((try? FileManager.default.subpathsOfDirectory(atPath: folder.path)) ?? []).sorted()
    let isTraining = paths.contains("run/plan.json") || paths.first == "run"
    return paths.first { path in
      var isFolder: ObjCBool = false
      let file = folder.appendingPathComponent(path).path
      if FileManager.default.fileExists(atPath: file, isDirectory: &isFolder), isFolder.boolValue { return false }
      let parts = path.split(separator: "/").map(String.init)
      // Left by a process that was killed.
      if parts.contains(where: { $0.hasPrefix(".") && $0.hasSuffix(".tmp") }) || own.contains(path) { return false }
      if parts.count > 1 { return !(isTraining && isPartOfTraining(parts)) }
      return path.wholeMatch(of: weights) == nil && (!isTokenizerFile(path) || path.hasSuffix(".md"))
    }
  }

  /// Whether a path in a folder is what a training leaves there: plan, tables, measurements, states and models.
  private static func isPartOfTraining(_ parts: [String]) -> Bool {
    guard parts[0] == "run" else { return false }
    if parts.count > 2 { return ["best", "checkpoint", "teacher"].contains(parts[1]) }
    return parts[1] == "lock" || parts[1].hasSuffix(".json") || parts[1].hasSuffix(".csv")
  }

  /// The error of a command that would take this file with the folder.
  public static func wouldTake(_ file: String, with folder: URL) -> UpcycleError {
    .usage(
      "holds what this command did not make", at: folder.path, found: file, hint: "move it away, or name another `out`")
  }

  /// Whether a command made it that `--force` may undo.
  public var isOurs: Bool { if case .others = self { false } else { true } }

  /// Such as "a trained model".
  public var description: String {
    switch self {
    case .nothing: return "nothing"
    case .training(let isFinished): return isFinished ? "a trained model" : "an unfinished training"
    case .model: return "a model"
    case .shards: return "token shards"
    case .microworld: return "a microworld"
    case .tokenizer: return "a tokenizer"
    case .others(let names):
      return "other files (\(names.prefix(3).joined(separator: ", "))\(names.count > 3 ? ", …" : ""))"
    }
  }

  /// The error of a command that finds this in its way: names it, and what made it.
  /// - Parameter changed: inputs of the command that lie there with other contents than when the same command made it
  public func inTheWay(at folder: URL, changed: [String] = []) -> UpcycleError {
    let maker = (try? FolderOrigin(of: folder))?.map { ", made by `\($0.command)`" } ?? ""
    return .usage(
      "holds \(description) already\(maker)\(changed.isEmpty ? "" : " from another \(changed.joined(separator: ", "))")",
      at: folder.path,
      hint: isOurs ? "name another `out`, or replace it with `force`" : "name another `out`, or clear it")
  }
}

/// Whether a file of this name, in a model's folder, makes or accompanies its tokenizer: vocabulary, merges, settings, chat
/// template and generation settings.
public func isTokenizerFile(_ name: String) -> Bool {
  let names = [
    "added_tokens.json", "encoder.json", "generation_config.json", "merges.txt", "sentencepiece.bpe.model",
    "special_tokens_map.json", "spiece.model", "tekken.json",
  ]
  return names.contains(name)
    || name.contains(".") && ["chat_template", "tok", "vocab"].contains { name.hasPrefix($0) }
}

/// What made a folder: the command, word for word, and the contents of what it read. It lies there as made-by.json, so
/// that the same command knows its own work and any other can say what it would destroy.
public struct FolderOrigin: Codable, Equatable, Sendable {
  /// Such as "xecomla convert --model base --kv-rank 16 --out runs/mla".
  public let command: String
  /// Path as given -> SHA-256 of what lay there.
  public let inputs: [String: String]

  static let fileName = "made-by.json"
  /// Whether a file of this name says what made its folder.
  public static func isRecord(_ name: String) -> Bool { name == fileName }
  /// Whether it is written down what made a folder.
  public static func isRecorded(_ folder: URL) -> Bool {
    FileManager.default.fileExists(atPath: folder.appendingPathComponent(fileName).path)
  }

  /// - Parameters:
  ///   - command: without what only decides how results are shown
  ///   - inputs: files and folders, of which subfolders do not count
  ///   - isWanted: asked while large files are read
  /// - Throws: where an input cannot be read; `CancellationError` once this is not wanted any more
  public init(command: String, inputs: [String], isWanted: () -> Bool = { true }) throws {
    self.command = command
    self.inputs = try Self.digests(of: inputs, isWanted: isWanted)
  }

  /// Path as given -> SHA-256 of what lies there; see `init(command:inputs:isWanted:)`.
  public static func digests(of paths: [String], isWanted: () -> Bool = { true }) throws -> [String: String] {
    try paths.reduce(into: [:]) { $0[$1] = try contentHash(URL(fileURLWithPath: $1), isWanted) }
  }

  /// The first of these inputs that can be read but once, such as a pipe: whether what it brings is the same cannot be told.
  public static func passing(_ paths: [String]) -> String? { paths.first(where: canBeReadButOnce) }

  /// Of a folder; nil where nothing is written down.
  public init?(of folder: URL) throws {
    let file = folder.appendingPathComponent(Self.fileName)
    guard FileManager.default.fileExists(atPath: file.path) else { return nil }
    self = try decodeJSON(FolderOrigin.self, contentsOf: file, what: "a note of what made a folder")
  }

  /// Writes it into a folder.
  public func write(to folder: URL) throws {
    try writeFile(jsonText(self, pretty: true) + "\n", to: folder.appendingPathComponent(Self.fileName))
  }
}

private func canBeReadButOnce(_ path: String) -> Bool {
  var status = stat()
  if (path as NSString).lastPathComponent == "-" { return true }
  return stat(path, &status) == 0 && ![S_IFREG, S_IFDIR].contains(status.st_mode & S_IFMT)
}

/// SHA-256 of a file, or of the names and contents of a folder's files. What can be read but once, such as a pipe, is
/// never the same; what is absent is, and fails where it is read.
private func contentHash(_ url: URL, _ isWanted: () -> Bool) throws -> String {
  var status = stat()
  guard url.lastPathComponent != "-", stat(url.path, &status) == 0 else { return UUID().uuidString }
  switch status.st_mode & S_IFMT {
  case S_IFREG: return try sha256(fileAt: url, isWanted: isWanted)
  case S_IFDIR: break
  default: return UUID().uuidString
  }
  let names = ((try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? []).sorted()
  let files = try names.compactMap { name -> String? in
    let file = url.appendingPathComponent(name)
    guard stat(file.path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    return try "\(name) \(sha256(fileAt: file, isWanted: isWanted))"
  }
  return sha256(files.joined(separator: "\n"))
}

/// A word as a shell reads it: quoted where it holds anything but letters, digits and harmless signs.
public func shellQuoted(_ word: String) -> String {
  let isPlain =
    !word.isEmpty
    && word.unicodeScalars.allSatisfy { scalar in
      CharacterSet.alphanumerics.contains(scalar) || "-_./=:,@%+".unicodeScalars.contains(scalar)
    }
  return isPlain ? word : "'" + word.replacingOccurrences(of: "'", with: #"'\''"#) + "'"
}
