import Foundation
import Groundwork

/// The folders of a checkout that the lab reads and writes.
public struct Laboratory: Sendable {
  /// The repository's root.
  public let root: URL
  /// What a matrix product makes on one thread of this machine, GFLOP/s, by which times of records made elsewhere are
  /// scaled. Whoever runs stages measures it: nothing here multiplies matrices.
  public var gflops: Double?

  /// - Parameter root: the folder with `experiments/`
  public init(root: URL) { self.root = root }

  /// The nearest folder at or above `start` that holds `experiments/`.
  public static func containing(_ start: URL) throws -> Laboratory {
    var folder = start.standardizedFileURL
    while true {
      let candidate = folder.appendingPathComponent("experiments")
      if FileManager.default.fileExists(atPath: candidate.path) { return Laboratory(root: folder) }
      let parent = folder.deletingLastPathComponent().standardizedFileURL
      if parent.path == folder.path {
        throw UpcycleError.usage(
          "no experiments folder here or above", at: start.path,
          hint: "run inside the repository, or name it: lab --root, or UPCYCLE_ROOT for the other tools")
      }
      folder = parent
    }
  }

  /// Specs, published numbers and committed records, a folder a paper.
  public var experiments: URL { root.appendingPathComponent("experiments") }
  /// Tables and figures, and the scripts that draw them.
  public var figures: URL { root.appendingPathComponent("figures") }
  /// Everything that is not committed.
  public var runs: URL { root.appendingPathComponent("runs") }
  /// Outputs of stages by key.
  public var cache: URL { runs.appendingPathComponent("cache") }

  /// Whose records: those committed with the repository, or those of this checkout's own runs, which git does not see.
  public enum RecordSet: Sendable { case committed, own }

  /// Tables and figures of records.
  func figures(of records: RecordSet) -> URL { records == .own ? runs.appendingPathComponent("figures") : figures }

  /// The records of a spec in a profile: committed ones under `experiments/`, own ones under `runs/`. A profile that is
  /// not recorded has own ones alone.
  func recordFile(_ spec: Spec, _ profile: Profile, _ records: RecordSet = .committed) -> URL {
    let isOwn = records == .own || !profile.recorded
    let folder = isOwn ? runs : experiments.appendingPathComponent(spec.paper)
    return folder.appendingPathComponent("records/\(isOwn ? spec.name : spec.item).\(profile.name).jsonl")
  }

  /// Where the items of a record of that spec and key lie.
  func itemFile(_ spec: Spec, _ profile: Profile, key: String, _ records: RecordSet = .committed) -> ItemFile {
    let folder = recordFile(spec, profile, records).deletingLastPathComponent()
    return ItemFile(url: folder.appendingPathComponent("items/\(key).zst"))
  }

  /// The items of a key that another experiment's record carries, beside the records of this one.
  func copyItems(of key: String, to plan: Plan, _ records: RecordSet) throws {
    let target = itemFile(plan.spec, plan.profile, key: key, records).url
    if FileManager.default.fileExists(atPath: target.path) { return }
    for paper in try Self.entries(experiments) {
      let source = paper.appendingPathComponent("records/items/\(key).zst")
      guard FileManager.default.fileExists(atPath: source.path) else { continue }
      return try writeFile(readFile(source), to: target)
    }
  }

  /// Removes the items of a record that is no more, unless another experiment's record has the same key.
  func dropItems(of key: String, from plan: Plan) throws {
    let file = itemFile(plan.spec, plan.profile, key: key)
    guard file.exists, try !records(inProfile: plan.profile.name).contains(where: { $0.key == key }) else { return }
    try FileManager.default.removeItem(at: file.url)
  }

  /// Committed records of a paper's specs, or of all, in profiles of this name.
  func records(inProfile name: String, paper: String? = nil) throws -> [Record] {
    let papers = try paper.map { [experiments.appendingPathComponent($0)] } ?? Self.entries(experiments)
    let files = try papers.flatMap { paper -> [URL] in
      let folder = paper.appendingPathComponent("records")
      guard FileManager.default.fileExists(atPath: folder.path) else { return [] }
      return try Self.entries(folder).filter { $0.lastPathComponent.hasSuffix(".\(name).jsonl") }
    }
    return try files.flatMap { try RecordFile(url: $0).read() }
  }

  /// Committed records of the experiment `PAPER/ITEM` in a profile; none where there are none.
  public func records(of name: String, inProfile profile: String) throws -> [Record] {
    let (paper, item) = (name.prefix { $0 != "/" }, name.drop { $0 != "/" }.dropFirst())
    return try RecordFile(url: experiments.appendingPathComponent("\(paper)/records/\(item).\(profile).jsonl")).read()
  }

  /// Names of all specs, sorted so that table2 comes before table10. A file without a title is a
  /// fragment for others to extend.
  public func specNames() throws -> [String] { try specNames(in: papers()) }

  private func specNames(in papers: [URL]) throws -> [String] {
    try papers.flatMap { paper in
      try Self.entries(paper).filter { $0.pathExtension == "json5" }
        .filter { try JSONValue(contentsOf: $0, json5: true)["title"] != nil }
        .map { "\(paper.lastPathComponent)/\($0.deletingPathExtension().lastPathComponent)" }
    }.sorted { $0.compare($1, options: .numeric) == .orderedAscending }
  }

  /// A folder a paper, and others, such as that of the teachers, that hold no spec.
  private func papers() throws -> [URL] {
    try Self.entries(experiments).filter {
      (try? $0.resourceValues(forKeys: [.isDirectoryKey]).isDirectory) == true
    }
  }

  /// The spec `PAPER/ITEM`.
  /// - Throws: a usage error that lists the known ones, or what is wrong with the file
  public func spec(_ name: String) throws -> Spec {
    let file = experiments.appendingPathComponent("\(name).json5")
    guard FileManager.default.fileExists(atPath: file.path) else {
      let known = (try? specNames()) ?? []
      let papers = Set(known.map { String($0.prefix { $0 != "/" }) })
      let near = nearest(to: name, among: known + papers.sorted())
      throw UpcycleError.usage(
        "no experiment is called \"\(name)\"", at: experiments.path,
        hint: known.isEmpty
          ? "there are none here" : (near.map { "did you mean \($0)? " } ?? "") + "lab list shows all \(known.count)")
    }
    return try Spec(name: name, contentsOf: file)
  }

  /// The named specs, each once; a paper's name stands for all of its specs, no name for all. Other files are not looked
  /// into: one that is being written stops nobody.
  public func specs(_ names: [String]) throws -> [Spec] {
    if names.isEmpty { return try specNames().map(spec) }
    let papers = try papers()
    var seen: Set<String> = []
    return try names.flatMap { name -> [String] in
      let inside = try specNames(in: papers.filter { $0.lastPathComponent == name })
      return inside.isEmpty ? [name] : inside
    }.filter { seen.insert($0).inserted }.map(spec)
  }

  /// What a folder holds, sorted; hidden files are of editors and of writers under way.
  static func entries(_ folder: URL) throws -> [URL] {
    do {
      return try FileManager.default.contentsOfDirectory(
        at: folder, includingPropertiesForKeys: [.isDirectoryKey]
      ).filter { !$0.lastPathComponent.hasPrefix(".") }.sorted { $0.path < $1.path }
    } catch { throw UpcycleError("cannot list this folder", at: folder.path) }
  }
}
