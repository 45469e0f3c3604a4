import Evaluation
import Foundation
import Groundwork
import TokenData

/// The documents of a split, from JSON Lines on disk.
struct TaskDocuments {
  let file: URL
  let documents: [JSONValue]
  private let lines: [Int]

  /// A document for errors: its file and line.
  func name(_ index: Int) -> String { "\(file.path):\(lines[index])" }

  /// - Parameter folder: where the data lies; nil: beside the task
  init(_ split: String, of task: PublishedTask, in folder: URL?) throws {
    try self.init(Self.file(split, of: task, in: folder), of: task)
  }

  /// - Parameter file: whatever split it is
  init(_ file: URL, of task: PublishedTask) throws {
    if file.pathExtension == "parquet" { throw Self.parquet(file) }
    var documents: [[String: JSONValue]] = []
    var lines: [Int] = []
    try JSONLines.forEach(in: file) { line, number, place in
      let value = try JSONReader.parse(line, file: place, dialect: .nonFinite) { try $0.value() }
      guard let document = value.object else { throw UpcycleError("is no JSON object", at: place) }
      documents.append(document)
      lines.append(number)
    }
    if documents.isEmpty { throw UpcycleError("holds no documents", at: file.path) }
    self.file = file
    // As datasets reads them, all documents of a file have all of its keys.
    let keys = documents.reduce(into: Set<String>()) { $0.formUnion($1.keys) }
    let absent = Dictionary(uniqueKeysWithValues: keys.map { ($0, JSONValue.null) })
    let whole = documents.map { document in
      JSONValue.object(document.count == keys.count ? document : document.merging(absent) { own, _ in own })
    }
    self.documents = try task.processed(whole) { "\(file.path):\(lines[$0])" }
    self.lines = lines
  }

  /// The task's own file of the split (`dataset_kwargs.data_files`), or one named after task or data set and split.
  private static func file(_ split: String, of task: PublishedTask, in folder: URL?) throws -> URL {
    let folders = [folder, task.file.deletingLastPathComponent()].compactMap { $0 }
    var names: [String] = []
    if let files = task.values["dataset_kwargs"]?["data_files"] {
      if let several = files[split]?.array, several.count > 1 {
        throw UpcycleError(
          "names \(several.count) files of the split \(split)", at: "\(task.file.path): dataset_kwargs.data_files",
          expected: "one", hint: "join them")
      }
      let own = files.string ?? files[split]?.string ?? files[split]?.array?.first?.string
      guard let own else {
        throw UpcycleError("names no file of the split \(split)", at: "\(task.file.path): dataset_kwargs.data_files")
      }
      names = [own]
    } else {
      let sets = [
        task.name, task.text("dataset_name"), task.text("dataset_path").map { ($0 as NSString).lastPathComponent },
      ]
      names = sets.compactMap { $0.map { "\($0)/\(split).jsonl" } } + ["\(split).jsonl"]
    }
    let places = folders.flatMap { folder in
      names.map { $0.hasPrefix("/") ? URL(fileURLWithPath: $0) : folder.appendingPathComponent($0) }
    }
    if let place = places.first(where: { FileManager.default.fileExists(atPath: $0.path) }) { return place }
    let others = places.map { $0.deletingPathExtension().appendingPathExtension("parquet") }
    if let place = others.first(where: { FileManager.default.fileExists(atPath: $0.path) }) { throw parquet(place) }
    throw UpcycleError.usage(
      "the task's documents are not there", at: task.file.path, expected: places.map(\.path).joined(separator: " or "),
      hint: "`data_dir` names the folder; data sets of the Hub are saved by datasets' to_json")
  }

  private static func parquet(_ url: URL) -> UpcycleError {
    UpcycleError(
      "is a Parquet file, which cannot be read", at: url.path, expected: "JSON Lines",
      hint: parquetHint(url.lastPathComponent))
  }
}
